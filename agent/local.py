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
from agent.summary import summary
from agent.tools.registry import Registry
from agent.turn import Turn
from callflow.errors import ToolError
from callflow.schema import AgentStep


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
        """What it is about, what came of it, and the number, in two sentences at most."""
        return summary(talk, reason, self._tools.words)

    async def close(self) -> None:
        """Release the tools' connections."""
        await self._tools.close()
