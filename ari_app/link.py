"""Asterisk's events, by one WebSocket that is opened again whenever it is lost.

Logged: `ari.up` (info), `ari.down`, `ari.bad_event` (warning), `ari.replaced`, `ari.handler_failed` (error).
The password travels in a header and is never logged.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)

from ari_app.rest import authorization, base_of, refusal
from ari_app.wire import ApplicationReplaced, AriEvent, BadEvent, parse
from callflow.errors import AriError, AriRefused, AriUnreachable

_log = structlog.get_logger(__name__)
_protocol_log = logging.getLogger("ari_app.link.protocol")
_protocol_log.setLevel(logging.WARNING)  # at DEBUG the library logs every header, and the password is in one

LARGEST_EVENT: Final = 1 << 20
"""Bytes of one message; a larger one is none of Asterisk's and ends the connection."""


@dataclass(frozen=True, slots=True)
class LinkUp(AriEvent):
    """Events flow (again). What happened since `LinkDown` was not told: ask by REST."""


@dataclass(frozen=True, slots=True)
class LinkDown(AriEvent):
    """No events until `LinkUp`. Told once for each new reason; `refused`: only an administrator can help."""

    reason: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """All times of the link, in seconds."""

    ping_s: float = 5.0  # a ping every …
    pong_s: float = 5.0  # … is answered within this, or the peer is dead
    open_s: float = 5.0  # a connection is up within this
    first_retry_s: float = 0.2
    longest_retry_s: float = 5.0
    refused_retry_s: float = 30.0  # after a refusal, or when another program took our name


@dataclass(slots=True)
class LinkStats:
    """Counters since the link was made."""

    received: int = 0  # messages of any kind
    bad: int = 0  # … that were not what Asterisk's description promises
    handler_failures: int = 0  # events whose handler raised
    connections: int = 0  # times the link came up


class Backoff:
    """Pauses between attempts: doubling, up to a longest, each shortened at random by up to a half."""

    def __init__(self, first_s: float, longest_s: float, draw: Callable[[], float] = random.random) -> None:
        self._first_s, self._longest_s, self._draw = first_s, longest_s, draw
        self._failures = 0

    def next(self) -> float:
        """The pause before the next attempt, in seconds."""
        pause_s = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause_s * (1.0 - self._draw() / 2.0)

    def reset(self) -> None:
        """The last attempt succeeded."""
        self._failures = 0


class EventLink:
    """Gives every event of our application to `on_event`, in Asterisk's order, one at a time.

    `on_event` is called synchronously and must return at once: it puts the event into a mailbox. If it
    raises, that event is lost, logged and counted, and the next one is given. Besides Asterisk's events it
    gets `LinkUp` and `LinkDown`. Call `connect_once` at start-up to fail early, then `run`, then `close`.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        app: str,
        on_event: Callable[[AriEvent], None],
        *,
        pace: Pace | None = None,
    ) -> None:
        self._base, self._user, self._app = base_of(url), user, app
        self._headers = authorization(user, password)
        self._on_event = on_event
        self._pace = pace or Pace()
        self._backoff = Backoff(self._pace.first_retry_s, self._pace.longest_retry_s)
        self._connection: ClientConnection | None = None
        self._opened_at = 0.0
        self._follower: asyncio.Task[None] | None = None
        self._closed = False
        self._down_for: str | None = None
        self.up = False
        self.stats = LinkStats()

    async def connect_once(self) -> None:
        """Open the connection that `run` will use. Raises AriUnreachable, AriRefused with what to correct."""
        if self._connection is None:
            self._connection = await self._open()

    async def run(self) -> None:
        """Follow events until `close`, through every loss of the connection."""
        if self._closed:
            return
        follower = self._follower = asyncio.create_task(self._follow(), name="ari-events")
        try:
            await asyncio.wait({follower})
        finally:
            await self.close()
        if not follower.cancelled():
            follower.result()  # it only ends by a fault of ours, which must be seen

    async def close(self) -> None:
        """End `run` and the connection now. Safe to call twice, and without `run`."""
        self._closed = True
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            await asyncio.wait({follower})
        await self._drop()

    async def _follow(self) -> None:
        while True:
            pause_s = await self._live_once()
            await asyncio.sleep(pause_s)

    async def _live_once(self) -> float:
        """One connection from its opening to its end; gives the pause before the next one, in seconds."""
        try:
            await self.connect_once()
            self._came_up()
            await self._listen()
        except AriRefused as error:
            self._went_down(str(error), refused=True)
            return self._pace.refused_retry_s
        except AriUnreachable as error:
            self._went_down(str(error))
        finally:
            await self._drop()
        return self._backoff.next()

    async def _listen(self) -> None:
        """Pass events on until the connection ends; always raises why it ended."""
        try:
            while self._connection is not None:
                self._take(await self._connection.recv())
        except ConnectionClosed as closed:
            raise AriUnreachable(f"the event stream of Asterisk ended ({closed})") from closed

    async def _open(self) -> ClientConnection:
        query = urlencode({"app": self._app, "subscribeAll": "false"})
        pace = self._pace
        try:
            return await connect(
                f"ws{self._base.removeprefix('http')}/ari/events?{query}",
                additional_headers=self._headers,
                compression=None,
                proxy=None,
                open_timeout=pace.open_s,
                ping_interval=pace.ping_s,
                ping_timeout=pace.pong_s,
                close_timeout=1.0,
                max_size=LARGEST_EVENT,
                logger=_protocol_log,
            )
        except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as error:
            raise self._why_not(error) from error

    def _why_not(self, error: Exception) -> AriError:
        """The reason of a connection that did not open."""
        if isinstance(error, InvalidStatus):
            response = error.response
            return refusal(
                response.status_code, bytes(response.body or b"").decode(errors="replace"), self._user
            )
        if isinstance(error, InvalidMessage | TimeoutError | OSError):
            return AriUnreachable(f"the event stream of Asterisk at {self._base} cannot be reached ({error})")
        return AriRefused(f"no event stream of Asterisk at {self._base} ({error}): check ARI_URL")

    def _take(self, message: str | bytes) -> None:
        self.stats.received += 1
        event = parse(message) if isinstance(message, str) else BadEvent("binary")
        if isinstance(event, BadEvent):
            self.stats.bad += 1
            _log.warning("ari.bad_event", reason=event.reason)
            return
        self._give(event)
        if isinstance(event, ApplicationReplaced):
            _log.error("ari.replaced", application=self._app, hint="two controllers share one ARI_APP")
            raise AriRefused(
                f"another program connected to Asterisk as {self._app!r}: stop it, or give it another ARI_APP"
            )

    def _give(self, event: AriEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - the top of every handler; the link outlives them all
            self.stats.handler_failures += 1
            _log.exception("ari.handler_failed", event_type=type(event).__name__)

    def _came_up(self) -> None:
        self.up, self._down_for = True, None
        self.stats.connections += 1
        self._opened_at = asyncio.get_running_loop().time()
        _log.info("ari.up", application=self._app)
        self._give(LinkUp())

    def _went_down(self, reason: str, *, refused: bool = False) -> None:
        if self.up and asyncio.get_running_loop().time() - self._opened_at > self._pace.longest_retry_s:
            self._backoff.reset()  # it held; one that falls at once is tried more and more slowly
        self.up = False
        if reason == self._down_for:
            return
        self._down_for = reason
        _log.warning("ari.down", reason=reason)
        self._give(LinkDown(reason, refused))

    async def _drop(self) -> None:
        self.up = False
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
