"""A caller who talks with an agent by text."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.ports import Agent, Conversation, Expected, Finished, Line, Sentence, ToolUsed
from callflow.schema import AgentStep, Flow


@dataclass
class Caller:
    """Speaks line by line, and keeps the conversation as the shell does: heard words become lines."""

    agent: Agent
    flow: Flow
    step: str = "seller"
    talk: Conversation = field(default_factory=lambda: Conversation("call-1", caller="+380501112233"))
    said: list[str] = field(default_factory=list)  # the agent's sentences of the last turn
    used: list[ToolUsed] = field(default_factory=list)  # all uses of tools
    outcome: str | None = None

    async def enters(self, step: str = "seller") -> str:
        """A step opens; gives what the agent says."""
        self.step = step
        self.talk.visit += 1
        return await self._turn("")

    async def says(self, text: str, *, hears: int | None = None) -> str:
        """Speak; `hears` cuts the agent's answer after so many sentences. Gives all it meant to say."""
        if text:
            self.talk.lines.append(Line("caller", text))
        return await self._turn(text, hears)

    def expects(self) -> Expected:
        return self.agent.expects(self.step, self._model(), self.talk)

    @property
    def tools(self) -> list[str]:
        return [use.tool for use in self.used]

    def _model(self) -> AgentStep:
        step = self.flow.steps[self.step]
        assert isinstance(step, AgentStep)
        return step

    async def _turn(self, text: str, hears: int | None = None) -> str:
        events = [event async for event in self.agent.reply(self.step, self._model(), text, self.talk)]
        ends = [event for event in events if isinstance(event, Finished)]
        assert len(ends) == 1, "a turn has one end"
        assert events[-1] is ends[0], "and it comes last"
        self.outcome = ends[0].outcome
        self.used += [event for event in events if isinstance(event, ToolUsed)]
        self.said = [event.text for event in events if isinstance(event, Sentence)]
        assert all(0 < len(sentence) <= 200 for sentence in self.said)
        if heard := " ".join(self.said[:hears]):
            self.talk.lines.append(Line("agent", heard))
        return " ".join(self.said)
