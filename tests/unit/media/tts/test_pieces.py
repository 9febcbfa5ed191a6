"""One sentence's sound and words, from an engine's rate to ours."""

import numpy as np

from media.ports import RATE, Speech
from media.tts.pieces import Pieces
from media.tts.speakable import Reading

READING = Reading("one two three four", ((0, "one"), (4, "two"), (8, "three"), (14, "four")))


def _placed(pieces: list[Speech]) -> list[tuple[int, str]]:
    """The words with their places in the whole, as whoever plays the pieces works them out."""
    placed, samples = [], 0
    for piece in pieces:
        assert all(0 <= offset <= max(len(piece.pcm) // 2 - 1, 0) for offset, _ in piece.words)
        placed += [(samples + offset, word) for offset, word in piece.words]
        samples += len(piece.pcm) // 2
    return placed


def test_words_begin_where_their_sound_begins() -> None:
    pieces = Pieces(22_050, READING)
    click = np.zeros(22_050, np.int16)
    click[11_025] = 20_000
    chunks = [click[start : start + 1_323].tobytes() for start in range(0, 22_050, 1_323)]
    marks = {0: [(0, 0)], 8: [(4, 11_025)], 12: [(8, 16_000), (14, 17_000)]}
    given = [pieces.next(chunk, marks.get(index, [])) for index, chunk in enumerate(chunks)] + [pieces.rest()]
    sound = np.frombuffer(b"".join(piece.pcm for piece in given), np.int16)
    assert len(sound) == RATE
    assert [word for _, word in _placed(given)] == ["one", "two", "three", "four"]
    assert _placed(given)[1][0] == 8_000 == int(np.abs(sound.astype(int)).argmax())
    assert _placed(given)[2][0] == 16_000 * RATE // 22_050


def test_words_that_the_engine_runs_together_begin_together() -> None:
    pieces = Pieces(22_050, READING)
    given = [pieces.next(bytes(22_050), [(0, 0), (8, 5_000)]), pieces.rest()]
    assert _placed(given)[:3] == [(0, "one"), (3_628, "two"), (3_628, "three")]


def test_no_word_is_lost_when_the_engine_marks_none() -> None:
    pieces = Pieces(22_050, READING)
    given = [pieces.next(bytes(44_100), []), pieces.rest()]
    assert [word for _, word in _placed(given)] == ["one", "two", "three", "four"]
