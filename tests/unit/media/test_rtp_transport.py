"""The RTP transport against a socket that plays Asterisk on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from callflow.errors import MediaError
from media.pcm import swap_bytes
from media.ports import FRAME_BYTES, SILENCE
from media.rtp import SLIN16, RtpPacket, parse
from media.transports.rtp import RtpPorts, RtpTransport

LOCALHOST = "127.0.0.1"
TONE = (8000 * np.sin(2 * np.pi * 1000 * np.arange(320 * 20) / 16000)).astype("<i2").tobytes()
FRAMES = [TONE[at : at + FRAME_BYTES] for at in range(0, len(TONE), FRAME_BYTES)]


class Asterisk:
    """The other side: sends slin16 packets and takes what it gets."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCALHOST, 0))
        self.socket.setblocking(False)
        self.address = (LOCALHOST, self.socket.getsockname()[1])
        self._sequence = 0

    def speak(self, to: tuple[str, int], frame: bytes, payload_type: int = SLIN16) -> None:
        header = struct.pack("!BBHII", 0x80, payload_type, self._sequence, self._sequence * 320, 0xA57)
        self._sequence += 1
        self.socket.sendto(header + swap_bytes(frame), to)

    async def packets(self, count: int) -> list[RtpPacket]:
        loop = asyncio.get_running_loop()
        return [parse(await loop.sock_recv(self.socket, 2048)) for _ in range(count)]


class Sink:
    """Collects frames; `frames` waits for so many."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, bool]] = []
        self._more = asyncio.Event()

    def __call__(self, frame: bytes, real: bool) -> None:
        self.heard.append((frame, real))
        self._more.set()

    async def frames(self, count: int) -> list[bytes]:
        while len(self.heard) < count:
            self._more.clear()
            await self._more.wait()
        return [frame for frame, _ in self.heard]


@pytest.fixture
def asterisk() -> Iterator[Asterisk]:
    other_side = Asterisk()
    yield other_side
    other_side.socket.close()


@pytest.fixture
async def sink() -> Sink:
    return Sink()


@pytest.fixture
async def transport(sink: Sink) -> AsyncIterator[RtpTransport]:
    opened = RtpTransport(RtpPorts(LOCALHOST, 0, 0), sink)
    yield opened
    await opened.close()


async def test_the_caller_is_heard_as_little_endian_frames(
    transport: RtpTransport, asterisk: Asterisk, sink: Sink
) -> None:
    transport.connect(asterisk.address)
    for frame in FRAMES:
        asterisk.speak(transport.local, frame)
    assert await sink.frames(len(FRAMES)) == FRAMES
    assert transport.stats.received == len(FRAMES)
    assert all(real for _, real in sink.heard)


async def test_asterisk_hears_8_khz_big_endian_of_type_11_without_a_gap(
    transport: RtpTransport, asterisk: Asterisk
) -> None:
    transport.connect(asterisk.address)
    for frame in FRAMES:
        transport.send(frame)
    packets = await asterisk.packets(len(FRAMES))
    first = packets[0]
    assert {packet.payload_type for packet in packets} == {11}
    assert {packet.ssrc for packet in packets} == {first.ssrc}
    steps = [
        (p.sequence - first.sequence & 0xFFFF, p.timestamp - first.timestamp & 0xFFFFFFFF) for p in packets
    ]
    assert steps == [(number, number * 160) for number in range(len(FRAMES))]
    assert {len(packet.payload) for packet in packets} == {320}
    sound = np.frombuffer(b"".join(packet.payload for packet in packets), ">i2").astype(float)[100:]
    wanted = 8000 * np.sin(2 * np.pi * 1000 * (2 * np.arange(100, 3200) - 35) / 16000)
    assert np.max(np.abs(sound - wanted)) < 10
    assert transport.stats.sent == len(FRAMES)


async def test_the_marker_opens_the_stream_and_each_talk_spurt(
    transport: RtpTransport, asterisk: Asterisk
) -> None:
    transport.connect(asterisk.address)
    for marker in (False, False, True, False):
        transport.send(SILENCE, marker=marker)
    assert [packet.marker for packet in await asterisk.packets(4)] == [True, False, True, False]


async def test_it_sends_from_the_socket_it_hears_on(transport: RtpTransport, asterisk: Asterisk) -> None:
    transport.connect(asterisk.address)
    transport.send(SILENCE)
    _, sender = await asyncio.get_running_loop().sock_recvfrom(asterisk.socket, 2048)
    assert sender == transport.local


async def test_the_caller_s_first_word_before_connect_is_kept_and_a_stranger_s_is_not(
    transport: RtpTransport, asterisk: Asterisk, sink: Sink
) -> None:
    stranger = Asterisk()
    stranger.speak(transport.local, FRAMES[5])
    asterisk.speak(transport.local, FRAMES[0])
    transport.connect(asterisk.address)
    stranger.speak(transport.local, FRAMES[6])
    stranger.socket.close()
    asterisk.speak(transport.local, FRAMES[1])
    assert await sink.frames(2) == FRAMES[:2]
    assert transport.stats.bad == 1  # the kernel keeps the later ones away


async def test_garbage_and_other_payloads_are_counted_and_hurt_nothing(
    transport: RtpTransport, asterisk: Asterisk, sink: Sink
) -> None:
    transport.connect(asterisk.address)
    for bad in (b"", b"\x80", b"GET / HTTP/1.1\r\n\r\n", bytes(3000), b"\x80\x76" + bytes(2100)):
        asterisk.socket.sendto(bad, transport.local)
    asterisk.speak(transport.local, FRAMES[0], payload_type=0)
    asterisk.speak(transport.local, FRAMES[1])
    assert await sink.frames(1) == [FRAMES[1]]
    assert transport.stats.bad == 6


async def test_ticks_fill_the_time_when_asterisk_is_silent(transport: RtpTransport, sink: Sink) -> None:
    for tick in range(10):
        transport.tick(tick * 0.020)
    assert sink.heard == [(SILENCE, False)] * 9


async def test_before_connect_nothing_is_sent(transport: RtpTransport) -> None:
    transport.send(SILENCE)
    assert transport.stats.sent == 0


async def test_a_closed_port_of_asterisk_is_no_error(
    transport: RtpTransport, asterisk: Asterisk, sink: Sink
) -> None:
    transport.connect(asterisk.address)
    asterisk.socket.close()
    for _ in range(10):
        transport.send(SILENCE)
        await asyncio.sleep(0)
    assert transport.stats.sent == 10


async def test_a_full_buffer_drops_and_counts(
    transport: RtpTransport, asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """A socket whose send buffer is full."""

        def send(self, data: bytes) -> int:
            raise BlockingIOError("full")

    transport.connect(asterisk.address)
    with monkeypatch.context() as patch:
        patch.setattr(transport, "_socket", Full())
        transport.send(SILENCE)
        transport.send(SILENCE)
    assert (transport.stats.sent, transport.stats.dropped) == (0, 2)


async def test_after_close_the_port_is_free_and_sending_does_nothing(
    transport: RtpTransport, asterisk: Asterisk
) -> None:
    transport.connect(asterisk.address)
    await transport.close()
    await transport.close()
    transport.send(SILENCE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(transport.local)
    assert transport.stats.sent == 0


async def test_an_address_that_cannot_be_reached_is_a_media_error(transport: RtpTransport) -> None:
    with pytest.raises(MediaError, match="Cannot reach"):
        transport.connect(("255.255.255.255", 4000))


def two_even_ports() -> int:
    """An even port such that it and the next even one are free now."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
        ):
            first.bind((LOCALHOST, 0))
            port: int = first.getsockname()[1]
            if port % 2 or port > 65000:
                continue
            try:
                second.bind((LOCALHOST, port + 2))
            except OSError:
                continue
            return port


