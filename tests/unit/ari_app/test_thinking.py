"""The agent's turns: what they report, and what they no longer report."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from agent.ports import AgentEvent, Conversation, Finished, Sentence
from agent.scripted import ScriptedAgent
from ari_app import thinking as thinking_module
from ari_app.record import CallRecord
from ari_app.thinking import Thinking
from callflow import events as ev
from callflow.effects import AskAgent
from callflow.errors import ProviderBusy
from callflow.schema import AgentStep
from storage.memory import MemoryStore
from storage.ports import Call

STEP = AgentStep(agent="Sell.", outcomes={"ordered": "done"})
CALL = Call("c1", "1.1", "380", "100", "inbound", "shop", "v1", "en", dt.datetime.now(dt.UTC))


class Turns:
    """A `Thinking` with its mailbox."""

    def __init__(self, agent: ScriptedAgent) -> None:
        self.mailbox: asyncio.Queue[ev.Event] = asyncio.Queue()
        self.record = CallRecord(MemoryStore(), CALL)
        self.thinking = Thinking(agent, Conversation("c1"), self.record, self.mailbox.put_nowait)

    async def close(self) -> None:
        await self.thinking.close()
        await self.record.close()

    async def facts(self, count: int) -> list[ev.Event]:
        return [await asyncio.wait_for(self.mailbox.get(), 5) for _ in range(count)]


class Failing(ScriptedAgent):
    """Fails as it is told."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        yield Sentence("One moment.")
        raise self.error


class Hanging(ScriptedAgent):
    """Never answers."""

    async def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        await asyncio.Event().wait()
        yield Finished()


async def test_sentences_come_first_then_the_end_of_the_turn() -> None:
    turns = Turns(ScriptedAgent(["We have Nokian."]))
    turns.thinking.ask(AskAgent(1, "seller", "winter"), STEP)
    assert await turns.facts(2) == [ev.AgentSpoke(1, "We have Nokian."), ev.AgentFinished(1)]
    await turns.close()


@pytest.mark.parametrize(
    ("error", "code"), [(ProviderBusy("quota"), "provider-busy"), (KeyError("a fault of ours"), "broken")]
)
async def test_a_failure_is_a_fact(error: Exception, code: str) -> None:
    turns = Turns(Failing(error))
    turns.thinking.ask(AskAgent(1, "seller", "winter"), STEP)
    assert (await turns.facts(2))[1] == ev.Failed(ev.Part.AGENT, code)
    await turns.close()


async def test_an_agent_that_never_answers_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinking_module, "TURN_S", 0.01)
    turns = Turns(Hanging())
    turns.thinking.ask(AskAgent(1, "seller", "winter"), STEP)
    assert await turns.facts(1) == [ev.Failed(ev.Part.AGENT, "provider-timeout")]
    await turns.close()


async def test_a_cancelled_turn_reports_nothing_more() -> None:
    turns = Turns(Hanging())
    turns.thinking.ask(AskAgent(1, "seller", "winter"), STEP)
    await asyncio.sleep(0)
    turns.thinking.cancel()
    await turns.close()
    assert turns.mailbox.empty()
