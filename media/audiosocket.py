"""AudioSocket's frames, pure: one byte of kind, two of length (big-endian), then the payload.

The audio inside is 16-bit little-endian. Source: Asterisk's `res_audiosocket.h`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from callflow.errors import BadPacket

MOST_AUDIO_BYTES = 6400
"""200 ms at 16 kHz. Asterisk sends 20 ms; a greater length is another protocol's bytes."""

_HEADER = struct.Struct("!BH")


class Kind(IntEnum):
    """What a frame is."""

    HANGUP = 0x00
    UUID = 0x01
    DTMF = 0x03
    AUDIO_8K = 0x10
    AUDIO_12K = 0x11
    AUDIO_16K = 0x12
    ERROR = 0xFF


RATES = {Kind.AUDIO_8K: 8_000, Kind.AUDIO_12K: 12_000, Kind.AUDIO_16K: 16_000}
"""Samples a second of each kind of audio."""

# What lengths a payload may have; audio is even besides.
_LENGTHS = {
    Kind.HANGUP: range(1),
    Kind.UUID: range(16, 17),
    Kind.DTMF: range(1, 2),
    Kind.AUDIO_8K: range(0, MOST_AUDIO_BYTES + 1, 2),
    Kind.AUDIO_12K: range(0, MOST_AUDIO_BYTES + 1, 2),
    Kind.AUDIO_16K: range(0, MOST_AUDIO_BYTES + 1, 2),
    Kind.ERROR: range(MOST_AUDIO_BYTES + 1),
}
_KINDS = {int(kind): kind for kind in Kind}


class Frame(NamedTuple):
    """One frame. The payload is 16 bytes of UUID, one ASCII key, an error code, or audio."""

    kind: Kind
    payload: bytes


def encode(kind: Kind, payload: bytes = b"") -> bytes:
    """The bytes of one frame. Raises `BadPacket` for a length that its kind cannot have."""
    _check(kind, len(payload))
    return _HEADER.pack(kind, len(payload)) + payload


class FrameParser:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes as they come; iterate to get the frames that are whole now.

        Raises `BadPacket` where garbage begins, after the frames before it: there is no way to find the next
        frame, so close the connection. Feeding more raises again.
        """
        data = self._rest + data if self._rest else data
        at = 0
        try:
            while len(data) - at >= _HEADER.size:
                number, length = _HEADER.unpack_from(data, at)
                kind = _check(number, length)
                start, end = at + _HEADER.size, at + _HEADER.size + length
                if end > len(data):
                    break
                at = end
                yield Frame(kind, data[start:end])
        finally:
            self._rest = data[at:]


def _check(number: int, length: int) -> Kind:
    """The kind, when there is such a kind and it may be so long."""
    kind = _KINDS.get(number)
    if kind is None:
        raise BadPacket(f"AudioSocket has no frames of kind 0x{number:02x}.")
    if length not in _LENGTHS[kind]:
        raise BadPacket(f"An AudioSocket frame of kind {kind.name} cannot have {length} bytes.")
    return kind
