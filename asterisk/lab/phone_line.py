"""The phone's end of the audio: AudioSocket frames of 8 kHz to and from the phones' own Asterisk.

Written apart from the product's transport, so that no mistake of the one hides in the other.
Frame: kind (1 byte), length (2, big-endian), payload; kind 0x01 carries the call's 16-byte UUID, 0x10 carries
little-endian 16-bit audio at 8 kHz (docs.asterisk.org, "AudioSocket").
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast
from uuid import UUID

import numpy as np

from asterisk.lab.phone_sound import Samples

KIND_UUID, KIND_AUDIO = 0x01, 0x10
HEADER_BYTES = 3
Clock = Callable[[], float]


class Listener(Protocol):
    """Who uses a line."""

    def line_opened(self, line: Line) -> None:
        """The call is up and its audio connected."""

    def line_heard(self, at_s: float, samples: Samples) -> None:
        """A packet came."""

    def line_closed(self, at_s: float) -> None:
        """The audio ended: the call is over."""


class Line(asyncio.Protocol):
    """One AudioSocket connection; `find` tells whose call a UUID is (None: nobody's, the line is dropped)."""

    def __init__(self, find: Callable[[str], Listener | None], clock: Clock) -> None:
        self._find, self._clock = find, clock
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._rest = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The phones' Asterisk connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Bytes came: all whole frames in them came now."""
        now = self._clock()
        self._rest += data
        while len(self._rest) >= HEADER_BYTES:
            end = HEADER_BYTES + int.from_bytes(self._rest[1:HEADER_BYTES], "big")
            if len(self._rest) < end:
                return
            kind, payload = self._rest[0], bytes(self._rest[HEADER_BYTES:end])
            del self._rest[:end]
            self._take(now, kind, payload)

    def _take(self, now: float, kind: int, payload: bytes) -> None:
        if kind == KIND_UUID:
            self._listener = self._find(str(UUID(bytes=payload)))
            if self._listener is None:
                self.close()
            else:
                self._listener.line_opened(self)
        elif kind == KIND_AUDIO and self._listener is not None:
            self._listener.line_heard(now, np.frombuffer(payload, "<i2"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The phones' Asterisk closed: the call ended on either side."""
        if self._listener is not None:
            self._listener.line_closed(self._clock())

    def send(self, samples: Samples) -> None:
        """Send one frame now."""
        self._write(samples.astype("<i2", copy=False).tobytes())

    def keep_up(self) -> None:
        """Show that we are alive without a sound: half a sample is activity to AudioSocket, and nothing that
        Asterisk's codecs could make an RTP packet of."""
        self._write(b"\0")

    def _write(self, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(bytes((KIND_AUDIO,)) + len(payload).to_bytes(2, "big") + payload)

    def close(self) -> None:
        """Close at once; the phones' Asterisk hangs the call up."""
        if self._transport is not None:
            self._transport.abort()
