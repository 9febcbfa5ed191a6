"""What is stored of a call, and the Protocol that every store fulfils. Times are aware UTC datetimes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that was said. `latency_ms` holds the named delays of an agent's turn (`caller_stopped`,
    `words`, `agent`, `first_audio`), each counted from the end of the caller's speech."""

    number: int
    speaker: str
    text: str
    step: str
    at: dt.datetime
    interrupted: bool = False
    latency_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One use of a tool."""

    number: int
    tool: str
    arguments: Mapping[str, str]
    result: str
    ok: bool
    took_ms: float
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class StepVisit:
    """The call entered a step, by an outcome or event."""

    step: str
    reason: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One call as stored. `ended_at` and `disposition` are None while it lasts."""

    call_id: str
    channel_id: str
    caller: str
    called: str
    direction: str
    flow: str
    flow_version: str
    language: str
    started_at: dt.datetime
    answered_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    disposition: str | None = None
    last_step: str | None = None
    transport: str | None = None
    recording: str | None = None
    summary: str | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    ignored_events: int = 0
    turns: Sequence[Turn] = ()
    tool_calls: Sequence[ToolCall] = ()
    steps: Sequence[StepVisit] = ()


_FIXED = {"call_id", "started_at", "turns", "tool_calls", "steps"}
UPDATABLE = frozenset(each.name for each in fields(Call)) - _FIXED
"""What `update_call` may set: all but what identifies a call and what has its own method."""


class CallStore(Protocol):
    """Where calls are recorded. Every method raises `StorageError` when the store cannot be reached.

    Writing to a call that was never opened is a `StorageError` too. When a write returns, another process
    sees it; a cancelled write is still carried out.
    """

    async def open_call(self, call: Call) -> None:
        """Store a new call (without turns). Storing the same id twice changes nothing."""

    async def update_call(self, call_id: str, **fields: object) -> None:
        """Set fields of a call by the names of `Call`; a name outside `UPDATABLE` is a `TypeError`."""

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        """Append a turn; the same number again replaces it (its latencies come later than its words)."""

    async def add_tool_call(self, call_id: str, tool_call: ToolCall) -> None:
        """Append a use of a tool; the same number again replaces it."""

    async def add_step(self, call_id: str, visit: StepVisit) -> None:
        """Append a visit of a step."""

    async def get(self, call_id: str) -> Call | None:
        """One call with everything, or None."""

    async def recent(self, limit: int = 20) -> Sequence[Call]:
        """The newest calls first, without turns."""

    async def ids(self, prefix: str, limit: int = 10) -> Sequence[str]:
        """The ids that begin with `prefix`, newest call first."""

    async def close(self) -> None:
        """Write what is pending and release connections."""
