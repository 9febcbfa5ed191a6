"""The mouth: what is said, in which frames, and exactly which words were heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.mouth import Mouth, Spoken
from media.ports import FRAME_BYTES, FRAME_SAMPLES, SILENCE, Speech

LOUD = (10_000).to_bytes(2, "little")


def sound(frames: float, *words: tuple[float, str]) -> Speech:
    """So many frames of loud sound; words begin at frame numbers."""
    marks = tuple((int(at * FRAME_SAMPLES), word) for at, word in words)
    return Speech(LOUD * int(frames * FRAME_SAMPLES), marks)


def say(mouth: Mouth, speech: int, piece: Speech, text: str) -> None:
    """A whole utterance of one sentence."""
    mouth.begin(speech)
    mouth.append(speech, piece, text)
    mouth.finish(speech)


def play(mouth: Mouth, frames: int) -> list[bytes | None]:
    return [mouth.next_frame() for _ in range(frames)]


@pytest.fixture
def mouth() -> Mouth:
    return Mouth()


def test_with_nothing_to_say_there_is_no_frame(mouth: Mouth) -> None:
    assert mouth.next_frame() is None
    assert mouth.speaking is None
    assert mouth.take_drained() == []


def test_an_utterance_is_handed_out_frame_by_frame_and_then_over(mouth: Mouth) -> None:
    say(mouth, 1, sound(2), "Good day.")
    assert mouth.speaking == 1
    assert mouth.next_frame() == LOUD * FRAME_SAMPLES
    assert mouth.take_drained() == []
    assert mouth.next_frame() == LOUD * FRAME_SAMPLES
    assert mouth.take_drained() == [Spoken(1, "Good day.")]
    assert mouth.take_drained() == []
    assert mouth.next_frame() is None


def test_the_last_frame_is_filled_up_with_silence(mouth: Mouth) -> None:
    say(mouth, 1, sound(1.25), "Yes.")
    first, second = play(mouth, 2)
    assert first == LOUD * FRAME_SAMPLES
    assert second == (LOUD * 80).ljust(FRAME_BYTES, b"\0")
    assert mouth.take_drained() == [Spoken(1, "Yes.")]


def test_utterances_wait_for_each_other(mouth: Mouth) -> None:
    mouth.begin(1)
    say(mouth, 2, sound(1), "Second.")
    assert mouth.next_frame() is None
    mouth.append(1, sound(1), "First.")
    mouth.finish(1)
    play(mouth, 2)
    assert mouth.take_drained() == [Spoken(1, "First."), Spoken(2, "Second.")]


def test_an_utterance_without_sound_is_over_at_once_and_was_not_heard(mouth: Mouth) -> None:
    say(mouth, 1, Speech(b""), "The engine failed.")
    assert mouth.next_frame() is None
    assert mouth.take_drained() == [Spoken(1, "")]


def test_it_is_over_when_finish_comes_after_the_last_sample(mouth: Mouth) -> None:
    mouth.begin(1)
    mouth.append(1, sound(1), "Well.")
    play(mouth, 1)
    mouth.finish(1)
    assert mouth.next_frame() is None
    assert mouth.take_drained() == [Spoken(1, "Well.")]


def test_slow_synthesis_makes_a_pause_and_no_end(mouth: Mouth) -> None:
    mouth.begin(1)
    assert mouth.next_frame() is None
    assert mouth.underruns == 0
    mouth.append(1, sound(1), "One moment please.")
    assert play(mouth, 3)[1:] == [SILENCE, SILENCE]
    assert mouth.underruns == 2
    assert mouth.take_drained() == []
    mouth.append(1, sound(1))
    mouth.finish(1)
    assert mouth.next_frame() == LOUD * FRAME_SAMPLES
    assert mouth.take_drained() == [Spoken(1, "One moment please.")]


def test_it_begins_with_a_whole_frame_and_then_holds_nothing_back(mouth: Mouth) -> None:
    mouth.begin(1)
    mouth.append(1, sound(0.5), "Hm.")
    assert mouth.next_frame() is None
    mouth.append(1, sound(1))
    assert mouth.next_frame() == LOUD * FRAME_SAMPLES
    assert mouth.next_frame() == (LOUD * 160).ljust(FRAME_BYTES, b"\0")


def test_a_word_is_heard_when_its_first_half_was_sent(mouth: Mouth) -> None:
    piece = sound(10, (0, "Size"), (4, "two"), (6, "oh"), (8, "five"))
    expected = ["", "", "Size", "Size", "Size", "Size two", "Size two", "Size two oh"]
    for frames, words in enumerate(expected):
        each = Mouth()
        say(each, 1, piece, "Size two oh five")
        play(each, frames)
        assert each.stop(1) == words


def test_words_are_found_across_pieces_and_sentences(mouth: Mouth) -> None:
    mouth.begin(1)
    mouth.append(1, sound(4, (0, "We"), (2, "are")), "We are open.")
    mouth.append(1, sound(4, (0, "open.")))
    mouth.append(1, sound(4, (0, "Come"), (2, "soon.")), "Come soon.")
    play(mouth, 10)
    assert mouth.stop(1) == "We are open. Come"


def test_without_marks_words_go_by_their_share_of_the_letters(mouth: Mouth) -> None:
    say(mouth, 1, sound(16), "four five six. seven")
    play(mouth, 8)
    assert mouth.stop(1) == "four five"


def test_a_sentence_that_is_not_all_there_is_measured_at_the_usual_pace(mouth: Mouth) -> None:
    mouth.begin(1)
    mouth.append(1, sound(10), "Your order leaves the warehouse tomorrow morning")
    play(mouth, 10)
    assert mouth.stop(1) == "Your"


def test_the_last_marked_word_of_an_unfinished_sentence_is_not_taken_for_heard(mouth: Mouth) -> None:
    mouth.begin(1)
    mouth.append(1, sound(10, (0, "Your"), (9, "appointment")), "Your appointment")
    play(mouth, 10)
    assert mouth.stop(1) == "Your"


def test_stopping_fades_out_and_falls_silent(mouth: Mouth) -> None:
    say(mouth, 1, sound(10), "Never mind.")
    play(mouth, 2)
    mouth.stop(1)
    last = mouth.next_frame()
    assert last is not None
    samples = np.frombuffer(last, "<i2")
    assert (samples[0], samples[79]) == (10_000, 0)
    assert np.all(np.diff(samples[:80].astype(int)) < 0)
    assert not samples[80:].any()
    assert mouth.next_frame() is None
    assert mouth.take_drained() == []


def test_stopping_what_has_not_begun_makes_no_sound(mouth: Mouth) -> None:
    say(mouth, 1, sound(10), "Never mind.")
    assert mouth.stop(1) == ""
    assert mouth.next_frame() is None


def test_stopping_one_lets_the_next_speak(mouth: Mouth) -> None:
    say(mouth, 1, sound(10), "First.")
    say(mouth, 2, sound(1), "Second.")
    assert mouth.stop(1) == ""
    play(mouth, 1)
    assert mouth.take_drained() == [Spoken(2, "Second.")]


def test_late_sound_of_a_stopped_utterance_is_dropped(mouth: Mouth) -> None:
    mouth.begin(1)
    mouth.append(1, sound(2), "Good")
    mouth.stop(1)
    mouth.append(1, sound(2), "day")
    mouth.finish(1)
    assert mouth.next_frame() is None
    assert mouth.take_drained() == []
    assert mouth.stop(1) == ""


def test_beginning_twice_is_beginning_once(mouth: Mouth) -> None:
    mouth.begin(1)
    say(mouth, 1, sound(1), "Once.")
    play(mouth, 3)
    assert mouth.take_drained() == [Spoken(1, "Once.")]


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 60))
def test_every_sample_is_handed_out_once_and_in_order(sizes: list[int], stop_at: int) -> None:
    mouth, samples = Mouth(), np.arange(1, sum(sizes) + 1).astype("<i2")
    mouth.begin(1)
    at = 0
    for size in sizes:
        mouth.append(1, Speech(samples[at : at + size].tobytes()), "word")
        at += size
    mouth.finish(1)
    frames = [frame for frame in play(mouth, stop_at) if frame]
    if drained := mouth.take_drained():
        assert drained[0].heard.split() == ["word" for size in sizes if size]
    else:
        assert set(mouth.stop(1).split()) <= {"word"}
    sent = np.frombuffer(b"".join(frames), "<i2")
    assert np.array_equal(sent[sent != 0], samples[: np.count_nonzero(sent)])
