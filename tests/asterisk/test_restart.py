"""Asterisk crashes under calls and comes back: the controller is back by itself, and nothing is left."""

from __future__ import annotations

import asyncio

from callflow.table import State
from tests.asterisk.scene import GREETING, Scene, spoken_ms


async def whole_call(scene: Scene) -> None:
    """A call from its greeting to the end that the flow has for an order."""
    since = len(scene.facts)
    ended = len(scene.ended_ids)
    call = await scene.phones.dial("100")
    await scene.reaches(State.LISTENING, since=since)
    assert abs(call.heard.audible_ms() - spoken_ms(GREETING)) < 100
    scene.words.append("order")
    await call.says("order them please")
    await call.hung_up(15)
    record = await scene.ended(ended + 1)
    assert (record.disposition, record.ignored_events) == ("ordered", 0)
    await scene.nothing_left()


async def test_a_crash_ends_the_calls_in_the_record_and_the_next_call_works() -> None:
    async with Scene() as scene:
        first = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        since = len(scene.facts)
        second = await scene.phones.dial("100", caller="+380509998877")
        await scene.reaches(State.GREETING, since=since)
        await asyncio.to_thread(scene.lab.kill)
        await scene.logged("ari.down")
        await asyncio.to_thread(scene.lab.start)
        await scene.ended(2)
        for call_id in scene.ended_ids:
            record = await scene.record(call_id)
            assert (record.disposition, record.ignored_events) == ("hung_up", 0)
            assert record.ended_at is not None
        await asyncio.gather(first.hang_up(), second.hang_up())  # their own side never heard of the crash
        await scene.nothing_left()
        await whole_call(scene)


async def test_a_crash_while_a_caller_waits_for_people() -> None:
    async with Scene(words=("person",), lab={"queue_timeout_s": 30, "queue_ring_s": 30}) as scene:
        operator = scene.phones.extension("201").rings_out()
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        await call.says("a person please")
        ringing = await operator.rings()
        await asyncio.to_thread(scene.lab.kill)
        await scene.logged("ari.down")
        await asyncio.to_thread(scene.lab.start)
        assert (await scene.ended()).disposition == "abandoned"
        await asyncio.gather(call.hang_up(), ringing.hang_up())
        await scene.nothing_left()


async def test_an_asterisk_that_is_away_at_the_start_is_waited_for() -> None:
    async with Scene(controller=False) as scene:
        await asyncio.to_thread(scene.lab.kill)
        starting = asyncio.create_task(scene.start_controller())
        await scene.logged("ari.waiting")
        assert not starting.done()
        await asyncio.to_thread(scene.lab.start)
        await starting
        await whole_call(scene)
