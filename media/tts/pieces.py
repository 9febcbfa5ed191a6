"""One sentence's sound on its way from an engine's rate to ours, with the words at their places. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import soxr

from media.ports import RATE, Speech
from media.tts.speakable import Reading


class Pieces:
    """Takes what an engine gives for one `Reading`, and gives it back as `Speech` at 16 kHz."""

    def __init__(self, rate: int, reading: Reading) -> None:
        """`rate` is the engine's, in samples a second."""
        self._rate = rate
        self._stream = soxr.ResampleStream(rate, RATE, 1, dtype="int16", quality="LQ")
        self._words = deque(reading.words)
        self._marks: deque[tuple[int, str]] = deque()  # samples at 16 kHz since the beginning, word
        self._given = 0

    def next(self, pcm: bytes, marks: Iterable[tuple[int, int]], *, last: bool = False) -> Speech:
        """The next piece, possibly without sound: the resampler holds some back until `last`.

        `marks` are the words that begin in `pcm`: `(offset in the reading's text, sample at the engine's
        rate counted from the beginning)`. Words that the engine ran together begin together.
        """
        for offset, sample in marks:
            self._mark(offset, sample * RATE // self._rate)
        if last:
            self._mark(self._words[-1][0] if self._words else 0, self._given)
        sound = self._stream.resample_chunk(np.frombuffer(pcm, np.int16), last=last)
        return self._piece(sound, last=last)

    def _mark(self, offset: int, sample: int) -> None:
        while self._words and self._words[0][0] <= offset:
            self._marks.append((sample, self._words.popleft()[1]))

    def _piece(self, sound: np.ndarray[tuple[int], np.dtype[np.int16]], *, last: bool) -> Speech:
        begin, end = self._given, self._given + len(sound)
        words = []
        while self._marks and (last or self._marks[0][0] < end):
            sample, word = self._marks.popleft()
            words.append((min(max(sample - begin, 0), max(len(sound) - 1, 0)), word))
        self._given = end
        return Speech(sound.tobytes(), tuple(words))
