"""Resampling: the tone that goes in comes out, at the new rate, without edges between chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.pcm import Framer, fade, swap_bytes
from media.ports import SILENCE
from media.resample import Doubler, Halver, Resampler

Samples = NDArray[np.float64]
Stream = Halver | Doubler | Resampler
STREAMS: list[Callable[[], Stream]] = [
    Halver,
    Doubler,
    lambda: Resampler(22050, 16000),
    lambda: Resampler(16000, 8000),
    lambda: Resampler(8000, 16000),
]


def tone(hertz: float, rate: int, seconds: float = 0.5, late: float = 0.0) -> Samples:
    """A sine, `late` samples late."""
    at = np.arange(int(rate * seconds)) - late
    return 8000 * np.sin(2 * np.pi * hertz * at / rate)


def pcm(samples: Samples) -> bytes:
    return samples.round().astype("<i2").tobytes()


def samples_of(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(float)


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def snr(wanted: Samples, got: Samples) -> float:
    """Signal to error in dB, the filter's beginning left out."""
    wanted, got = wanted[200 : len(got)], got[200 : len(wanted)]
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)))


def same(got: Samples, expected: Samples) -> None:
    """Equal but for the last bits: soxr dithers, and numpy adds in another order for another length."""
    assert len(got) == len(expected)
    assert np.max(np.abs(got - expected), initial=0) <= 3


@pytest.mark.parametrize("hertz", [200, 1000, 3000, 3400])
def test_a_tone_is_halved_35_samples_late(hertz: int) -> None:
    halver = Halver()
    halved = b"".join(halver.feed(frame) for frame in chunks(pcm(tone(hertz, 16000)), 640))
    assert len(halved) == 8000
    assert snr(tone(hertz, 8000, late=17.5), samples_of(halved)) > 70


@pytest.mark.parametrize("hertz", [200, 1000, 3000, 3400])
def test_a_tone_is_doubled_35_samples_late(hertz: int) -> None:
    doubler = Doubler()
    doubled = b"".join(doubler.feed(frame) for frame in chunks(pcm(tone(hertz, 8000)), 320))
    assert len(doubled) == 16000
    assert snr(tone(hertz, 16000, late=35), samples_of(doubled)) > 70


def test_what_8_khz_cannot_hold_is_taken_out() -> None:
    folded = samples_of(Halver().feed(pcm(tone(5000, 16000))))[200:]
    assert np.sqrt(np.mean(folded**2)) < 8000 / 2**0.5 * 10 ** (-70 / 20)


def test_every_frame_of_the_live_filters_has_its_size_at_once() -> None:
    assert len(Halver().feed(pcm(tone(400, 16000))[:640])) == 320
    assert len(Doubler().feed(pcm(tone(400, 8000))[:320])) == 640


@pytest.mark.parametrize(("source", "target"), [(22050, 16000), (16000, 8000), (8000, 16000), (24000, 16000)])
def test_soxr_keeps_a_tone_and_its_length(source: int, target: int) -> None:
    resampler = Resampler(source, target)
    given_ = pcm(tone(1000, source))
    out = b"".join([*(resampler.feed(chunk) for chunk in chunks(given_, 441)), resampler.flush()])
    assert len(out) // 2 == pytest.approx(len(given_) / 2 * target / source, abs=1)
    assert snr(tone(1000, target), samples_of(out)[:-100]) > 70


@pytest.mark.parametrize("make", STREAMS)
@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 700), max_size=20))
def test_chunk_boundaries_change_nothing(make: Callable[[], Stream], sizes: list[int]) -> None:
    data = pcm(tone(700, 16000, 0.2))
    whole, pieces = make(), make()
    out, at = [], 0
    for size in [*sizes, len(data)]:
        out.append(pieces.feed(data[at : at + size]))
        at += size
    expected = samples_of(whole.feed(data) + whole.flush())
    got = samples_of(b"".join(out) + pieces.flush())
    same(got, expected)


@pytest.mark.parametrize("make", STREAMS)
def test_after_a_flush_it_is_as_new(make: Callable[[], Stream]) -> None:
    stream = make()
    first = stream.feed(pcm(tone(500, 16000))) + stream.flush()
    again = stream.feed(pcm(tone(500, 16000))) + stream.flush()
    same(samples_of(again), samples_of(first))


def test_silence_after_speech_still_gives_the_end_of_the_speech() -> None:
    halver, whole = Halver(), Halver()
    speech = pcm(tone(1000, 16000))[:640]
    by_frame = b"".join(halver.feed(frame) for frame in (SILENCE, speech, SILENCE, SILENCE, speech))
    assert by_frame == whole.feed(SILENCE + speech + SILENCE * 2 + speech)
    assert samples_of(by_frame)[320:340].any()
    assert not samples_of(by_frame)[-320:-160].any()


def test_loud_sound_clips_and_does_not_wrap() -> None:
    square = np.sign(tone(100, 16000) + 1e-9) * 32767
    halved = samples_of(Halver().feed(pcm(square)))[100:]
    assert np.all(halved * np.sign(square[165:-35:2][: len(halved)]) > -32767 * 0.2)
    assert halved.max() == 32767


def test_big_endian_is_the_same_sound_the_other_way_round() -> None:
    speech = pcm(tone(1000, 16000))
    assert swap_bytes(Halver(">").feed(speech)) == Halver("<").feed(speech)


def test_swapping_bytes_leaves_an_odd_one_out() -> None:
    assert swap_bytes(b"\1\2\3\4\5") == b"\2\1\4\3"
    assert swap_bytes(b"") == b""


def test_a_fade_runs_from_one_gain_to_the_other() -> None:
    faded = samples_of(fade(pcm(np.full(320, 10000.0)), 1.0, 0.0))
    assert (faded[0], faded[-1]) == (10000, 0)
    assert np.all(np.diff(faded) <= 0)


@given(st.lists(st.binary(max_size=1500), max_size=10))
def test_frames_are_the_stream_in_pieces_of_640(parts: list[bytes]) -> None:
    framer = Framer()
    frames = [frame for part in parts for frame in framer.cut(part)]
    rest = framer.pad()
    assert all(len(frame) == 640 for frame in frames)
    together = b"".join(frames) + (rest or b"")
    data = b"".join(parts)
    assert together[: len(data)] == data
    assert not any(together[len(data) :])
    assert len(together) - len(data) < 640
    assert framer.pad() is None
