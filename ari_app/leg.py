"""A call's way to the telephone network: answer, hang up, hand over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ari_app.path import MediaPath
from ari_app.services import Services
from ari_app.settings import Destination
from callflow import events as ev
from callflow.errors import AriUnreachable
from media.line import Line


class Leg(Protocol):
    """One caller's channel, whatever carries it."""

    by_ari: bool  # Asterisk lists its channel; otherwise only the connection knows whether it lives
    channel_id: str
    caller: str
    called: str

    def attach(self, post: Callable[[ev.Event], None]) -> None:
        """Report by `post` what happens to the channel, where nobody else does."""

    async def answer(self, line: Line) -> None:
        """Answer, and open the audio path of `line`. Raises `AriError`, `MediaError`."""

    async def transfer(self, destination: Destination, variables: Mapping[str, str]) -> None:
        """Hand the caller to the dialplan. Raises `AriError`."""

    async def hang_up(self) -> None:
        """End the call. Raises `AriError`."""

    async def release(self) -> None:
        """Remove what was made for the call; the caller's channel is left as it is. Never raises."""


class AriLeg:
    """A channel that is in our Stasis application."""

    by_ari = True

    def __init__(self, services: Services, call_id: str, channel_id: str, caller: str, called: str) -> None:
        self.channel_id = channel_id
        self.caller = caller
        self.called = called
        self.leaving = False
        """The caller was given to the dialplan: leaving Stasis is not a hang-up then."""
        self._services = services
        self._call_id = call_id
        self._path: MediaPath | None = None
        self._media_channels = 0

    def attach(self, post: Callable[[ev.Event], None]) -> None:
        """Nothing to do: Asterisk's events come through the switchboard."""

    async def answer(self, line: Line) -> None:
        """Answer and open the audio path; also for a caller whom the queue gave back."""
        self.leaving = False
        await self.release()
        await self._services.ari.answer(self.channel_id)
        self._path = MediaPath(self._services, self._call_id, self.channel_id, line)
        await self._path.open(self._media_channels)

    async def transfer(self, destination: Destination, variables: Mapping[str, str]) -> None:
        """Go on hearing of the channel, leave word for the operator, and let go."""
        ari, app = self._services.ari, self._services.settings.ari_app
        await ari.subscribe(app, f"channel:{self.channel_id}")
        await ari.set_variables(self.channel_id, variables)
        self.leaving = True
        try:
            await ari.continue_in_dialplan(self.channel_id, destination.context, destination.extension)
        except BaseException:
            self.leaving = False
            raise

    async def hang_up(self) -> None:
        """End the call; while Asterisk is out of reach it is noted down, and done after."""
        try:
            await self._services.ari.hang_up(self.channel_id)
        except AriUnreachable:
            self._services.unended.add(self.channel_id)
            raise

    async def release(self) -> None:
        """Remove the bridge and the media channel."""
        path, self._path = self._path, None
        if path is not None:
            await path.close()
            self._media_channels = path.number
