"""The part of an utterance that holds speech."""

import numpy as np

from media.stt.trimming import trimmed
from tests.unit.media.signals import noise


def _speech(seconds: float) -> bytes:
    return noise(seconds, 6_000, seed=2).tobytes()


def _quiet(seconds: float) -> bytes:
    return noise(seconds, 20).tobytes()


def test_quiet_around_speech_is_cut_to_150_ms() -> None:
    speech = _speech(1.0)
    kept = trimmed(_quiet(1.0) + speech + _quiet(2.0))
    assert abs(len(kept) - (len(speech) + 2 * 4_800)) <= 2 * 640
    assert speech[3_200:-3_200] in kept


def test_speech_without_quiet_is_kept_whole() -> None:
    speech = _speech(1.0)
    assert len(speech) - len(trimmed(speech)) <= 1_600


def test_a_pause_within_speech_is_kept() -> None:
    utterance = _speech(0.5) + _quiet(1.0) + _speech(0.5)
    assert len(utterance) - len(trimmed(utterance)) <= 1_600


def test_silence_and_nothing_leave_nothing() -> None:
    assert trimmed(bytes(32_000)) == b""
    assert trimmed(b"") == b""
    assert trimmed(b"\1\2\3") == b""


def test_an_odd_byte_does_no_harm() -> None:
    loud = np.full(1_600, 9_000, np.int16).tobytes()
    assert trimmed(loud + b"\1") == loud
