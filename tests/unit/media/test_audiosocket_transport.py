"""The AudioSocket server against a client that plays Asterisk on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID, uuid4

import numpy as np
import pytest

from callflow.errors import MediaError
from media.audiosocket import Frame, FrameParser, Kind, encode
from media.ports import FRAME_BYTES, SILENCE
from media.transports import audiosocket
from media.transports.audiosocket import AudioSocketServer, AudioSocketTransport

LOCALHOST = "127.0.0.1"
TONE_16K = (8000 * np.sin(2 * np.pi * 1000 * np.arange(320 * 10) / 16000)).astype("<i2").tobytes()
TONE_8K = (8000 * np.sin(2 * np.pi * 1000 * np.arange(160 * 10) / 8000)).astype("<i2").tobytes()
FRAMES = [TONE_16K[at : at + FRAME_BYTES] for at in range(0, len(TONE_16K), FRAME_BYTES)]


class Asterisk:
    """The other side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._parser = FrameParser()
        self._frames: list[Frame] = []

    def say(self, kind: Kind, payload: bytes = b"") -> None:
        self.writer.write(encode(kind, payload))

    async def frame(self) -> Frame:
        while not self._frames:
            data = await self._reader.read(4096)
            assert data, "the connection was closed"
            self._frames += self._parser.feed(data)
        return self._frames.pop(0)

    async def end(self) -> bytes:
        """What still comes until the connection is closed."""
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def connected(server: AudioSocketServer, uuid: UUID | None = None) -> AsyncIterator[Asterisk]:
    """Connect as Asterisk does, and name the call."""
    reader, writer = await asyncio.open_connection(*server.address)
    asterisk = Asterisk(reader, writer)
    if uuid is not None:
        asterisk.say(Kind.UUID, uuid.bytes)
    yield asterisk
    writer.transport.abort()


@asynccontextmanager
async def call(
    server: AudioSocketServer, rate: int = 16_000
) -> AsyncIterator[tuple[AudioSocketTransport, Asterisk, list[tuple[bytes, bool]]]]:
    """A call that is expected: our transport, the other side, and what our sink gets."""
    uuid, heard = uuid4(), list[tuple[bytes, bool]]()
    expected = server.expect(uuid, rate)
    async with connected(server, uuid) as asterisk:
        transport = await expected
        transport.set_sink(lambda frame, real: heard.append((frame, real)))
        await asterisk.frame()  # the silence at accept
        yield transport, asterisk, heard


@pytest.fixture
async def server() -> AsyncIterator[AudioSocketServer]:
    listening = AudioSocketServer(LOCALHOST, 0)
    await listening.start()
    yield listening
    await listening.close()


async def until_gone(transport: AudioSocketTransport) -> None:
    await asyncio.wait_for(transport.lost.wait(), 10)


async def test_silence_is_sent_from_accept_on_before_anything_is_heard(server: AudioSocketServer) -> None:
    uuid = uuid4()
    expected = server.expect(uuid)
    async with connected(server, uuid) as asterisk:
        assert await asterisk.frame() == Frame(Kind.AUDIO_16K, SILENCE)
        assert (await expected).uuid == uuid


async def test_16_khz_flows_both_ways_as_it_is(server: AudioSocketServer) -> None:
    async with call(server) as (transport, asterisk, heard):
        for frame in FRAMES:
            transport.send(frame)
            asterisk.say(Kind.AUDIO_16K, frame)
        assert [await asterisk.frame() for _ in FRAMES] == [Frame(Kind.AUDIO_16K, f) for f in FRAMES]
        asterisk.say(Kind.HANGUP)
        await until_gone(transport)
        assert heard == [(frame, True) for frame in FRAMES]
        assert (transport.stats.received, transport.stats.sent) == (10, 11)


