"""AudioSocket: Asterisk connects to us by TCP, names the call by a UUID, and audio flows both ways.

Asterisk may starve a call whose peer waits for its first frame (asterisk#2089), so silence is sent from
accept on; whoever takes the transport goes on sending every 20 ms.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import cast
from uuid import UUID

import structlog

from callflow.errors import BadPacket, MediaError
from media.audiosocket import RATES, Frame, FrameParser, Kind, encode
from media.jitter import SilenceFill
from media.pcm import Framer
from media.ports import RATE, SILENCE, FrameSink, TransportStats
from media.resample import Doubler, Halver, Resampler

GREETING_S = 2.0  # Asterisk sends the UUID right after it has connected
FAREWELL_S = 1.0  # for what is still to be sent; a peer that does not read is cut off then
BACKLOG_S = 0.2  # audio that may wait in our buffer; more would only be heard later and later
SEND_BUFFER_BYTES = 8192
KEYS = "0123456789*#ABCD"
REFUSED = b"\x01"  # the error code that Asterisk documents as "the other side hung up"
DEFAULT_RATE = 8_000  # what the dialplan's `AudioSocket()` speaks

log = structlog.get_logger(__name__)


def _nobody(frame: bytes, real: bool) -> None:
    """The sink of a transport that nobody listens to yet."""


class AudioSocketTransport:
    """A `Transport` over AudioSocket; `AudioSocketServer` makes it, one for each connection.

    Set the sink, `on_key` and `on_hangup` at once, then look at `gone`: the caller may have been faster.
    `on_hangup` is called once, when Asterisk's side ended it. `tick` must be called every 20 ms or so.
    """

    name = "audiosocket"

    def __init__(self, wire: asyncio.Transport, uuid: UUID, rate: int) -> None:
        """`rate` is what we send at: 16000 for ExternalMedia of slin16, 8000 for the dialplan's command."""
        self.stats = TransportStats()
        self.uuid = uuid
        self.on_key: Callable[[str], None] | None = None
        self.on_hangup: Callable[[], None] | None = None
        self.gone = False  # the connection ended or is ending, by whichever side
        self.lost = asyncio.Event()  # the connection is closed altogether
        self._wire = wire
        self._sink: FrameSink = _nobody
        self._framer = Framer()
        self._fill = SilenceFill()
        self._decoders: dict[Kind, Doubler | Resampler] = {}
        self._halver = None if rate == RATE else Halver()
        self._backlog_bytes = int(BACKLOG_S * rate * 2)
        self.send(SILENCE)

    def set_sink(self, sink: FrameSink) -> None:
        """Give the caller's frames to `sink` from now on; those before are dropped."""
        self._sink = sink

    def send(self, frame: bytes, *, marker: bool = False) -> None:
        """Send one 20 ms frame now. Never blocks, never raises; TCP needs no marker."""
        if self.gone:
            return
        if self._wire.get_write_buffer_size() > self._backlog_bytes:
            self.stats.dropped += 1
            return
        kind, payload = (Kind.AUDIO_8K, self._halver.feed(frame)) if self._halver else (Kind.AUDIO_16K, frame)
        self._wire.write(encode(kind, payload))
        self.stats.sent += 1

    def tick(self, now: float) -> None:
        """Let time pass: fill silence when nothing has come for 60 ms."""
        if not (frames := self._fill.missing(now)):
            return
        if rest := self._framer.pad():
            self._sink(rest, True)
        for _ in range(frames):
            self._sink(SILENCE, False)

    def hang_up(self) -> None:
        """Ask Asterisk to end the call; then nothing more is sent or heard. `on_hangup` is not called."""
        if self.gone:
            return
        self._wire.write(encode(Kind.HANGUP))
        self.on_hangup = None
        self.end()

    def refuse(self) -> None:
        """End the connection by an error: the dialplan then knows that the call is not in our hands."""
        if self.gone:
            return
        self._wire.write(encode(Kind.ERROR, REFUSED))
        self.on_hangup = None
        self.end()

    async def close(self) -> None:
        """Close the connection and wait until it is. Safe to call twice. `on_hangup` is not called."""
        self.on_hangup = None
        self.end()
        try:
            await asyncio.wait_for(self.lost.wait(), FAREWELL_S)
        except TimeoutError:
            self._wire.abort()
            await self.lost.wait()

    def take(self, frame: Frame, now: float) -> None:
        """The connection's call: one frame from Asterisk."""
        if self.gone:
            return
        if frame.kind in RATES:
            self._hear(frame, now)
        elif frame.kind is Kind.DTMF:
            self._press(frame.payload.decode("latin-1"))
        elif frame.kind is Kind.UUID:
            self.stats.bad += 1  # the call has a name already
        else:
            if frame.kind is Kind.ERROR:
                log.warning("audiosocket.error", uuid=str(self.uuid), code=frame.payload.hex())
            self.end()

    def end(self) -> None:
        """The connection's call, and our own: it is over."""
        if self.gone:
            return
        self.gone = True
        self._wire.close()
        if self.on_hangup is not None:
            self.on_hangup()

    def _hear(self, frame: Frame, now: float) -> None:
        pcm = frame.payload
        if frame.kind is not Kind.AUDIO_16K:
            pcm = self._decoder(frame.kind).feed(pcm)
        self._fill.heard(now, len(pcm))
        for heard in self._framer.cut(pcm):
            self.stats.received += 1
            self._sink(heard, True)

    def _decoder(self, kind: Kind) -> Doubler | Resampler:
        """The way of a lower rate up to 16 kHz; made when the first frame of its kind comes."""
        if kind not in self._decoders:
            self._decoders[kind] = Doubler() if kind is Kind.AUDIO_8K else Resampler(RATES[kind], RATE)
        return self._decoders[kind]

    def _press(self, key: str) -> None:
        if key not in KEYS:
            self.stats.bad += 1
        elif self.on_key is not None:
            self.on_key(key)


