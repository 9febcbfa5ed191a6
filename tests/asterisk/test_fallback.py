"""The controller is not there: the caller is people's, and loses nothing but the agent."""

from __future__ import annotations

import asyncio
import time

from asterisk.lab.phone_call import PhoneCall
from callflow.table import State
from tests.asterisk.leftovers import in_asterisk
from tests.asterisk.scene import Scene


async def talk(caller: PhoneCall, operator: PhoneCall) -> None:
    """Each hears what the other says."""
    for speaker, listener in ((operator, caller), (caller, operator)):
        began = time.monotonic()
        await speaker.says("good day, can you hear me")
        await listener.hears_speech(since_s=began)
        await listener.hears_silence(0.3, since_s=began)


async def test_the_caller_talks_to_an_operator() -> None:
    async with Scene(controller=False) as scene:
        operator = scene.phones.extension("201").answers(0.2)
        call = await scene.phones.place("100")
        taken = await operator.takes()
        assert taken.caller == call.caller
        assert await taken.header("X-Callflow-Summary") == ""
        await call.answered()
        await talk(call, taken)
        await call.hang_up()
        await taken.hung_up()
        assert await in_asterisk(scene.lab) == []


async def test_a_controller_that_stopped_leaves_the_next_caller_to_people() -> None:
    """With its last call still up: that caller is handed over, not dropped."""
    async with Scene(controller=False) as scene:
        async with scene.new_controller() as controller:
            await scene.phones.dial("100")
            await scene.reaches(State.LISTENING)
            operator = scene.phones.extension("201").answers(0.2)
            await controller.drain(0)
            first = await operator.takes()
        second = await scene.phones.place("100", caller="+380509998877")
        waits = await operator.takes(15)
        assert waits.caller == second.caller
        await talk(second, waits)
        await asyncio.gather(second.hang_up(), first.hang_up())
        await waits.hung_up()
