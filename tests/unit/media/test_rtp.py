"""RTP packets: what is sent can be read, and nothing that comes in can do harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflow.errors import BadPacket
from media.rtp import L16_8K, SLIN16, RtpPacket, RtpStream, parse

PAYLOAD = bytes(range(256)) * 2 + bytes(128)


def datagram(first: int = 0x80, second: int = SLIN16, body: bytes = PAYLOAD) -> bytes:
    return struct.pack("!BBHII", first, second, 7, 320, 0xCAFE) + body


def test_a_packet_of_the_stream_reads_back() -> None:
    stream = RtpStream(0xDEADBEEF, L16_8K, 41, 1000)
    assert parse(stream.packet(b"ab", 160, marker=True)) == RtpPacket(11, True, 41, 1000, 0xDEADBEEF, b"ab")
    assert parse(stream.packet(b"cd", 160)) == RtpPacket(11, False, 42, 1160, 0xDEADBEEF, b"cd")


def test_sequence_and_timestamp_wrap() -> None:
    stream = RtpStream(1, L16_8K, 0xFFFF, 0xFFFFFFFF - 59)
    stream.packet(b"", 160)
    after = parse(stream.packet(b"", 160))
    assert (after.sequence, after.timestamp) == (0, 100)


def test_what_asterisk_sends_is_read() -> None:
    packet = parse(datagram())
    assert (packet.payload_type, packet.marker, packet.payload) == (118, False, PAYLOAD)


def test_an_empty_payload_is_a_packet() -> None:
    assert parse(datagram(body=b"")).payload == b""


def test_padding_extension_and_sources_are_no_audio() -> None:
    sources = b"\1\2\3\4" * 2
    extension = struct.pack("!HH", 0xBEDE, 1) + b"\x10\0\0\0"
    padding = b"\0\0\0\4"
    packet = parse(datagram(0x80 | 0x20 | 0x10 | 2, body=sources + extension + PAYLOAD + padding))
    assert packet.payload == PAYLOAD


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        datagram()[:11],
        datagram(first=0x40),  # version 1
        datagram(first=0x8F, body=b"\0" * 59),  # fifteen sources need 60 bytes
        datagram(first=0x90, body=b"\0\0"),  # half an extension header
        datagram(first=0x90, body=b"\0\0\0\1"),  # an extension that is not there
        datagram(first=0xA0, body=b""),  # the padding's length is the last byte of the header: too long
        datagram(first=0xA0, body=b"\1\1\0"),  # padding of no length
        datagram(first=0xA0, body=b"\1\4"),  # more padding than packet
        datagram(second=200),  # an RTCP sender report
    ],
)
def test_garbage_is_refused(bad: bytes) -> None:
    with pytest.raises(BadPacket):
        parse(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_bad(data: bytes) -> None:
    try:
        packet = parse(data)
    except BadPacket:
        return
    assert packet.payload in data
    assert len(packet.payload) <= len(data) - 12


@given(st.integers(0, 651), st.integers(0, 7), st.integers(0, 652))
def test_a_damaged_packet_is_a_packet_or_bad(at: int, bit: int, length: int) -> None:
    damaged = bytearray(datagram())
    damaged[at] ^= 1 << bit
    try:
        packet = parse(bytes(damaged[:length]))
    except BadPacket:
        return
    assert len(packet.payload) <= max(length - 12, 0)
