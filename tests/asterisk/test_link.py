"""The cable to Asterisk's ARI is pulled out in the middle of calls: they go on, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.scripted import ScriptedAgent
from asterisk.lab.phone_call import PhoneCall
from callflow.table import State
from tests.asterisk.cable import Cable
from tests.asterisk.scene import Scene, spoken_ms

COUNTING = "one two three four five six seven eight"


class Counts(ScriptedAgent):
    """Counts to eight for whoever says anything, and understands who wants people or has ordered."""

    def __init__(self) -> None:
        super().__init__([COUNTING] * 9, {"person": "wants_human", "order": "ordered"})


@asynccontextmanager
async def stage(*words: str) -> AsyncIterator[tuple[Scene, Cable, PhoneCall]]:
    """A call whose caller has the floor, on a cable."""
    async with (
        Scene(agent=Counts(), words=words, controller=False) as scene,
        Cable(scene.lab.http_port) as cable,
    ):
        await scene.start_controller(ARI_URL=cable.url)
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        yield scene, cable, call


async def cut(scene: Scene, cable: Cable) -> None:
    """Pull the cable out, and wait until the controller has noticed."""
    await cable.cut()
    await scene.logged("ari.down")


async def mend(scene: Scene, cable: Cable) -> None:
    """Plug it in, and wait until events flow again."""
    ups = len(scene.logs.of("ari.up"))
    await cable.mend()
    await scene.news.until(lambda: len(scene.logs.of("ari.up")) > ups, "the link to be up again")


async def test_the_conversation_goes_on_through_a_cut() -> None:
    async with stage("winter", "summer", "order") as (scene, cable, call):
        await call.says("winter tyres please")
        began = await call.hears_speech()
        await cut(scene, cable)
        stopped = await call.hears_silence(1.0)  # the sentence that ran is heard to its end
        assert abs((stopped - began) * 1000 - spoken_ms(COUNTING)) < 150
        assert call.heard.gaps(60, began, stopped) == []
        await call.says("and summer tyres please")  # she is heard and answered without ARI
        await call.hears_speech()
        await mend(scene, cable)
        await call.hears_silence(1.0)
        await call.says("order them please")  # and what needs ARI works after it
        await call.hung_up(15)
        record = await scene.ended()
        assert (record.disposition, record.ignored_events) == ("ordered", 0)
        assert [turn.text for turn in record.turns if turn.speaker == "caller"] == [
            "winter",
            "summer",
            "order",
        ]
        assert not any(turn.interrupted for turn in record.turns)
        await scene.nothing_left()


async def test_who_hung_up_during_the_cut_is_noticed_after_it() -> None:
    async with stage() as (scene, cable, call):
        await cut(scene, cable)
        await call.hang_up()
        await mend(scene, cable)
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("hung_up", "seller", 0)
        await scene.nothing_left()


async def test_a_call_that_came_during_the_cut_is_the_operators() -> None:
    """Asterisk keeps an application for a while whose WebSocket broke; its calls would wait for ever."""
    async with stage() as (scene, cable, call):
        scene.phones.extension("201").answers(0.1)
        await cut(scene, cable)
        second = await scene.phones.place("100", caller="+380509998877")
        operator = scene.phones.extension("201")
        try:
            taken = await operator.takes(3)
        except TimeoutError:  # it waits in Stasis, so it is found after the cut
            await mend(scene, cable)
            taken = await operator.takes()
        else:
            await mend(scene, cable)
        assert taken.caller == "+380509998877"
        await second.hang_up()
        await call.hang_up()
        assert (await scene.ended()).disposition == "hung_up"
        await scene.nothing_left()


async def test_a_goodbye_during_the_cut_ends_the_call_after_it() -> None:
    async with stage("order") as (scene, cable, call):
        operator = scene.phones.extension("201").answers(0.1)
        await cut(scene, cable)
        await call.says("order them please")
        record = await scene.ended()
        assert record.disposition == "ordered"
        await mend(scene, cable)
        await call.hung_up(15)
        assert operator.calls == []  # she is done: no operator is bothered
        await scene.nothing_left()


async def test_a_transfer_during_the_cut_fails_and_she_is_told_so() -> None:
    async with stage("person") as (scene, cable, call):
        operator = scene.phones.extension("201").answers(0.1)
        await cut(scene, cable)
        await call.says("a person please")
        record = await scene.ended()
        assert (record.disposition, record.last_step) == ("callback_wanted", "callback_wanted")
        assert [turn.step for turn in record.turns][-2:] == ["operator", "callback_wanted"]
        await mend(scene, cable)
        await call.hung_up(15)
        assert operator.calls == []
        await scene.nothing_left()


async def test_a_cable_that_carries_nothing_is_noticed() -> None:
    async with stage("winter") as (scene, cable, call):
        cable.stop_carrying()
        await scene.news.until(lambda: scene.logs.of("ari.down"), "a link that is found dead", 15)
        await call.says("winter tyres please")
        await call.hears_speech()
        await cable.cut()
        await mend(scene, cable)
        await call.hang_up()
        assert (await scene.ended()).disposition == "hung_up"
        await scene.nothing_left()


async def test_many_short_cuts_lose_nothing() -> None:
    async with stage("winter", "order") as (scene, cable, call):
        for _ in range(3):
            await cut(scene, cable)
            await mend(scene, cable)
            await asyncio.sleep(0.1)
        await call.says("winter tyres please")
        await call.hears_speech()
        await call.hears_silence(1.0)
        await call.says("order them please")
        await call.hung_up(15)
        assert (await scene.ended()).disposition == "ordered"
        await scene.nothing_left()
