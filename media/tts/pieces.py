"""One sentence's sound on its way from an engine's rate to ours, with the words at their places. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from media.ports import RATE, Speech
from media.resample import Resampler
from media.tts.speakable import Reading


class Pieces:
    """Takes what an engine gives for one `Reading`, and gives it back as `Speech` at 16 kHz."""

    def __init__(self, rate: int, reading: Reading) -> None:
        """`rate` is the engine's, in samples a second."""
        self._rate = rate
        self._resampler = Resampler(rate, RATE)
        self._words = deque(reading.words)
        self._marks: deque[tuple[int, str]] = deque()  # samples at 16 kHz since the beginning, word
        self._given = 0

    def next(self, pcm: bytes, marks: Iterable[tuple[int, int]]) -> Speech:
        """The next piece, possibly without sound: the resampler holds some back.

        `marks` are the words that begin in `pcm`: `(offset in the reading's text, sample at the engine's
        rate counted from the beginning)`. Words that the engine ran together begin together.
        """
        for offset, sample in marks:
            self._mark(offset, sample * RATE // self._rate)
        return self._piece(self._resampler.feed(pcm))

    def rest(self) -> Speech:
        """What the resampler holds back, and the words of which the engine said nothing."""
        if self._words:
            self._mark(self._words[-1][0], self._given)
        sound = self._resampler.flush()
        return self._piece(sound, last=True)

    def _mark(self, offset: int, sample: int) -> None:
        while self._words and self._words[0][0] <= offset:
            self._marks.append((sample, self._words.popleft()[1]))

    def _piece(self, pcm: bytes, *, last: bool = False) -> Speech:
        begin, count = self._given, len(pcm) // 2
        self._given += count
        words = []
        while self._marks and (last or self._marks[0][0] < self._given):
            sample, word = self._marks.popleft()
            words.append((min(max(sample - begin, 0), max(count - 1, 0)), word))
        return Speech(pcm, tuple(words))
