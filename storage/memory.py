"""Calls in memory: the store of tests, with the same behaviour as the one on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callflow.errors import StorageError
from storage.ports import UPDATABLE, Call, StepVisit, ToolCall, Turn


class MemoryStore:
    """Keeps calls until the process ends. Set `down` to make every method raise, as a lost disk would."""

    def __init__(self) -> None:
        self.down = False
        self._calls: dict[str, Call] = {}

    async def open_call(self, call: Call) -> None:
        """Store a new call; see `CallStore`."""
        self._reach()
        self._calls.setdefault(call.call_id, replace(call, turns=(), tool_calls=(), steps=()))

    async def update_call(self, call_id: str, **fields: object) -> None:
        """Set fields of a call; see `CallStore`."""
        if unknown := fields.keys() - UPDATABLE:
            raise TypeError(f"update_call cannot set {', '.join(sorted(unknown))}")
        self._calls[call_id] = replace(self._call(call_id), **fields)  # type: ignore[arg-type]

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        """Append or replace a turn; see `CallStore`."""
        call = self._call(call_id)
        turns = {**{t.number: t for t in call.turns}, turn.number: turn}
        self._calls[call_id] = replace(call, turns=tuple(turns[n] for n in sorted(turns)))

    async def add_tool_call(self, call_id: str, tool_call: ToolCall) -> None:
        """Append or replace a use of a tool; see `CallStore`."""
        call = self._call(call_id)
        uses = {**{t.number: t for t in call.tool_calls}, tool_call.number: tool_call}
        self._calls[call_id] = replace(call, tool_calls=tuple(uses[n] for n in sorted(uses)))

    async def add_step(self, call_id: str, visit: StepVisit) -> None:
        """Append a visit of a step; see `CallStore`."""
        call = self._call(call_id)
        self._calls[call_id] = replace(call, steps=(*call.steps, visit))

    async def get(self, call_id: str) -> Call | None:
        """One call with everything, or None."""
        self._reach()
        return self._calls.get(call_id)

    async def recent(self, limit: int = 20) -> Sequence[Call]:
        """The newest calls first, without turns."""
        return tuple(replace(c, turns=(), tool_calls=(), steps=()) for c in self._newest()[:limit])

    async def ids(self, prefix: str, limit: int = 10) -> Sequence[str]:
        """The ids that begin with `prefix`, newest call first."""
        return tuple(c.call_id for c in self._newest() if c.call_id.startswith(prefix))[:limit]

    async def close(self) -> None:
        """Nothing is pending; the calls stay readable for the test's assertions."""

    def _reach(self) -> None:
        if self.down:
            raise StorageError("the call records cannot be reached: the store is down")

    def _call(self, call_id: str) -> Call:
        self._reach()
        if call_id not in self._calls:
            raise StorageError(f"call {call_id} is not in the records: open it before writing to it")
        return self._calls[call_id]

    def _newest(self) -> list[Call]:
        self._reach()
        return sorted(self._calls.values(), key=lambda c: (c.started_at, c.call_id), reverse=True)