async def test_8_khz_flows_both_ways_resampled(server: AudioSocketServer) -> None:
    async with call(server, rate=8000) as (transport, asterisk, heard):
        for frame in FRAMES:
            transport.send(frame)
        asterisk.say(Kind.AUDIO_8K, TONE_8K)
        sent = [await asterisk.frame() for _ in FRAMES]
        asterisk.say(Kind.HANGUP)
        await until_gone(transport)
    assert {(frame.kind, len(frame.payload)) for frame in sent} == {(Kind.AUDIO_8K, 320)}
    out = np.frombuffer(b"".join(frame.payload for frame in sent), "<i2").astype(float)
    wanted = 8000 * np.sin(2 * np.pi * 1000 * (2 * np.arange(1600) - 35) / 16000)
    assert np.max(np.abs(out - wanted)[100:]) < 10
    assert {len(frame) for frame, _ in heard} == {FRAME_BYTES}
    into = np.frombuffer(b"".join(frame for frame, _ in heard), "<i2").astype(float)
    wanted = 8000 * np.sin(2 * np.pi * 1000 * (np.arange(3200) - 35) / 16000)
    assert np.max(np.abs(into - wanted)[200:]) < 10


async def test_12_khz_is_understood(server: AudioSocketServer) -> None:
    async with call(server) as (transport, asterisk, heard):
        for _ in range(10):
            asterisk.say(Kind.AUDIO_12K, bytes(4800))
        asterisk.say(Kind.HANGUP)
        await until_gone(transport)
    # two seconds, less what soxr holds back
    assert 90 <= len(heard) <= 100


async def test_frames_of_another_size_are_framed_anew(server: AudioSocketServer) -> None:
    async with call(server) as (transport, asterisk, heard):
        for at in range(0, len(TONE_16K), 400):
            asterisk.say(Kind.AUDIO_16K, TONE_16K[at : at + 400])
        asterisk.say(Kind.HANGUP)
        await until_gone(transport)
        assert [frame for frame, _ in heard] == FRAMES


async def test_ticks_fill_the_time_when_nothing_comes(server: AudioSocketServer) -> None:
    async with call(server) as (transport, asterisk, heard):
        now = time.monotonic() + 10
        for tick in range(10):
            transport.tick(now + tick * 0.020)
        assert heard == [(SILENCE, False)] * 9
        asterisk.say(Kind.AUDIO_16K, FRAMES[1])
        asterisk.say(Kind.HANGUP)
        await until_gone(transport)
        assert heard[-1] == (FRAMES[1], True)


async def test_keys_are_told_and_strange_ones_are_not(server: AudioSocketServer) -> None:
    keys: list[str] = []
    async with call(server) as (transport, asterisk, _):
        transport.on_key = keys.append
        for key in (b"1", b"#", b"\xff", b"*"):
            asterisk.say(Kind.DTMF, key)
        asterisk.say(Kind.HANGUP)
        await until_gone(transport)
        assert keys == ["1", "#", "*"]
        assert transport.stats.bad == 1


@pytest.mark.parametrize("how", ["hangup", "error", "closed", "garbage"])
async def test_the_end_from_asterisk_s_side_is_told_once(server: AudioSocketServer, how: str) -> None:
    ends: list[str] = []
    async with call(server) as (transport, asterisk, _):
        transport.on_hangup = lambda: ends.append(how)
        if how == "hangup":
            asterisk.say(Kind.HANGUP)
            asterisk.say(Kind.HANGUP)
        elif how == "error":
            asterisk.say(Kind.ERROR, b"\1")
        elif how == "garbage":
            asterisk.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        else:
            asterisk.writer.close()
        await until_gone(transport)
        assert transport.gone
        transport.send(SILENCE)
        await transport.close()
    assert ends == [how]
    assert transport.stats.sent == 1


async def test_hanging_up_tells_asterisk_and_closing_does_not(server: AudioSocketServer) -> None:
    ends: list[str] = []
    async with call(server) as (transport, asterisk, _):
        transport.on_hangup = lambda: ends.append("hang_up")
        transport.hang_up()
        transport.hang_up()
        assert await asterisk.end() == encode(Kind.HANGUP)
    async with call(server) as (transport, asterisk, _):
        transport.on_hangup = lambda: ends.append("close")
        await transport.close()
        await transport.close()
        assert await asterisk.end() == b""
    assert ends == []