class _Connection(asyncio.Protocol):
    """One TCP connection: it owes us a UUID; then its frames go to the transport of that call."""

    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._parser = FrameParser()
        self.transport: AudioSocketTransport | None = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = cast(asyncio.Transport, transport)
        connected: socket.socket = transport.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's own buffer would hide for seconds that the other side reads no more.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._deadline = asyncio.get_running_loop().call_later(GREETING_S, self.refuse, "no UUID in time")
        self._server.connections[self] = None

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        try:
            for frame in self._parser.feed(data):
                if self.transport is not None:
                    self.transport.take(frame, now)
                elif not self._greet(frame):
                    return
        except BadPacket as error:
            self._garbage(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self._server.connections.pop(self, None)
        self.lost.set()
        if self.transport is not None:
            self.transport.end()
            self.transport.lost.set()

    def refuse(self, reason: str) -> None:
        """Close a connection that belongs to no call."""
        self._deadline.cancel()
        self._server.refused += 1
        log.warning("audiosocket.refused", peer=self.wire.get_extra_info("peername"), reason=reason)
        self.wire.close()

    def _greet(self, frame: Frame) -> bool:
        """The first frame tells whose connection this is; False when it is nobody's."""
        if self.wire.is_closing():
            return False
        if frame.kind is not Kind.UUID:
            self.refuse("the first frame is no UUID")
            return False
        self._deadline.cancel()
        self.transport = self._server.welcome(UUID(bytes=frame.payload), self.wire)
        if self.transport is None:
            self.refuse("nobody expects this UUID")
        return self.transport is not None

    def _garbage(self, reason: str) -> None:
        if self.transport is None:
            self.refuse(reason)
            return
        self.transport.stats.bad += 1
        log.warning("audiosocket.garbage", uuid=str(self.transport.uuid), reason=reason)
        self.transport.end()


class AudioSocketServer:
    """Listens for Asterisk. `expect` a UUID before ARI is asked for the channel that will bring it.

    A UUID that nobody expects is a call of the dialplan's `AudioSocket()`: `on_call` gets it, or nobody.
    """

    def __init__(
        self, host: str, port: int, on_call: Callable[[UUID, AudioSocketTransport], None] | None = None
    ) -> None:
        """Port 0 takes any free one."""
        self.on_call = on_call
        self.refused = 0  # connections without a UUID in time, with garbage, or that nobody expected
        self.connections: dict[_Connection, None] = {}
        self._host = host
        self._port = port
        self._expected: dict[UUID, tuple[asyncio.Future[AudioSocketTransport], int]] = {}
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises `MediaError` when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(lambda: _Connection(self), self._host, self._port)
        except OSError as error:
            raise MediaError(
                f"Cannot listen for AudioSocket on {self._host} port {self._port}: {error.strerror or error}."
            ) from error

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once started."""
        if self._listener is None:
            raise MediaError("The AudioSocket server has no address yet: start it first.")
        host, port, *_ = self._listener.sockets[0].getsockname()
        return host, port

    def expect(self, uuid: UUID, rate: int = RATE) -> asyncio.Future[AudioSocketTransport]:
        """The transport of this UUID, once Asterisk connects. Wait with a bound: cancelling forgets it."""
        if uuid in self._expected:
            raise MediaError(
                f"The AudioSocket UUID {uuid} is expected already: take a new one for each call."
            )
        future: asyncio.Future[AudioSocketTransport] = asyncio.get_running_loop().create_future()
        self._expected[uuid] = (future, rate)
        future.add_done_callback(lambda done: self._forget(uuid, done))
        return future

    def _forget(self, uuid: UUID, future: asyncio.Future[AudioSocketTransport]) -> None:
        if self._expected.get(uuid, (None,))[0] is future:
            del self._expected[uuid]

    def welcome(self, uuid: UUID, wire: asyncio.Transport) -> AudioSocketTransport | None:
        """A connection's call: make the transport of this UUID and hand it over, or None: refuse it."""
        future, rate = self._expected.pop(uuid, (None, DEFAULT_RATE))
        if future is not None and not future.done():
            transport = AudioSocketTransport(wire, uuid, rate)
            future.set_result(transport)
            return transport
        if future is None and self.on_call is not None:
            transport = AudioSocketTransport(wire, uuid, rate)
            self.on_call(uuid, transport)
            return transport
        return None  # nobody waits, or nobody waits any more

    async def close(self) -> None:
        """Stop listening, drop every connection and every expectation."""
        for future, _ in tuple(self._expected.values()):
            future.cancel()
        connections = tuple(self.connections)
        for connection in connections:
            connection.wire.abort()
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
        for connection in connections:
            await connection.lost.wait()
