"""What is measured of sound: instants by arrival, lengths as a phone plays them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from asterisk.lab.heard import Recording, Track, latency_ms
from asterisk.lab.phone_sound import (
    FRAME_S,
    FRAME_SAMPLES,
    QUIETEST_DBFS,
    RATE,
    SILENCE,
    Samples,
    pitch_hz,
    rms_dbfs,
)

T0 = 1000.0


def tone(hz: float, seconds: float, level: float = 0.25) -> Samples:
    times = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(32767 * level * np.cos(2 * np.pi * hz * times), np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def track(*parts: Samples, start_s: float = T0, jitter_s: tuple[float, ...] = (0.0,)) -> Track:
    """A track of frames of 20 ms; each comes at its time plus the next of `jitter_s`, over and over."""
    whole = np.concatenate(parts)
    heard = Track()
    for number, at in enumerate(range(0, whole.size, FRAME_SAMPLES)):
        late_s = jitter_s[number % len(jitter_s)]
        heard.add(start_s + number * FRAME_S + late_s, whole[at : at + FRAME_SAMPLES])
    return heard


def test_the_first_and_last_audible_sample_are_exact() -> None:
    heard = track(silence(0.5 + 3 / RATE), tone(440, 0.25), silence(0.5))
    first, last = heard.first_audible(), heard.last_audible()
    assert first == pytest.approx(T0 + 0.5 + 3 / RATE, abs=1e-6)
    assert last == pytest.approx(T0 + 0.75 + 2 / RATE, abs=0.0005)


def test_instants_count_from_a_time_even_inside_a_packet() -> None:
    heard = track(tone(440, 0.1), silence(0.4), tone(440, 0.1))
    assert heard.first_audible(T0 + 0.1) == pytest.approx(T0 + 0.5)
    assert heard.first_audible(T0 + 0.013) == pytest.approx(T0 + 0.013, abs=0.006)
    assert heard.last_audible(until_s=T0 + 0.3) == pytest.approx(T0 + 0.1, abs=0.001)
    assert heard.first_audible(T0 + 1) is None


def test_an_empty_track_has_nothing() -> None:
    heard = Track()
    assert (heard.first_audible(), heard.last_audible(), heard.started_s, heard.ended_s) == (None,) * 4
    assert heard.spans() == []
    assert heard.sound().samples.size == 0
    assert heard.noise_dbfs == QUIETEST_DBFS


def test_silence_is_never_audible() -> None:
    heard = track(silence(2))
    assert heard.first_audible() is None
    assert heard.audible_ms() == 0


def test_line_noise_is_not_speech() -> None:
    hiss = np.random.default_rng(1).normal(0, 120, RATE).astype(np.int16)  # -49 dBFS
    heard = track(hiss, tone(440, 0.2), hiss)
    assert heard.noise_dbfs == pytest.approx(-49, abs=1.5)
    assert heard.first_audible() == pytest.approx(T0 + 1.0, abs=0.001)
    assert heard.last_audible() == pytest.approx(T0 + 1.2, abs=0.005)


def test_a_steady_tone_is_not_taken_for_noise() -> None:
    heard = track(tone(1004, 1))
    assert heard.first_audible() == pytest.approx(T0)
    assert heard.audible_ms() == pytest.approx(1000, abs=2)


def test_gaps_are_silences_between_sounds() -> None:
    heard = track(tone(440, 0.2), silence(0.06), tone(440, 0.2), silence(0.3), tone(440, 0.2), silence(1))
    assert [round(gap.ms) for gap in heard.gaps(50)] == [60, 300]
    assert [round(gap.ms) for gap in heard.gaps(100)] == [300]
    assert heard.audible_ms() == pytest.approx(600, abs=3)
    assert heard.longest_silence_s(T0, T0 + 1.96) == pytest.approx(1.0, abs=0.002)
    assert heard.longest_silence_s(T0, T0 + 0.96) == pytest.approx(0.3, abs=0.002)


def test_jitter_makes_no_gap_and_a_hole_does() -> None:
    shaken = track(tone(440, 1), jitter_s=(0.0, 0.015, 0.004, 0.030))
    assert shaken.gaps(5) == []
    assert len(shaken.late(25)) > 5
    holed = track(tone(440, 0.2))
    for number in range(10):
        holed.add(T0 + 0.3 + number * FRAME_S, tone(440, FRAME_S))
    assert [round(gap.ms) for gap in holed.gaps(50)] == [100]


def test_a_burst_is_played_one_packet_after_the_other() -> None:
    heard = Track()
    for _ in range(10):
        heard.add(T0, tone(440, FRAME_S))
    assert heard.audible_ms() == pytest.approx(200, abs=1)
    assert heard.sound().samples.size == 10 * FRAME_SAMPLES


def test_the_least_delayed_packet_sets_the_clock_of_what_is_played() -> None:
    heard = track(silence(0.2), tone(440, 0.1), jitter_s=(0.012, 0.0, 0.0))
    span = heard.spans()[0]
    assert span.start_s == pytest.approx(T0 + 0.2, abs=1e-6)


def test_latency_is_from_the_last_word_to_the_first_sound_after_it() -> None:
    said = track(silence(0.3), tone(300, 0.5), silence(1))
    heard = track(tone(500, 0.2), silence(1.1), tone(500, 0.3))
    assert latency_ms(said, heard) == pytest.approx(500, abs=2)
    assert latency_ms(said, track(silence(2))) is None
    assert latency_ms(track(silence(1)), heard) is None


@pytest.mark.parametrize("hz", [200.0, 440.0, 1004.0, 3000.0])
def test_pitch_of_a_tone(hz: float) -> None:
    assert pitch_hz(tone(hz, 0.2)) == pytest.approx(hz, abs=1)


def test_levels() -> None:
    assert rms_dbfs(tone(1000, 1, level=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(np.full(100, -32768, np.int16)) == pytest.approx(0)
    assert rms_dbfs(SILENCE) == rms_dbfs(SILENCE[:0]) == QUIETEST_DBFS
    assert pitch_hz(SILENCE) == 0


def test_a_cut_of_the_sound_keeps_its_place() -> None:
    heard = track(silence(0.2), tone(1004, 0.4), silence(0.2))
    cut = heard.sound(T0 + 0.25, T0 + 0.5)
    assert cut.samples.size == round(0.25 * RATE)
    assert cut.pitch_hz == pytest.approx(1004, abs=1)
    assert cut.rms_dbfs == pytest.approx(-15.05, abs=0.1)
    assert not heard.sound(T0 - 1, T0 + 0.1).samples.any()


def test_a_recording_lays_both_directions_on_one_clock(tmp_path: Path) -> None:
    said, heard = track(tone(300, 0.1)), track(tone(500, 0.1), start_s=T0 + 0.5)
    recording = Recording.of(said, heard)
    assert recording.start_s == T0
    assert recording.said.size == recording.heard.size == round(0.6 * RATE)
    assert not recording.said[round(0.1 * RATE) :].any()
    assert np.flatnonzero(recording.heard)[0] == pytest.approx(0.5 * RATE, abs=1)
    recording.save_wav(tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, RATE, round(0.6 * RATE))
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.array_equal(both[:, 0], recording.said)
    assert np.array_equal(both[:, 1], recording.heard)


def test_a_recording_of_nothing_is_empty() -> None:
    assert Recording.of(Track(), Track()).heard.size == 0
