"""RTP packets (RFC 3550), pure: bytes in, packets out, and the numbering of a stream that is sent."""

from __future__ import annotations

import struct
from typing import NamedTuple

from callflow.errors import BadPacket

HEADER_BYTES = 12
L16_8K = 11
"""What Asterisk hears: 16-bit big-endian at 8 kHz. The name is Asterisk's use of the static number 11
(RFC 3551 says 44.1 kHz); a dynamic number is dropped there without a log line."""
SLIN16 = 118
"""What Asterisk sends on an ExternalMedia channel of format `slin16`: 16-bit big-endian at 16 kHz."""

_HEADER = struct.Struct("!BBHII")
_PLAIN = 0x80  # version 2, no padding, no extension, no contributing sources
# With the marker bit these second bytes are RTCP's packet types (RFC 5761, section 4).
_RTCP = range(192, 224)


class RtpPacket(NamedTuple):
    """One packet. `sequence` counts packets in 16 bits, `timestamp` samples in 32; both wrap."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(datagram: bytes) -> RtpPacket:
    """Read one datagram. The payload may be empty. Raises `BadPacket`: count it and drop it."""
    if len(datagram) < HEADER_BYTES:
        raise BadPacket(f"An RTP packet has {HEADER_BYTES} bytes or more, this one has {len(datagram)}.")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if second in _RTCP:
        raise BadPacket("This is RTCP, not RTP.")
    payload = datagram[HEADER_BYTES:] if first == _PLAIN else _payload(first, datagram)
    return RtpPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload)


def _payload(first: int, datagram: bytes) -> bytes:
    """The payload of a packet with padding, an extension or contributing sources."""
    if first >> 6 != 2:
        raise BadPacket(f"RTP has version 2, this packet has {first >> 6}.")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if len(datagram) < start + 4:
            raise BadPacket("The RTP header extension is cut off.")
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4])
    end = len(datagram) - _padding(first, datagram)
    if start > end:
        raise BadPacket("The RTP header says more bytes than the packet has.")
    return datagram[start:end]


def _padding(first: int, datagram: bytes) -> int:
    """Bytes of padding; the last byte counts them, itself among them."""
    if not first & 0x20:
        return 0
    if not datagram[-1]:
        raise BadPacket("The RTP padding has no length.")
    return datagram[-1]


class RtpStream:
    """Numbers the packets of one stream: one SSRC, sequence and timestamp without a gap.

    Take `first_sequence` and `first_timestamp` at random (RFC 3550, section 5.1).
    """

    __slots__ = ("_payload_type", "_sequence", "_ssrc", "_timestamp")

    def __init__(self, ssrc: int, payload_type: int, first_sequence: int, first_timestamp: int) -> None:
        self._ssrc = ssrc & 0xFFFFFFFF
        self._payload_type = payload_type & 0x7F
        self._sequence = first_sequence & 0xFFFF
        self._timestamp = first_timestamp & 0xFFFFFFFF

    def packet(self, payload: bytes, samples: int, marker: bool = False) -> bytes:
        """The next packet, with `samples` of audio in its payload; `marker` opens a talk spurt."""
        second = self._payload_type | 0x80 if marker else self._payload_type
        header = _HEADER.pack(_PLAIN, second, self._sequence, self._timestamp, self._ssrc)
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp = self._timestamp + samples & 0xFFFFFFFF
        return header + payload
