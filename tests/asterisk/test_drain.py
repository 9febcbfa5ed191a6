"""The controller as a process is told to stop, or dies, under calls: nobody is cut off, nothing is left."""

from __future__ import annotations

import asyncio
import os
import time
from signal import SIGKILL, SIGTERM

import pytest

from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.phone_extension import Extension
from asterisk.lab.stage import Stage
from callflow.table import State
from tests.asterisk.leftovers import in_asterisk, sockets
from tests.asterisk.scene import FLOW, Scene

PROCESS_FLOW = FLOW.replace("flow: acceptance", "flow: tyre_shop")
GONE_S = 10.0


def stage(**settings: str) -> Stage:
    """The controller with its own engines; two operators, so that two callers can be put through."""
    return Stage(flow=PROCESS_FLOW, settings=settings, operators=("201", "202"), shop=False)


async def gone(pid: int) -> None:
    """Wait until no process of a controller is there, its recognisers included."""
    deadline = time.monotonic() + GONE_S
    while True:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline, f"processes of {pid} are still there"
        await asyncio.sleep(0.05)


async def nothing_in(stage: Stage) -> None:
    """Wait until Asterisk has no channel and no bridge."""
    deadline = time.monotonic() + GONE_S
    while left := await in_asterisk(stage.lab):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)


async def talk(speaker: PhoneCall, listener: PhoneCall) -> None:
    """One says something, the other hears it."""
    began = time.monotonic()
    await speaker.says("good day, can you hear me")
    await listener.hears_speech(since_s=began)


async def test_a_call_goes_on_to_its_end_and_new_ones_are_the_operators() -> None:
    async with stage(DRAIN_SECONDS="60") as played:
        operators = [played.phones.extension(number).answers(0.1) for number in ("201", "202")]
        controller, pid = played.controller, played.controller.process.pid
        call = await played.phones.dial("100")
        await call.hears_speech()
        controller.process.send_signal(SIGTERM)
        await controller.says("controller.draining")
        new = await played.phones.place("100", caller="+380509998877")
        await controller.says("caller.to_queue")
        taken = await asyncio.wait_for(first_ring(operators), 15)
        assert taken.caller == new.caller
        await new.answered()
        await talk(taken, new)
        await call.hears_silence(0.6)  # the greeting was heard to its end
        heard = len(call.heard)
        await asyncio.sleep(0.5)
        assert call.up
        assert len(call.heard) > heard  # she is still served
        await call.hang_up()
        ended = await controller.says("call.ended")
        assert ended["disposition"] == "hung_up"
        assert await controller.stop() == 0
        await gone(pid)
        await new.hang_up()
        await nothing_in(played)


async def first_ring(operators: list[Extension]) -> PhoneCall:
    """The next call that rings at any of some phones, taken."""
    while True:
        for operator in operators:
            for taken in operator.calls:
                if taken.answered_at is not None:
                    return taken
        await asyncio.sleep(0.02)


async def test_who_talks_too_long_is_given_to_people() -> None:
    async with stage(DRAIN_SECONDS="1") as played:
        operator = played.phones.extension("201").answers(0.1)
        played.phones.extension("202").answers(0.1)
        controller, pid = played.controller, played.controller.process.pid
        call = await played.phones.dial("100")
        await call.hears_silence(0.8)
        controller.process.send_signal(SIGTERM)
        await controller.says("drain.handing_over")
        taken = await asyncio.wait_for(first_ring([operator, played.phones.extension("202")]), 15)
        assert await asyncio.wait_for(controller.process.wait(), 20) == 0
        await gone(pid)
        await talk(taken, call)
        await talk(call, taken)
        (record,) = played.records()
        assert (record["disposition"], record["last_step"]) == ("transferred", "operator")
        await call.hang_up()
        await taken.hung_up()
        await nothing_in(played)


async def test_a_controller_that_is_killed_leaves_its_callers_to_the_next_one() -> None:
    """Asterisk keeps them in silence; whoever starts next finds them and hands them to people."""
    async with stage() as played:
        operators = [played.phones.extension(number).answers(0.1) for number in ("201", "202")]
        pid = played.controller.process.pid
        call = await played.phones.dial("100")
        await call.hears_silence(0.6)
        await played.controller.stop(SIGKILL)
        await gone(pid)
        assert call.up
        await played.start_controller()
        taken = await asyncio.wait_for(first_ring(operators), 15)
        assert taken.caller == call.caller
        await talk(taken, call)
        await talk(call, taken)
        await call.hang_up()
        await taken.hung_up()
        await nothing_in(played)


async def test_a_second_signal_ends_it_at_once() -> None:
    async with stage(DRAIN_SECONDS="600") as played:
        controller, pid = played.controller, played.controller.process.pid
        call = await played.phones.dial("100")
        await call.hears_speech()
        controller.process.send_signal(SIGTERM)
        await controller.says("controller.draining")
        controller.process.send_signal(SIGTERM)
        await asyncio.wait_for(controller.process.wait(), 15)
        await gone(pid)
        await call.hang_up()
        await nothing_in(played)


async def test_an_idle_controller_stops_at_once_and_frees_its_ports() -> None:
    async with stage() as played:
        pid = played.controller.process.pid
        ports = {each.port for each in sockets(pid) if each.listens}
        assert {played.audiosocket_port, played.http_port} <= ports
        began = time.monotonic()
        assert await played.controller.stop() == 0
        assert time.monotonic() - began < 5
        await gone(pid)
        await played.start_controller()
        call = await played.phones.dial("100")  # it serves, at the same ports
        await call.hears_speech()
        await call.hang_up()


async def test_a_caller_who_still_waits_for_people_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has answered when the controller goes: she waits on, and the record says where she was."""
    monkeypatch.setattr("ari_app.switchboard.HANDOVER_S", 2.5)
    async with Scene(controller=False, lab={"queue_timeout_s": 30, "queue_ring_s": 30}) as scene:
        operator = scene.phones.extension("201").rings_out()
        async with scene.new_controller() as controller:
            call = await scene.phones.dial("100")
            await scene.reaches(State.LISTENING)
            await controller.drain(0)
            record = await controller.services.store.get(scene.facts[0].call_id)
        assert record is not None
        assert (record.disposition, record.last_step) == ("handed_over", "operator")
        assert record.ended_at is not None
        ringing = await operator.rings()
        await ringing.answer()
        await talk(ringing, call)
        await call.hang_up()
        await ringing.hung_up()
        assert await in_asterisk(scene.lab) == []