async def test_a_peer_that_does_not_read_loses_frames_and_close_still_ends(
    server: AudioSocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiosocket, "FAREWELL_S", 0.01)
    async with call(server) as (transport, asterisk, _):
        cast(asyncio.Transport, asterisk.writer.transport).pause_reading()
        for _ in range(20_000):
            transport.send(SILENCE)
        assert transport.stats.dropped > 10_000
        waiting = transport._wire.get_write_buffer_size()
        assert waiting <= transport._backlog_bytes + FRAME_BYTES + 3
        await transport.close()
        assert transport.lost.is_set()


async def test_a_call_nobody_expects_is_refused(server: AudioSocketServer) -> None:
    async with connected(server, uuid4()) as asterisk:
        assert await asterisk.end() == b""
    assert server.refused == 1


async def test_a_call_nobody_expects_goes_to_on_call_at_8_khz(server: AudioSocketServer) -> None:
    calls: list[tuple[UUID, AudioSocketTransport]] = []
    server.on_call = lambda uuid, transport: calls.append((uuid, transport))
    uuid = uuid4()
    async with connected(server, uuid) as asterisk:
        assert await asterisk.frame() == Frame(Kind.AUDIO_8K, bytes(320))
    assert [(name, transport.uuid) for name, transport in calls] == [(uuid, uuid)]
    assert server.refused == 0


async def test_an_expectation_that_was_cancelled_is_forgotten(server: AudioSocketServer) -> None:
    uuid = uuid4()
    server.expect(uuid).cancel()
    async with connected(server, uuid) as asterisk:
        assert await asterisk.end() == b""
    assert server.refused == 1
    assert not server.expect(uuid).done()


async def test_a_uuid_cannot_be_expected_twice(server: AudioSocketServer) -> None:
    uuid = uuid4()
    server.expect(uuid)
    with pytest.raises(MediaError, match="expected already"):
        server.expect(uuid)


async def test_a_second_connection_with_the_same_uuid_is_refused(server: AudioSocketServer) -> None:
    async with call(server) as (transport, _, _), connected(server, transport.uuid) as second:
        assert await second.end() == b""
        assert not transport.gone
    assert server.refused == 1


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", encode(Kind.AUDIO_16K, SILENCE)])
async def test_a_connection_that_does_not_say_its_uuid_first_is_refused(
    server: AudioSocketServer, first: bytes
) -> None:
    async with connected(server) as stranger:
        stranger.writer.write(first)
        assert await stranger.end() == b""
    assert server.refused == 1


async def test_a_connection_that_says_nothing_is_refused(
    server: AudioSocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiosocket, "GREETING_S", 0.01)
    async with connected(server) as stranger:
        assert await stranger.end() == b""
    assert server.refused == 1


async def test_closing_the_server_ends_calls_and_expectations() -> None:
    server = AudioSocketServer(LOCALHOST, 0)
    await server.start()
    waiting = server.expect(uuid4())
    async with call(server) as (transport, _, _), connected(server):
        await server.close()
        assert transport.gone
        assert waiting.cancelled()
    assert not server.connections


async def test_a_port_in_use_is_a_media_error(server: AudioSocketServer) -> None:
    second = AudioSocketServer(*server.address)
    with pytest.raises(MediaError, match="no address yet"):
        _ = second.address
    with pytest.raises(MediaError, match="Cannot listen"):
        await second.start()
    await second.close()


def test_it_runs_on_uvloop() -> None:
    async def there_and_back() -> tuple[list[tuple[bytes, bool]], Frame]:
        server = AudioSocketServer(LOCALHOST, 0)
        await server.start()
        async with call(server) as (transport, asterisk, heard):
            transport.send(FRAMES[0])
            back = await asterisk.frame()
            asterisk.say(Kind.AUDIO_16K, FRAMES[1])
            asterisk.say(Kind.HANGUP)
            await until_gone(transport)
        await server.close()
        return heard, back

    with asyncio.Runner(loop_factory=pytest.importorskip("uvloop").new_event_loop) as runner:
        assert runner.run(there_and_back()) == ([(FRAMES[1], True)], Frame(Kind.AUDIO_16K, FRAMES[0]))
