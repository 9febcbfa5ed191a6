"""A phone that can be called: it answers, declines, or rings until the caller gives up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from asterisk.lab.phone_call import BUSY, PhoneCall
from callflow.errors import AriRefused


class Extension:
    """One number of the exchange. What it is told holds for the calls that ring from then on."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.calls: list[PhoneCall] = []
        """All calls that rang here, in order."""
        self._rung: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._busy: set[asyncio.Task[None]] = set()
        self._after_s = 0.0
        self._does: Callable[[PhoneCall], Awaitable[None]] | None = None

    def answers(self, after_s: float = 0.5) -> Extension:
        """Take calls after ringing for so long."""
        self._after_s, self._does = after_s, PhoneCall.answer
        return self

    def declines(self, after_s: float = 0.0, *, cause: int = BUSY) -> Extension:
        """Refuse calls: SIP 486 unless another cause of Q.850 is given."""
        self._after_s, self._does = after_s, lambda call: call.decline(cause)
        return self

    def rings_out(self) -> Extension:
        """Ring until the caller gives up (or the test calls `answer` on the call)."""
        self._does = None
        return self

    async def rings(self, timeout_s: float = 10) -> PhoneCall:
        """Wait for the next call to ring here; each call is given once. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            return await self._rung.get()

    async def takes(self, timeout_s: float = 10) -> PhoneCall:
        """Wait for the next call and for its answer. Raises `TimeoutError`, or `ChannelGone` if it ends."""
        async with asyncio.timeout(timeout_s):
            call = await self._rung.get()
            await call.answered(timeout_s)
            return call

    def ring(self, call: PhoneCall) -> None:
        """The exchange tells of a call."""
        self.calls.append(call)
        self._rung.put_nowait(call)
        if self._does is not None:
            task = asyncio.create_task(self._react(call, self._after_s, self._does))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    async def close(self) -> None:
        """End what is still waiting to answer."""
        tasks = list(self._busy)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _react(
        self, call: PhoneCall, after_s: float, does: Callable[[PhoneCall], Awaitable[None]]
    ) -> None:
        await asyncio.sleep(after_s)
        with contextlib.suppress(AriRefused):  # the caller gave up first
            await does(call)
