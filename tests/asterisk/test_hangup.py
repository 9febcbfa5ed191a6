"""The caller hangs up, in each state of a call: the record says so, and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.ports import AgentEvent, Conversation, Sentence
from agent.scripted import ScriptedAgent
from asterisk.lab.phone_call import PhoneCall
from callflow.schema import AgentStep
from callflow.table import State
from tests.asterisk.scene import GREETING, Scene


class ThinksForEver(ScriptedAgent):
    """Opens its step, and never answers what is said."""

    async def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        """Nothing, unless the step opens."""
        if heard:
            await asyncio.Event().wait()
        async for event in super().reply(step_name, step, heard, talk):
            yield event


class TalksAtLength(ScriptedAgent):
    """Answers with a sentence of six seconds."""

    async def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        """The long sentence before the end of the turn."""
        if heard:
            yield Sentence("one two three four five six seven eight nine ten " * 2)
        async for event in super().reply(step_name, step, "", talk):
            yield event


async def listening(scene: Scene) -> PhoneCall:
    """A call whose caller has the floor."""
    call = await scene.phones.dial("100")
    await scene.reaches(State.LISTENING)
    return call


@pytest.mark.parametrize("request_name", ["create_bridge", "answer", "external_media", "add_to_bridge"])
async def test_before_the_call_is_answered(request_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the requests that answer a call comes too late, it is the end of the call and no fault."""
    async with Scene() as scene:
        asked = getattr(scene.controller.client, request_name)

        async def too_late(*arguments: object, **more: object) -> object:
            await caller.hang_up()
            return await asked(*arguments, **more)

        monkeypatch.setattr(scene.controller.client, request_name, too_late)
        caller = await scene.phones.place("100")
        record = await scene.ended()
        assert record.disposition == "hung_up"
        assert record.ignored_events == 0
        assert record.turns == ()
        assert not scene.logs.of("call.broken")
        await scene.nothing_left()


async def test_in_the_greeting() -> None:
    async with Scene() as scene:
        call = await scene.phones.dial("100")
        await call.hears_speech()
        await asyncio.sleep(0.6)
        await call.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("hung_up", "greeting", 0)
        (turn,) = record.turns
        assert turn.interrupted
        assert GREETING.startswith(turn.text)
        assert 300 < call.heard.audible_ms() < 1000
        await scene.nothing_left()


async def test_while_she_has_the_floor() -> None:
    async with Scene() as scene:
        call = await listening(scene)
        await call.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("hung_up", "seller", 0)
        assert [(turn.speaker, turn.text, turn.interrupted) for turn in record.turns] == [
            ("agent", GREETING, False)
        ]
        await scene.nothing_left()


async def test_in_the_middle_of_her_own_sentence() -> None:
    async with Scene() as scene:
        call = await listening(scene)
        speaks = asyncio.create_task(call.says("I would like four winter tyres for my car please"))
        await scene.news.until(lambda: "CallerStarted" in scene.told(), "the caller's first word")
        await call.hang_up()
        await asyncio.gather(speaks, return_exceptions=True)
        record = await scene.ended()
        assert (record.disposition, record.ignored_events) == ("hung_up", 0)
        await scene.nothing_left()


async def test_while_the_agent_thinks() -> None:
    async with Scene(agent=ThinksForEver()) as scene:
        call = await listening(scene)
        await call.says("winter tyres please")
        thinks = await scene.reaches(State.THINKING, since=len(scene.facts))
        assert thinks.step == "seller"
        await call.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("hung_up", "seller", 0)
        assert record.turns[-1].text == "winter tyres"
        await scene.nothing_left()


async def test_while_the_agent_speaks() -> None:
    async with Scene(agent=TalksAtLength()) as scene:
        call = await listening(scene)
        await call.says("winter tyres please")
        await call.hears_speech()
        await asyncio.sleep(1.0)
        await call.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.ignored_events) == ("hung_up", 0)
        last = record.turns[-1]
        assert last.interrupted
        assert last.text.startswith("one two three")
        assert len(last.text) < 40
        await scene.nothing_left()


async def test_in_the_last_words() -> None:
    """The flow is done with her: that she does not wait for the goodbye changes nothing of how it ended."""
    async with Scene(words=("order",)) as scene:
        call = await listening(scene)
        await call.says("order them please")
        await call.hears_speech()
        await call.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("ordered", "ordered", 0)
        await scene.nothing_left()


async def test_in_the_queue() -> None:
    async with Scene(words=("person",), lab={"queue_timeout_s": 20, "queue_ring_s": 20}) as scene:
        operator = scene.phones.extension("201").rings_out()
        call = await listening(scene)
        await call.says("a person please")
        ringing = await operator.rings()
        await call.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("abandoned", "operator", 0)
        await ringing.hung_up()
        await scene.nothing_left()


async def test_between_the_last_word_and_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Scene(words=("person",)) as scene:
        asked = scene.controller.client.continue_in_dialplan

        async def too_late(*arguments: str) -> None:
            await call.hang_up()
            await asked(*arguments)

        monkeypatch.setattr(scene.controller.client, "continue_in_dialplan", too_late)
        call = await listening(scene)
        await call.says("a person please")
        record = await scene.ended()
        assert (record.disposition, record.last_step) == ("abandoned", "operator")
        assert scene.phones.extension("201").calls == []
        await scene.nothing_left()
