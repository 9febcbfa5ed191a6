"""Turns of any flow: slow tools, failing tools, turns that are cut, keys that survive a retry."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from agent import turn
from agent.local import LocalAgent
from agent.ports import AgentEvent, Conversation, Finished, Line, Sentence, ToolUsed
from agent.tools.registry import Registry
from callflow.schema import AgentStep
from tests.unit.agent.fakes import FakeTool

STEP = AgentStep(
    agent="Book a visit.",
    tools=("book_visit",),
    confirm_first=("book_visit",),
    collect={"day": "monday or friday"},
    outcomes={"booked": "the visit was booked", "not_found": "no day is free"},
)


async def replies(tool: FakeTool, heard: str, talk: Conversation) -> list[AgentEvent]:
    agent = LocalAgent(Registry([tool]))
    events = [event async for event in agent.reply("book", STEP, heard, talk)]
    said = " ".join(event.text for event in events if isinstance(event, Sentence))
    talk.lines += [Line("caller", heard), Line("agent", said)]
    return events


def booking(**more: object) -> FakeTool:
    return FakeTool("book_visit", needs=("day",), gives=("visit.number",), description="book it", **more)  # type: ignore[arg-type]


async def test_a_tool_behind_the_gate_in_another_flow() -> None:
    tool, talk = booking(), Conversation("call-7")
    await replies(tool, "", talk)
    asked = await replies(tool, "friday", talk)
    assert asked == [Sentence("Let me read that back: day friday."), Sentence("Shall I book it?"), Finished()]
    assert tool.calls == []
    assert (await replies(tool, "yes", talk))[-1] == Finished("booked")
    assert tool.calls == [{"day": "friday"}]
    assert talk.values == {"visit.number": "visit.number of book_visit"}


async def test_the_key_is_the_same_for_the_same_thing_in_the_same_call() -> None:
    tool = booking(fails=True)
    talk = Conversation("call-7")
    for heard in ("", "friday", "yes", "", "yes"):
        await replies(tool, heard, talk)
    other = Conversation("call-8")
    for heard in ("", "friday", "yes"):
        await replies(tool, heard, other)
    first, again, elsewhere = tool.keys
    assert first == again
    assert first.startswith("call-7-book_visit-")
    assert elsewhere != first


async def test_a_tool_that_fails_is_words_and_an_outcome() -> None:
    tool, talk = booking(fails=True), Conversation("call-7")
    for heard in ("", "friday"):
        await replies(tool, heard, talk)
    used, said, end = await replies(tool, "yes", talk)
    assert isinstance(used, ToolUsed)
    assert (used.ok, used.result) == (False, "tool: it does not work")
    assert said == Sentence("I am sorry, I cannot look that up just now.")
    assert end == Finished("wants_human")


async def test_what_a_tool_finds_out_may_be_an_outcome() -> None:
    tool = booking(result={"outcome": "not_found", "say": "Friday is full."})
    talk = Conversation("call-7")
    for heard in ("", "friday"):
        await replies(tool, heard, talk)
    assert (await replies(tool, "yes", talk))[1:] == [Sentence("Friday is full."), Finished("not_found")]


class SlowTool(FakeTool):
    """Answers when it is let go; notes when it was cancelled."""

    def __init__(self) -> None:
        super().__init__("look_up", gives=("answer",))
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return {"answer": "42", "say": "It is 42."}


SLOW = AgentStep(agent="Look.", tools=("look_up",), outcomes={"answered": "it was told"})


async def test_a_slow_tool_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "PATIENCE_S", 0.0)
    tool = SlowTool()
    events = LocalAgent(Registry([tool])).reply("s", SLOW, "", Conversation("c"))
    assert await anext(aiter(events)) == Sentence("One moment, please.")
    tool.go.set()
    rest = [event async for event in events]
    assert rest[1:] == [Sentence("It is 42."), Finished("answered")]


async def test_a_turn_that_is_cut_cancels_its_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "PATIENCE_S", 0.0)
    tool = SlowTool()
    events = LocalAgent(Registry([tool])).reply("s", SLOW, "", Conversation("c"))
    await anext(aiter(events))
    await events.aclose()  # type: ignore[attr-defined]  # every agent's reply is a generator
    await asyncio.wait_for(tool.cancelled.wait(), 2)
