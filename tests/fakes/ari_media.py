"""The audio of the fake Asterisk: an ExternalMedia channel as a UDP socket, with the habits of the real one.

It sends payload type 118 (`slin16`, 16 kHz, big-endian, 640 bytes) and hears only static types: of those, 11
(16 bit at 8 kHz, big-endian) is understood here. Everything else, 118 too, is dropped without a word, as
chan_rtp does. Nothing is sent while nobody in the bridge speaks.
"""

from __future__ import annotations

import asyncio
import struct
from array import array
from collections.abc import Callable

HEARD_TYPE = 11
SENT_TYPE = 118
_HEADER = struct.Struct("!BBHII")


def swapped(pcm: bytes) -> bytes:
    """The other byte order."""
    samples = array("h", pcm)
    samples.byteswap()
    return samples.tobytes()


def doubled(pcm_8k: bytes) -> bytes:
    """16 kHz from 8 kHz by straight lines between samples; little-endian both."""
    samples = array("h", pcm_8k)
    out = array("h")
    last = samples[0] if samples else 0
    for sample in samples:
        out.append((last + sample) // 2)
        out.append(sample)
        last = sample
    return out.tobytes()


class MediaLeg(asyncio.DatagramProtocol):
    """One ExternalMedia channel's socket. `on_heard` gets what the controller says, 16 kHz little-endian."""

    def __init__(self, host: str, port: int, on_heard: Callable[[bytes], None]) -> None:
        self._to = (host, port)
        self._on_heard = on_heard
        self._transport: asyncio.DatagramTransport | None = None
        self._sequence = 0
        self._timestamp = 0
        self.payload_types: dict[int, int] = {}

    async def open(self) -> tuple[str, int]:
        """Bind a free port of 127.0.0.1 and give the address."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        host, port = self._transport.get_extra_info("sockname")
        return host, port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Count what comes, and understand what a real Asterisk would."""
        if len(data) < _HEADER.size:
            return
        payload_type = data[1] & 0x7F
        self.payload_types[payload_type] = self.payload_types.get(payload_type, 0) + 1
        if payload_type == HEARD_TYPE:
            self._on_heard(doubled(swapped(data[_HEADER.size :])))

    def say(self, pcm: bytes) -> None:
        """Send 20 ms (640 bytes, 16 kHz little-endian) to the controller."""
        if self._transport is None or self._transport.is_closing():
            return
        header = _HEADER.pack(0x80, SENT_TYPE, self._sequence, self._timestamp, 0x5EED)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + len(pcm) // 2) & 0xFFFFFFFF
        self._transport.sendto(header + swapped(pcm), self._to)

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
