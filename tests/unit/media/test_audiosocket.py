"""AudioSocket frames: cut right wherever the stream is cut, and garbage ends it."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflow.errors import BadPacket
from media.audiosocket import MOST_AUDIO_BYTES, Frame, FrameParser, Kind, encode

ID = UUID("12345678-1234-5678-1234-567812345678").bytes

frames = st.one_of(
    st.just(Frame(Kind.HANGUP, b"")),
    st.builds(Frame, st.just(Kind.UUID), st.binary(min_size=16, max_size=16)),
    st.builds(Frame, st.just(Kind.DTMF), st.binary(min_size=1, max_size=1)),
    st.builds(
        Frame,
        st.sampled_from([Kind.AUDIO_8K, Kind.AUDIO_12K, Kind.AUDIO_16K]),
        st.binary(max_size=400).map(lambda audio: audio * 2),
    ),
    st.builds(Frame, st.just(Kind.ERROR), st.binary(max_size=4)),
)


def read(*pieces: bytes) -> tuple[list[Frame], bool]:
    """The frames of a stream that comes in these pieces, and whether garbage ended it."""
    parser, got = FrameParser(), []
    try:
        for piece in pieces:
            for frame in parser.feed(piece):
                got.append(frame)  # what came before the garbage counts
    except BadPacket:
        return got, True
    return got, False


def test_the_bytes_are_those_of_the_protocol() -> None:
    assert encode(Kind.HANGUP) == b"\0\0\0"
    assert encode(Kind.UUID, ID) == b"\1\0\x10" + ID
    assert encode(Kind.DTMF, b"5") == b"\3\0\x015"
    assert encode(Kind.AUDIO_8K, bytes(320)) == b"\x10\x01\x40" + bytes(320)
    assert encode(Kind.AUDIO_16K, bytes(640)) == b"\x12\x02\x80" + bytes(640)


def test_frames_read_back() -> None:
    stream = encode(Kind.UUID, ID) + encode(Kind.AUDIO_16K, b"ab") + encode(Kind.HANGUP)
    assert read(stream) == (
        [Frame(Kind.UUID, ID), Frame(Kind.AUDIO_16K, b"ab"), Frame(Kind.HANGUP, b"")],
        False,
    )


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.HANGUP, b"x"),
        (Kind.UUID, ID[:15]),
        (Kind.DTMF, b""),
        (Kind.AUDIO_8K, b"abc"),
        (Kind.AUDIO_16K, bytes(MOST_AUDIO_BYTES + 2)),
    ],
)
def test_a_length_that_cannot_be_is_refused_both_ways(kind: Kind, payload: bytes) -> None:
    with pytest.raises(BadPacket):
        encode(kind, payload)
    wire = bytes([kind]) + len(payload).to_bytes(2) + payload
    assert read(wire) == ([], True)


def test_an_unknown_kind_is_refused_and_stays_refused() -> None:
    parser = FrameParser()
    with pytest.raises(BadPacket, match="0x48"):
        list(parser.feed(b"HTTP/1.1"))
    with pytest.raises(BadPacket):
        list(parser.feed(encode(Kind.HANGUP)))


def test_what_came_before_the_garbage_is_given() -> None:
    assert read(encode(Kind.DTMF, b"1") + b"\x77\0\0") == ([Frame(Kind.DTMF, b"1")], True)


def test_a_reader_that_stops_in_between_misses_nothing() -> None:
    parser = FrameParser()
    for frame in parser.feed(encode(Kind.DTMF, b"1") + encode(Kind.DTMF, b"2")):
        assert frame.payload == b"1"
        break
    assert list(parser.feed(b"")) == [Frame(Kind.DTMF, b"2")]


@given(st.lists(frames, max_size=8), st.data())
def test_frames_survive_any_cutting(sent: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(encode(*frame) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*pieces) == (sent, False)


@given(st.binary(max_size=300))
def test_any_bytes_give_the_same_frames_at_once_and_one_by_one(stream: bytes) -> None:
    assert read(stream) == read(*(bytes([byte]) for byte in stream))


@given(st.lists(frames, min_size=1, max_size=5), st.data())
def test_damaged_streams_give_the_same_frames_at_once_and_one_by_one(
    sent: list[Frame], data: st.DataObject
) -> None:
    stream = bytearray(b"".join(encode(*frame) for frame in sent))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged = bytes(stream[: data.draw(st.integers(0, len(stream)))])
    assert read(damaged) == read(*(bytes([byte]) for byte in damaged))
