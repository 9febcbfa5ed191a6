"""Waiting for a channel of ours to enter Stasis: a bridge refuses one that has not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

ENTER_S = 1.0
"""A channel enters Stasis within milliseconds of its making. After this we try the bridge all the same:
the event may have been lost with the event stream."""


class Arrivals:
    """Which channels of ours are awaited, by id."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Future[None]] = {}

    @contextlib.asynccontextmanager
    async def of(self, channel_id: str) -> AsyncIterator[None]:
        """Make the channel inside; on leaving, its `StasisStart` has come, or `ENTER_S` have passed."""
        arrived = self._awaited[channel_id] = asyncio.get_running_loop().create_future()
        try:
            yield
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(arrived, ENTER_S)
        finally:
            del self._awaited[channel_id]

    def arrive(self, channel_id: str) -> None:
        """A channel of ours entered Stasis."""
        arrived = self._awaited.get(channel_id)
        if arrived is not None and not arrived.done():
            arrived.set_result(None)
