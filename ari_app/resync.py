"""After the link to Asterisk was lost: what happened meanwhile, and who was left alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from ari_app import ids
from ari_app.services import Services
from callflow import events as ev
from callflow.errors import AriError

if TYPE_CHECKING:
    from ari_app.switchboard import Switchboard

TRIES = 5
PAUSE_S = 0.5

log = structlog.get_logger(__name__)


class Resync:
    """Compares Asterisk's channels with our calls. Run at every start of the event stream."""

    def __init__(self, services: Services, switchboard: Switchboard) -> None:
        self._services = services
        self._switchboard = switchboard

    async def run(self) -> None:
        """End calls whose channel is gone, hang up those that are over, hand lonely callers to people, sweep
        what is nobody's."""
        for attempt in range(TRIES):
            try:
                await self._once()
            except AriError as error:
                log.warning("resync.failed", attempt=attempt + 1, reason=str(error))
                await asyncio.sleep(PAUSE_S * (attempt + 1))
            else:
                return

    async def _once(self) -> None:
        ari = self._services.ari
        application = await ari.application(self._services.settings.ari_app)
        alive = {channel.id for channel in await ari.channels()}
        for call in self._switchboard.calls:
            if call.leg.by_ari and call.leg.channel_id not in alive:
                call.post(ev.HungUp())
        for channel_id in tuple(self._services.unended):
            await ari.hang_up(channel_id)
            self._services.unended.discard(channel_id)
            alive.discard(channel_id)
        for channel_id in application.channels:
            await self._look_after(channel_id, alive)
        for bridge_id in application.bridges:
            if self._is_left_over(bridge_id):
                await ari.destroy_bridge(bridge_id)

    async def _look_after(self, channel_id: str, alive: set[str]) -> None:
        """A channel of our application that no call of ours owns."""
        if channel_id not in alive or self._switchboard.call_of(channel_id) is not None:
            return
        if not ids.is_ours(channel_id):
            await self._switchboard.to_queue(channel_id, "nobody had this call")
        elif self._is_left_over(channel_id):
            await self._services.ari.hang_up(channel_id)

    def _is_left_over(self, name: str) -> bool:
        call_id = ids.call_of(name)
        return call_id is not None and call_id not in {call.call_id for call in self._switchboard.calls}
