"""How well a phrase explains what was said, compared to its sounds in any order."""

import math

import pytest

pytest.importorskip("pocketsphinx")

from media.stt.sphinx import Segment, evidence


def _segment(word: str, begin: int, end: int, per_frame: float) -> Segment:
    return Segment(word, begin, end, per_frame * (end - begin + 1), 1.0)


def test_silence_and_nothing_are_no_speech() -> None:
    assert Segment("winter", 0, 9, -5.0, 1.0).speech
    assert not Segment("<sil>", 0, 9, -5.0, 1.0).speech
    assert not Segment("SIL", 0, 9, -5.0, 1.0).speech
    assert not Segment("(NULL)", 9, 8, 0.0, 1.0).speech


def test_a_phrase_as_good_as_its_sounds_has_no_evidence_against_it() -> None:
    phrase = [_segment("<sil>", 0, 9, -1.0), _segment("winter", 10, 34, -7.0)]
    sounds = [_segment("SIL", 0, 9, -1.0), _segment("W", 10, 20, -7.0), _segment("ER", 21, 34, -7.0)]
    assert evidence(phrase, sounds) == pytest.approx(0.0)


def test_length_counts_by_its_root() -> None:
    def apart(frames: int) -> float:
        return evidence([_segment("a", 0, frames - 1, -9.0)], [_segment("AH", 0, frames - 1, -7.0)])

    assert apart(25) == pytest.approx(-2 * 25 / 5)
    assert apart(100) == pytest.approx(2 * apart(25))


def test_speech_that_the_phrase_takes_for_silence_counts_against_it() -> None:
    phrase = [_segment("no", 0, 24, -7.0), _segment("<sil>", 25, 99, -60.0)]
    sounds = [_segment("N", 0, 24, -7.0), _segment("AH", 25, 99, -7.0)]
    assert evidence(phrase, sounds) == pytest.approx(-53 * 75 / 10)


def test_without_speech_there_is_no_evidence_at_all() -> None:
    assert evidence([], []) == -math.inf
