"""The record of one call, written as it happens and in order, and never in the caller's way for long."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping

import structlog

from agent.ports import ToolUsed
from callflow.effects import Speaker
from callflow.errors import StorageError
from storage.ports import Call, CallStore, StepVisit, ToolCall, Turn

PATIENCE_S = 0.25
"""A caller waits this long for her words to be stored; a slower store catches up behind her back."""
CLOSE_S = 10.0

log = structlog.get_logger(__name__)


def now() -> dt.datetime:
    """The time as it is stored: aware, UTC."""
    return dt.datetime.now(dt.UTC)


class CallRecord:
    """Writes one call to a store. A store that fails costs the record, never the call."""

    def __init__(self, store: CallStore, call: Call) -> None:
        self.call_id = call.call_id
        self.turns = 0
        self._tools = 0
        self._store = store
        self._writes: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write_all(), name=f"record-{call.call_id}")
        self._put(lambda: store.open_call(call))

    async def turn(
        self, speaker: Speaker, text: str, step: str, *, interrupted: bool, latency_ms: Mapping[str, float]
    ) -> None:
        """Store a turn; returns when it is durable, or after `PATIENCE_S`."""
        self.turns += 1
        turn = Turn(self.turns, str(speaker), text, step, now(), interrupted, latency_ms)
        self._put(lambda: self._store.add_turn(self.call_id, turn))
        await self.flushed(PATIENCE_S)

    def step(self, step: str, reason: str) -> None:
        """Store a visit of a step."""
        visit = StepVisit(step, reason, now())
        self._put(lambda: self._store.add_step(self.call_id, visit))

    def tool(self, used: ToolUsed) -> None:
        """Store a use of a tool."""
        self._tools += 1
        tool = ToolCall(self._tools, used.tool, used.arguments, used.result, used.ok, used.took_ms, now())
        self._put(lambda: self._store.add_tool_call(self.call_id, tool))

    def update(self, **fields: object) -> None:
        """Set fields of the call."""
        self._put(lambda: self._store.update_call(self.call_id, **fields))

    async def flushed(self, within_s: float) -> bool:
        """Wait until all that was put is stored; False when that takes longer than `within_s`."""
        try:
            await asyncio.wait_for(self._writes.join(), within_s)
        except TimeoutError:
            log.warning("record.slow", waited_s=within_s, waiting=self._writes.qsize())
            return False
        return True

    async def close(self) -> None:
        """Write what is left and stop."""
        self._writes.put_nowait(None)
        done, _ = await asyncio.wait({self._writer}, timeout=CLOSE_S)
        if not done:
            log.error("record.lost", waiting=self._writes.qsize())
            self._writer.cancel()
            await asyncio.wait({self._writer})

    def _put(self, write: Callable[[], Awaitable[None]]) -> None:
        self._writes.put_nowait(write)

    async def _write_all(self) -> None:
        while (write := await self._writes.get()) is not None:
            try:
                await write()
            except StorageError as error:
                log.error("record.failed", reason=str(error))  # noqa: TRY400  # a sentence, not a traceback
            finally:
                self._writes.task_done()
        self._writes.task_done()
