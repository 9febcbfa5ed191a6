"""The Protocols and shapes that every agent, local or in a cloud, shares with the shell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from callflow.schema import AgentStep


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was said. For the agent it is what the caller heard, not what was meant."""

    speaker: Literal["caller", "agent"]
    text: str


@dataclass(slots=True)
class Conversation:
    """What the agent remembers of one call. Owned by the call; the agent reads and fills it.

    `slots` are collected answers by the step's words, `values` what texts may name (`order.number`),
    `facts` what tools returned and later tools need (tool field → value), `notes` an agent's own marks.
    `visit` counts the steps the call has entered, so that an empty text that opens a step again can be told
    from one that was not understood.
    """

    call_id: str
    caller: str = ""
    language: str = "en"
    lines: list[Line] = field(default_factory=list)
    slots: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    visit: int = 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """The agent has a sentence to say."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool ran, for the record. `ok` False: it failed, `result` says how."""

    tool: str
    arguments: Mapping[str, str]
    result: str
    ok: bool
    took_ms: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is over; `outcome` is one of the step's outcomes, `wants_human`, `refuses`,
    `not_understood`, or None: the caller is next."""

    outcome: str | None = None


AgentEvent = Sentence | ToolUsed | Finished


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller is expected to say next; the shell hands it to the recogniser."""

    phrases: tuple[str, ...] = ()
    digits: bool = False


class Agent(Protocol):
    """Thinks for one step at a time. The same object serves all calls; state is in the conversation."""

    name: str

    def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        """Answer what was heard (empty: open the step). Yields sentences and tools used, then one `Finished`.

        Closing the iterator cancels the turn. Raises `ProviderError`.
        """

    def expects(self, step_name: str, step: AgentStep, talk: Conversation) -> Expected:
        """What the caller may say now, for the recogniser's grammar or hints."""

    async def summarize(self, talk: Conversation, reason: str) -> str:
        """One or two sentences for the operator: who calls, what they need, what was done."""

    async def close(self) -> None:
        """Release connections."""


class Tool(Protocol):
    """One tool of the agent. Arguments and results are flat: name → text."""

    name: str
    description: str
    needs: tuple[str, ...]  # arguments it cannot run without
    optional: tuple[str, ...]  # arguments it may get
    gives: tuple[str, ...]  # fields of its result

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        """Run it. Raises `ToolError`; a result may hold `outcome` (for example `not_found`) and `say`,
        one plain sentence with what was found."""
