"""Two hundred calls with hang-ups at random moments: nothing is left, and memory does not grow with calls."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable

from agent.scripted import ScriptedAgent
from asterisk.lab.phone_call import PhoneCall
from callflow.errors import ChannelGone
from tests.asterisk.scene import Scene

CALLS = 200
AT_ONCE = 12
SEED = 20_261_120
GROWTH_A_CALL = 4096
"""Bytes that a call may cost for ever: its line in what tests and metrics remember, and no more."""


async def a_caller(scene: Scene, dice: random.Random) -> None:
    """Calls, says something or nothing, and hangs up at any moment, also before the answer."""
    patience_s = dice.choice([dice.uniform(0, 0.2), dice.uniform(0, 2), dice.uniform(0, 9)])
    call = await scene.phones.place("100", caller=f"+38050{dice.randrange(10**7):07}")
    speaks = asyncio.create_task(converses(call, dice.random() < 0.7))
    while not call.channel:  # her telephone has to have begun before it can give up
        await asyncio.sleep(0.005)
    await asyncio.sleep(patience_s)
    await call.hang_up()
    speaks.cancel()
    await asyncio.gather(speaks, return_exceptions=True)


async def converses(call: PhoneCall, talks: bool) -> None:
    """Waits for the greeting's end and answers, again and again."""
    with contextlib.suppress(ChannelGone):
        await call.answered()
        while talks:
            await call.hears_silence(0.3)
            await call.says("winter tyres please")


async def calls(scene: Scene, count: int, dice: random.Random) -> None:
    """So many callers, a few at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with free:
            await a_caller(scene, dice)

    await asyncio.gather(*(one() for _ in range(count)))
    await scene.nothing_left()


def forget(scene: Scene) -> None:
    """What the tests remember of each call is no leak of the product."""
    scene.facts.clear()
    scene.logs.lines.clear()
    scene.phones.calls.clear()
    scene.phones._by_id.clear()
    scene.phones.extension("201").calls.clear()
    gc.collect()


async def test_two_hundred_calls_leave_nothing(record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(SEED)
    agent = ScriptedAgent(outcomes={"person": "wants_human", "order": "ordered"})
    async with Scene(agent=agent, lab={"queue_timeout_s": 2, "queue_ring_s": 1}) as scene:
        scene.phones.extension("201").rings_out()
        scene.words = [dice.choice(["winter", "winter", "person", "order"]) for _ in range(CALLS)]
        await calls(scene, CALLS // 4, dice)  # what is made once and kept is there then
        dispositions = Counter(line["disposition"] for line in scene.logs.of("call.ended"))
        complaints = [line for line in scene.logs.lines if line["level"] in ("error", "exception")]
        forget(scene)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]

        await calls(scene, CALLS - CALLS // 4, dice)
        dispositions += Counter(line["disposition"] for line in scene.logs.of("call.ended"))
        complaints += [line for line in scene.logs.lines if line["level"] in ("error", "exception")]
        forget(scene)
        grown = (tracemalloc.get_traced_memory()[0] - before) / (CALLS - CALLS // 4)
        tracemalloc.stop()

        record_property("dispositions", dict(dispositions))
        record_property("bytes_a_call", round(grown))
        print(f"{dict(dispositions)}; {grown:.0f} bytes a call")
        assert complaints == []
        assert sum(dispositions.values()) <= CALLS  # one that gave up before it rang is no call
        assert set(dispositions) <= {"hung_up", "abandoned", "ordered", "callback_wanted"}
        assert dispositions["hung_up"] > CALLS / 4
        assert grown < GROWTH_A_CALL
