"""What to do next in a step: backward chaining over what its tools need and give. Pure.

Rule 1: the tools run in the step's order; a tool whose needs are met runs at once.
Rule 2: what a tool needs and another of the step gives is got by running that other; the rest is asked for.
Rule 3: a tool has run when it ran with today's arguments. When the caller changes an answer, what hung on it
        is stale and runs again.
Rule 4: before a tool that binds the caller, or the last one, everything to collect is collected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.gate import digest
from agent.ports import Conversation, Tool
from callflow.schema import AgentStep


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the caller for a field."""

    field: str


@dataclass(frozen=True, slots=True)
class Run:
    """Run a tool with these arguments (if the gate lets it)."""

    tool: Tool
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """Everything is collected and every tool has run."""


Action = Ask | Run | Done


class Plan:
    """The plan of one step for one conversation. Holds nothing: ask `next` whenever something has changed."""

    def __init__(self, step: AgentStep, tools: Sequence[Tool], talk: Conversation) -> None:
        self._step = step
        self._tools = tools
        self._talk = talk
        self._within: set[str] = set()  # tools whose freshness is being found out: guards against circles

    def next(self) -> Action:
        """The next thing to do."""
        for tool in self._tools:
            if not self._has_run(tool):
                return self._toward(tool, frozenset())
        uncollected = self.uncollected()
        return Ask(uncollected[0]) if uncollected else Done()

    def uncollected(self) -> list[str]:
        """The fields still to collect, in the flow's order."""
        return [name for name in self._step.collect if not self._talk.slots.get(name)]

    def ran(self, run: Run) -> None:
        """Note that a tool ran."""
        self._talk.notes[f"ran.{run.tool.name}"] = digest(run.tool.name, run.arguments)

    def forget(self) -> None:
        """All tools are to run anew: the step is entered again."""
        for tool in self._tools:
            self._talk.notes.pop(f"ran.{tool.name}", None)

    def _toward(self, tool: Tool, trail: frozenset[str]) -> Action:
        missing = [need for need in tool.needs if not self._value(need, tool)]
        for need in missing:
            giver = self._giver(need, tool)
            if giver and giver.name not in trail and not self._has_run(giver):
                return self._toward(giver, trail | {tool.name})
        if tool.name in self._step.confirm_first or tool is self._tools[-1]:
            missing += self.uncollected()
        if missing:
            return Ask(min(missing, key=self._rank))
        return Run(tool, self._arguments(tool))

    def _rank(self, field: str) -> int:
        names = list(self._step.collect)
        return names.index(field) if field in names else len(names)

    def _has_run(self, tool: Tool) -> bool:
        if tool.name in self._within:
            return False
        self._within.add(tool.name)
        try:
            noted = self._talk.notes.get(f"ran.{tool.name}")
            return noted is not None and noted == digest(tool.name, self._arguments(tool))
        finally:
            self._within.discard(tool.name)

    def _arguments(self, tool: Tool) -> dict[str, str]:
        """What is known of a tool's arguments now."""
        values = {name: self._value(name, tool) for name in (*tool.needs, *tool.optional)}
        return {name: value for name, value in values.items() if value}

    def _value(self, field: str, tool: Tool) -> str:
        """The caller's word first; else what a tool of the step gave and is not stale; else an older fact."""
        if said := self._talk.slots.get(field):
            return said
        if (giver := self._giver(field, tool)) and not self._has_run(giver):
            return ""
        return self._talk.facts.get(field, "") if giver or field not in tool.gives else ""

    def _giver(self, field: str, tool: Tool) -> Tool | None:
        return next((other for other in self._tools if other is not tool and field in other.gives), None)
