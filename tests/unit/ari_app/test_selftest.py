"""The start-up self-test of the return path, against the fake Asterisk's audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count

import numpy as np
import pytest
import pytest_asyncio

from ari_app.arrivals import Arrivals
from ari_app.client import AioariClient
from ari_app.ids import is_ours
from ari_app.link import EventLink
from ari_app.selftest import Ear, Probe, level_dbfs, pitch_hz, tone
from ari_app.wire import AriEvent, StasisStart
from media.ports import FRAME_SAMPLES, RATE, SILENCE
from media.transports.rtp import RtpPorts
from tests.fakes.ari import FakeAsterisk


def sine(hertz: float, frames: int, amplitude: int = 8192) -> list[bytes]:
    """A tone in frames of 20 ms."""
    angles = 2 * np.pi * hertz * np.arange(frames * FRAME_SAMPLES) / RATE
    pcm = (amplitude * np.sin(angles)).astype("<i2").tobytes()
    return [pcm[at : at + 640] for at in range(0, len(pcm), 640)]


def ear_that_heard(*frames: bytes, real: bool = True) -> Ear:
    """An ear with a clock of 10 ms a look."""
    ticks = count(1)
    ear = Ear(lambda: next(ticks) * 0.01)
    ear.begin()
    for frame in frames:
        ear.hear(frame, real)
    return ear


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as fake:
        yield fake


@pytest_asyncio.fixture
async def make_probe(asterisk: FakeAsterisk) -> AsyncIterator[Callable[[], Probe]]:
    """Makes probes whose events are followed as in the product."""
    arrivals = Arrivals()

    def on_event(event: AriEvent) -> None:
        if isinstance(event, StasisStart):
            assert is_ours(event.channel.id)
            arrivals.arrive(event.channel.id)

    client = AioariClient(asterisk.url, asterisk.user, asterisk.password)
    link = EventLink(asterisk.url, asterisk.user, asterisk.password, asterisk.app, on_event)
    await link.connect_once()
    following = asyncio.create_task(link.run())
    yield lambda: Probe(client, arrivals, asterisk.app, RtpPorts("127.0.0.1", 0, 0))
    await link.close()
    await following
    await client.close()


@pytest.fixture
def probe(make_probe: Callable[[], Probe]) -> Probe:
    return make_probe()


def nothing_is_left(asterisk: FakeAsterisk) -> bool:
    return not asterisk.world.channels and not asterisk.world.bridges


async def test_a_tone_that_comes_back_is_a_proof(asterisk: FakeAsterisk, probe: Probe) -> None:
    result = await probe.run()
    assert result.ok
    assert result.reason == ""
    assert result.heard_dbfs == pytest.approx(-15, abs=1.5)
    assert result.round_trip_ms > 0
    assert nothing_is_left(asterisk)


async def test_silence_names_the_address_and_the_firewall(asterisk: FakeAsterisk, probe: Probe) -> None:
    asterisk.world.deaf = True
    result = await probe.run()
    assert not result.ok
    assert result.heard_dbfs == -100.0
    assert "UDP passes both ways between Asterisk and 127.0.0.1:" in result.reason
    assert nothing_is_left(asterisk)


@pytest.mark.parametrize("operation", ["createWithId", "externalMedia", "addChannel"])
async def test_a_refusal_is_an_outcome_and_leaves_nothing(
    asterisk: FakeAsterisk, probe: Probe, operation: str
) -> None:
    asterisk.fail(operation, 500, "Allocation failed")
    result = await probe.run()
    assert not result.ok
    assert "could not be set up: 500: Allocation failed" in result.reason
    assert nothing_is_left(asterisk)


async def test_an_asterisk_that_is_away_is_an_outcome(asterisk: FakeAsterisk, probe: Probe) -> None:
    await asterisk.stop()
    result = await probe.run()
    assert not result.ok
    assert "cannot be reached" in result.reason


async def test_two_tests_at_once_do_not_meet(make_probe: Callable[[], Probe]) -> None:
    results = await asyncio.gather(make_probe().run(), make_probe().run())
    assert [result.ok for result in results] == [True, True]


def test_the_tone_is_what_it_says() -> None:
    pcm = b"".join(tone())
    assert pitch_hz(pcm) == 1000
    assert level_dbfs(pcm) == pytest.approx(-15.05, abs=0.1)


def test_levels() -> None:
    assert level_dbfs(b"\x00\x80" * 100) == pytest.approx(0.0)
    assert level_dbfs(SILENCE) == -100.0
    assert level_dbfs(b"") == -100.0
    assert pitch_hz(SILENCE) == 0.0


def test_the_round_trip_is_from_the_first_packet_to_the_first_sound() -> None:
    result = ear_that_heard(SILENCE, SILENCE, *sine(1000, 13)).judge("here")
    assert result.ok
    assert result.round_trip_ms == 10.0


def test_another_pitch_is_another_format() -> None:
    result = ear_that_heard(*sine(500, 13)).judge("here")
    assert not result.ok
    assert "came back by RTP as 500 Hz" in result.reason


def test_noise_is_not_our_tone() -> None:
    noise = np.random.default_rng(7).integers(-8000, 8000, 13 * FRAME_SAMPLES).astype("<i2").tobytes()
    assert not ear_that_heard(*(noise[at : at + 640] for at in range(0, len(noise), 640))).judge("here").ok


def test_filled_silence_and_a_whisper_are_not_heard() -> None:
    assert "nothing" in ear_that_heard(*sine(1000, 13), real=False).judge("here").reason
    assert "nothing" in ear_that_heard(*sine(1000, 13, amplitude=100)).judge("here").reason


def test_a_tone_that_breaks_off_is_not_a_proof() -> None:
    assert not ear_that_heard(*sine(1000, 2)).judge("here").ok
