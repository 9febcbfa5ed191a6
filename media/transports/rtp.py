"""RTP to and from an ExternalMedia channel, on one UDP socket a call.

What Asterisk sends has payload type 118: slin16, big-endian. What it hears must have a static payload type,
so we send 11: L16 at 8 kHz, big-endian.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import socket
import time

import structlog

from callflow.errors import BadPacket, MediaError
from media.jitter import JitterBuffer
from media.pcm import swap_bytes
from media.ports import FrameSink, TransportStats
from media.resample import Halver
from media.rtp import L16_8K, SLIN16, RtpStream, parse

Address = tuple[str, int]

DATAGRAM_BYTES = 2048  # three frames of slin16 and their header fit; a datagram that fills it was cut off

log = structlog.get_logger(__name__)


class RtpPorts:
    """Hands out UDP sockets on the even ports `low`…`high` of `host`, in turn: a port rests after a call.

    `low` and `high` 0: any free port. A port is free again when its socket is closed.
    """

    def __init__(self, host: str, low: int, high: int) -> None:
        self._host = host
        self._ports = range(low + low % 2, high + 1, 2) if low else range(1)
        self._cursor = 0

    def take(self) -> socket.socket:
        """A bound socket, not blocking. Raises `MediaError`: no port is free, or the address is not ours."""
        for _ in range(len(self._ports)):
            port = self._ports[self._cursor % len(self._ports)]
            self._cursor += 1
            if opened := self._bind(port):
                return opened
        raise MediaError(
            f"All {len(self._ports)} RTP ports of {self._host} from {self._ports.start} "
            f"to {self._ports.stop - 1} are in use: widen the range, two ports a call."
        )

    def _bind(self, port: int) -> socket.socket | None:
        """A socket on this port, None when somebody has it."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        try:
            opened.bind((self._host, port))
        except OSError as error:
            opened.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise MediaError(f"Cannot open RTP on {self._host} port {port}: {error.strerror}.") from error
        return opened


class RtpTransport:
    """A `Transport` over RTP. Make it, tell Asterisk `local`, then `connect` to what Asterisk answers.

    Frames to send are dropped until then. `tick` must be called every 20 ms or so.
    """

    name = "rtp"

    def __init__(self, ports: RtpPorts, sink: FrameSink) -> None:
        """Take a socket. Needs a running loop. Raises `MediaError` when no port is free."""
        self.stats = TransportStats()
        self._jitter = JitterBuffer(sink, self.stats)
        self._socket = ports.take()
        address = self._socket.getsockname()
        self.local: Address = (address[0], address[1])
        self._loop = asyncio.get_running_loop()
        self._stream = RtpStream(secrets.randbits(32), L16_8K, secrets.randbits(16), secrets.randbits(32))
        self._halver = Halver(">")
        self._marker = True  # the first packet opens a talk spurt
        self._connected = False
        self._complained = False
        self.closed = False

    def connect(self, remote: Address) -> None:
        """Begin to send to Asterisk's address (an IP address, no name) and to hear it, and nobody else.

        Raises `MediaError` when there is no way to that address.
        """
        try:
            self._socket.connect(remote)
        except OSError as error:
            raise MediaError(
                f"Cannot reach Asterisk's RTP at {remote[0]} port {remote[1]}: {error}."
            ) from error
        self._drain()
        if not self._connected:
            self._loop.add_reader(self._socket, self._readable)
        self._connected = True

    def send(self, frame: bytes, *, marker: bool = False) -> None:
        """Send one 20 ms frame now. Never blocks, never raises; `marker` opens a talk spurt."""
        if not self._connected or self.closed:
            return
        payload = self._halver.feed(frame)
        packet = self._stream.packet(payload, len(payload) // 2, marker or self._marker)
        self._marker = False
        try:
            self._socket.send(packet)
            self.stats.sent += 1
        except OSError as error:
            self._send_again(packet, error)

    def tick(self, now: float) -> None:
        """Let time pass: conceal what is lost, fill silence."""
        self._jitter.tick(now)

    async def close(self) -> None:
        """Release the socket and the port. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        if self._connected:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _send_again(self, packet: bytes, error: OSError) -> None:
        """A refusal is about an earlier packet, and the kernel sent nothing now: try once more."""
        if isinstance(error, ConnectionRefusedError):
            with contextlib.suppress(OSError):
                self._socket.send(packet)
                self.stats.sent += 1
                return
        self.stats.dropped += 1
        if not self._complained:
            self._complained = True
            log.warning("rtp.send_failed", local=self.local, error=str(error))

    def _readable(self) -> None:
        # One datagram a wake-up: what else is there wakes us again in the loop's next round, while a second
        # read would nearly always be in vain, and cost a tenth of the whole path.
        try:
            datagram = self._socket.recv(DATAGRAM_BYTES)
        except OSError:  # nothing after all, or Asterisk has closed its port: the call's end will come by ARI
            return
        self._take(datagram, time.monotonic())

    def _drain(self) -> None:
        """Take what came before we were connected: Asterisk's packets are the caller's first word."""
        now = time.monotonic()
        with contextlib.suppress(OSError):
            remote = self._socket.getpeername()
            while True:
                datagram, sender = self._socket.recvfrom(DATAGRAM_BYTES)
                if sender == remote:
                    self._take(datagram, now)
                else:
                    self.stats.bad += 1

    def _take(self, datagram: bytes, now: float) -> None:
        try:
            packet = parse(datagram)
        except BadPacket:
            self.stats.bad += 1
            return
        if packet.payload_type != SLIN16 or len(datagram) == DATAGRAM_BYTES:
            self.stats.bad += 1
            return
        self._jitter.put(packet.ssrc, packet.sequence, swap_bytes(packet.payload), now)
