"""The audio path of one call through ARI: a bridge, an ExternalMedia channel, and the proof that audio flows.

`auto` begins with RTP. Within the first second Asterisk's own packet counters of the caller's telephone must
show that our audio goes out to her and that hers comes in to us; if not, AudioSocket takes over on the same
call.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from enum import Enum

import structlog

from ari_app import ids
from ari_app.services import Services
from callflow.errors import AriError, AriRefused, ChannelGone, MediaError, NoAudio
from media.line import Line
from media.ports import Transport
from media.transports.rtp import RtpTransport

FIRST_LOOK_S = 0.6
SECOND_LOOK_S = 0.5
LATER_LOOKS_S = 1.0
ENOUGH = 10
"""Packets (200 ms) that must have gone one way before we say that the other side got none of them."""
CONNECT_S = 2.0

log = structlog.get_logger(__name__)


class Proof(Enum):
    """What the counters say."""

    BOTH_WAYS = "both ways"
    UNKNOWN = "the caller's telephone has sent nothing yet"
    NOT_OUT = "Asterisk sends the caller nothing of ours"
    NOT_IN = "the caller's audio does not reach us"


class MediaPath:
    """One call's bridge and media channel. `open` once, `close` always."""

    def __init__(self, services: Services, call_id: str, channel_id: str, line: Line) -> None:
        self._services = services
        self._ari = services.ari
        self._call_id = call_id
        self._channel_id = channel_id
        self._line = line
        self._bridge = ids.bridge(call_id)
        self._number = 0
        self._media_ids: list[str] = []  # made, and not yet hung up
        self._proof: asyncio.Task[None] | None = None

    async def open(self, number: int = 0) -> None:
        """Make the path. `number` counts media channels of earlier paths of the call.

        Raises `AriError`, `MediaError`."""
        self._number = number
        mode = self._services.settings.media_transport
        await self._ari.create_bridge(self._bridge)
        await self._ari.add_to_bridge(self._bridge, self._channel_id)
        if mode == "audiosocket" or (mode == "auto" and not self._services.rtp_is_heard):
            await self._by_audiosocket()
            return
        try:
            await self._by_rtp()
        except (MediaError, AriRefused) as error:
            if mode == "rtp" or isinstance(error, ChannelGone):
                raise
            await self._fall_back(str(error), begin_again=False)
            return
        if mode == "auto":
            self._proof = asyncio.create_task(self._prove(), name=f"proof-{self._call_id}")

    @property
    def number(self) -> int:
        """How many media channels this call has had."""
        return self._number

    async def _by_rtp(self) -> None:
        transport = RtpTransport(self._services.rtp_ports, self._line.hear)
        try:
            host = self._services.settings.rtp_advertise or transport.local[0]
            media_id = self._next_id()
            async with self._services.arrivals.of(media_id):
                variables = await self._ari.external_media(
                    media_id, self._services.settings.ari_app, f"{host}:{transport.local[1]}"
                )
            transport.connect(_remote(variables))
            await self._use(media_id, transport)
        except BaseException:
            await transport.close()
            raise

    async def _by_audiosocket(self) -> None:
        number = uuid.uuid4()
        media_id = self._next_id()
        connecting = self._services.audiosocket.expect(number)
        try:
            async with self._services.arrivals.of(media_id):
                await self._ari.external_media(
                    media_id,
                    self._services.settings.ari_app,
                    self._services.settings.audiosocket_address,
                    encapsulation="audiosocket",
                    transport="tcp",
                    data=str(number),
                )
            transport = await asyncio.wait_for(connecting, CONNECT_S)
        except TimeoutError:
            raise NoAudio(
                f"Asterisk did not connect to {self._services.settings.audiosocket_address} by AudioSocket"
            ) from None
        finally:
            connecting.cancel()
        transport.set_sink(self._line.hear)
        await self._use(media_id, transport)

    def _next_id(self) -> str:
        self._number += 1
        self._media_ids.append(ids.media(self._call_id, self._number))
        return self._media_ids[-1]

    async def _use(self, media_id: str, transport: Transport) -> None:
        """Put a media channel into the bridge; the one before it goes."""
        await self._ari.add_to_bridge(self._bridge, media_id)
        old = self._line.attach(transport)
        if old is not None:
            await old.close()
        for old_id in self._media_ids[:-1]:
            await self._ari.hang_up(old_id)
        self._media_ids = [media_id]

    # --- the proof -----------------------------------------------------------------------------------

    async def _prove(self) -> None:
        pause_s, looks = FIRST_LOOK_S, 0
        with contextlib.suppress(AriError):  # the call is over, or Asterisk is: others see to that
            while True:
                await asyncio.sleep(pause_s)
                looks += 1
                flow = await self._look()
                if flow is Proof.BOTH_WAYS:
                    log.debug("media.proved", after_looks=looks)
                    return
                if flow is not Proof.UNKNOWN and looks > 1:
                    await self._fall_back(flow.value, begin_again=flow is Proof.NOT_OUT)
                    return
                pause_s = SECOND_LOOK_S if looks == 1 else LATER_LOOKS_S

    async def _look(self) -> Proof:
        transport = self._line.transport
        if transport is None:
            return Proof.UNKNOWN
        count = await self._ari.rtp_count(self._channel_id)
        heard = transport.stats.received > 0
        if count is None:
            return Proof.BOTH_WAYS if heard else Proof.NOT_IN
        if transport.stats.sent > ENOUGH and not count.sent:
            return Proof.NOT_OUT
        if heard:
            return Proof.BOTH_WAYS
        return Proof.NOT_IN if count.received > ENOUGH else Proof.UNKNOWN

    async def _fall_back(self, reason: str, *, begin_again: bool) -> None:
        log.warning("media.fell_back", reason=reason, to="audiosocket")
        self._services.metrics.transport_fallbacks.inc()
        await self._by_audiosocket()
        if begin_again:
            self._line.begin_again()

    async def close(self) -> None:
        """Remove the bridge, the media channel and the transport. Never raises; safe to call twice."""
        if self._proof is not None:
            self._proof.cancel()
            await asyncio.gather(self._proof, return_exceptions=True)
        await self._line.detach()
        for media_id in self._media_ids:
            with contextlib.suppress(AriError):
                await self._ari.hang_up(media_id)
        self._media_ids = []
        with contextlib.suppress(AriError):
            await self._ari.destroy_bridge(self._bridge)


def _remote(variables: Mapping[str, str]) -> tuple[str, int]:
    """Where Asterisk listens for our RTP."""
    address, port = variables.get("UNICASTRTP_LOCAL_ADDRESS"), variables.get("UNICASTRTP_LOCAL_PORT")
    if not address or not port:
        raise MediaError("Asterisk did not say where it listens for RTP; check that chan_rtp is loaded")
    return address, int(port)
