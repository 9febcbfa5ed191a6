"""The embedded agent: no model, no key, no cloud, the same answer to the same words.

It reads the flow's own words (`collect`, `tools`, `outcomes`), asks for what is missing, runs the tools that
can run, reads back what binds the caller, and ends with one word of the closed list.

Its limits are plain. It fills fields and picks outcomes; it does not converse, compare, advise or answer free
questions, and it leaves the step's `agent:` text to agents that can read one. It speaks English; it
understands yes, no, numbers and the ways out in English, Ukrainian and Russian, names of things as far as
the tools know them. A car's make and model do not tell it a size.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from agent import outcomes, questions
from agent.notes import FAULT
from agent.ports import AgentEvent, Conversation, Expected, Finished, Sentence
from agent.tools.registry import Registry
from agent.turn import Turn
from callflow.errors import ToolError
from callflow.schema import AgentStep

_REASONS = {
    outcomes.WANTS_HUMAN: "the caller asked for a person",
    outcomes.NOT_FOUND: "nothing suitable was found",
    outcomes.NOT_UNDERSTOOD: "the caller was not understood",
    "limit": "the call took too long",
    "error": "a technical fault",
    "no_key": "no key was pressed",
    "wrong_key": "a wrong key was pressed",
}


class LocalAgent:
    """The agent without a model. One object serves all calls. Close it: it closes its tools."""

    name = "local"

    def __init__(self, tools: Registry) -> None:
        self._tools = tools

    async def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        """Answer what was heard. Never raises for what a tool does; ends with `Finished`."""
        self._tools.learn_soon()
        try:
            turn = Turn(self._tools, step_name, step, talk)
        except ToolError as error:
            talk.notes[FAULT] = str(error)
            yield Sentence(questions.AWAY)
            yield Finished(outcomes.WANTS_HUMAN)
            return
        async with aclosing(turn.take(heard)) as events:
            async for event in events:
                yield event

    def expects(self, step_name: str, step: AgentStep, talk: Conversation) -> Expected:
        """The phrases for what is open now, and the ways out."""
        try:
            return Turn(self._tools, step_name, step, talk).expects()
        except ToolError:
            return Expected()

    async def summarize(self, talk: Conversation, reason: str) -> str:
        """Two sentences: who calls and what they told; what was done and why the call is handed over."""
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in talk.slots.items())
        first = f"Caller {talk.caller or 'without a number'}; {told or 'told nothing yet'}."
        return f"{first} {_done(talk)}; reason: {_because(talk, reason)}."

    async def close(self) -> None:
        """Release the tools' connections."""
        await self._tools.close()


def _done(talk: Conversation) -> str:
    number, status = talk.values.get("order.number"), talk.values.get("order.status", "")
    if not number:
        return "No order was made"
    return f"Order {number} is {'not confirmed yet' if status == 'new' else status or 'known'}"


def _because(talk: Conversation, reason: str) -> str:
    if fault := talk.notes.get(FAULT):
        return f"a technical fault ({fault})"
    if reason.startswith("key_"):
        return f"the caller pressed {reason.removeprefix('key_')}"
    return _REASONS.get(reason, reason.replace("_", " "))