def test_ports_are_even_in_turn_and_used_up_with_a_sentence() -> None:
    low = two_even_ports()
    ports = RtpPorts(LOCALHOST, low - 1, low + 3)
    first, second = ports.take(), ports.take()
    assert [taken.getsockname()[1] for taken in (first, second)] == [low, low + 2]
    with pytest.raises(MediaError, match="in use: widen the range"):
        ports.take()
    first.close()
    again = ports.take()
    assert again.getsockname()[1] == low
    second.close()
    again.close()


def test_an_address_that_is_not_ours_is_a_media_error() -> None:
    with pytest.raises(MediaError, match="Cannot open RTP"):
        RtpPorts("192.0.2.1", 0, 0).take()


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_it_runs_on_both_loops(loop_name: str) -> None:
    async def there_and_back() -> tuple[list[bytes], int]:
        sink, other_side = Sink(), Asterisk()
        transport = RtpTransport(RtpPorts(LOCALHOST, 0, 0), sink)
        transport.connect(other_side.address)
        for frame in FRAMES:
            other_side.speak(transport.local, frame)
            transport.send(frame)
        packets = await other_side.packets(len(FRAMES))
        heard = await sink.frames(len(FRAMES))
        await transport.close()
        other_side.socket.close()
        return heard, len(packets)

    factory = pytest.importorskip("uvloop").new_event_loop if loop_name == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(there_and_back()) == (FRAMES, len(FRAMES))
