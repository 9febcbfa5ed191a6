"""The controller is not there: the caller is people's, and loses nothing but the agent."""

from __future__ import annotations

import asyncio
import time

from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.phone_extension import Extension
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
    async with Scene(controller=False, operators=("201", "202")) as scene:
        async with scene.new_controller() as controller:
            first = await scene.phones.dial("100")
            await scene.reaches(State.LISTENING)
            operators = [scene.phones.extension(number).answers(0.2) for number in ("201", "202")]
            await controller.drain(0)
            taken = await soonest(operators)
        second = await scene.phones.place("100", caller="+380509998877")
        next_taken = await soonest(operators)
        assert [taken.caller, next_taken.caller] == [first.caller, second.caller]
        await talk(first, taken)
        await talk(second, next_taken)
        await asyncio.gather(first.hang_up(), second.hang_up())
        await asyncio.gather(taken.hung_up(), next_taken.hung_up())
        assert await in_asterisk(scene.lab) == []


async def soonest(operators: list[Extension]) -> PhoneCall:
    """The next call that any of some operators takes."""
    waiting = [asyncio.ensure_future(operator.takes()) for operator in operators]
    done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for other in rest:
        other.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    return done.pop().result()
