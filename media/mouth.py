"""What the agent says, pure: synthesised speech goes in, frames come out, and it is known what was heard.

Rule 1: utterances are spoken one after the other, in the order they began.
Rule 2: samples count as heard when they are handed out, and a word when its first half is.
Rule 3: an engine that is slower than speech makes a pause; only `finish` makes an end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from media.pcm import fade
from media.ports import FRAME_BYTES, RATE, SILENCE, Speech

FADE_BYTES = RATE * 5 // 1000 * 2  # 5 ms: no click, and no sound of a word
_LETTER_SAMPLES = RATE // 15  # a usual pace; only for a sentence that is not all there yet


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance that was spoken to its end, and its words."""

    speech: int
    heard: str


class _Sentence:
    """One sentence of an utterance: its text, where its words begin, and how much of its sound there is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = 0
        self.whole = False  # no more of it will come
        self._marks: list[tuple[int, str]] = []

    def append(self, piece: Speech) -> None:
        self._marks += [(self.samples + offset, word) for offset, word in piece.words]
        self.samples += len(piece.pcm) // 2

    def heard(self, sent: int) -> str:
        """The words of which the first half is within the first `sent` samples."""
        if not sent or not self.samples:
            return ""
        if self.whole and sent >= self.samples:
            return self.text
        marks = self._marks or self._estimate()
        ends = [*(start for start, _ in marks[1:]), self._end(marks)]
        return " ".join(
            word for (start, word), end in zip(marks, ends, strict=True) if sent >= (start + end) / 2
        )

    def _end(self, marks: list[tuple[int, str]]) -> int:
        """Where the last word ends; a guess at the usual pace while the sound is not all there."""
        if self.whole or not marks:
            return self.samples
        start, word = marks[-1]
        return max(self.samples, start + _LETTER_SAMPLES * len(word))

    def _estimate(self) -> list[tuple[int, str]]:
        """Where the words begin, for an engine that does not say: by their share of the letters."""
        words = self.text.split()
        letters = sum(map(len, words))
        if not letters:
            return []
        samples = self.samples if self.whole else max(self.samples, letters * _LETTER_SAMPLES)
        marks, before = [], 0
        for word in words:
            marks.append((samples * before // letters, word))
            before += len(word)
        return marks


class _Utterance:
    """One utterance: its sentences, and the sound that is still to be handed out."""

    def __init__(self, speech: int) -> None:
        self.speech = speech
        self.sent = 0  # samples
        self.finished = False
        self._sentences: list[_Sentence] = []
        self._pcm = bytearray()

    def append(self, piece: Speech, text: str) -> None:
        if text or not self._sentences:
            self.close_sentence()
            self._sentences.append(_Sentence(text))
        self._sentences[-1].append(piece)
        self._pcm += piece.pcm

    def close_sentence(self) -> None:
        if self._sentences:
            self._sentences[-1].whole = True

    def take(self) -> bytes | None:
        """A frame, filled up with silence where the sound ends; None: there is none, or too little yet."""
        if not self._pcm or (len(self._pcm) < FRAME_BYTES and not self.sent and not self.finished):
            return None
        frame = bytes(self._pcm[:FRAME_BYTES])
        del self._pcm[:FRAME_BYTES]
        self.sent += len(frame) // 2
        return frame.ljust(FRAME_BYTES, b"\0")

    @property
    def empty(self) -> bool:
        return not self._pcm

    def tail(self) -> bytes:
        """What would have come next, for the fade."""
        return bytes(self._pcm[:FADE_BYTES])

    def heard(self) -> str:
        sent, parts = self.sent, []
        for sentence in self._sentences:
            parts.append(sentence.heard(sent))
            sent -= sentence.samples
            if sent <= 0:
                break
        return " ".join(filter(None, parts))


class Mouth:
    """The agent's voice in one call. `next_frame` is called every 20 ms, the rest as speech is made."""

    def __init__(self) -> None:
        self.underruns = 0  # frames of silence inside an utterance: synthesis was slower than speech
        self._queue: deque[_Utterance] = deque()
        self._drained: list[Spoken] = []
        self._fade: bytes | None = None

    @property
    def speaking(self) -> int | None:
        """The utterance that is being spoken or prepared, or None."""
        return self._queue[0].speech if self._queue else None

    def begin(self, speech: int) -> None:
        """Put an utterance at the end of the queue."""
        if self._find(speech) is None:
            self._queue.append(_Utterance(speech))

    def append(self, speech: int, piece: Speech, text: str = "") -> None:
        """Add sound to an utterance; `text` is the sentence that it opens, empty for its further pieces.

        What belongs to an utterance that was stopped, or never begun, is dropped: synthesis may be late.
        """
        if utterance := self._find(speech):
            utterance.append(piece, text)

    def finish(self, speech: int) -> None:
        """No more sound will come for this utterance: when it is spoken, it is over."""
        if utterance := self._find(speech):
            utterance.close_sentence()
            utterance.finished = True

    def next_frame(self) -> bytes | None:
        """The next 20 ms, or None when there is nothing to say; then look at `take_drained`."""
        if self._fade is not None:
            frame, self._fade = self._fade, None
            return frame
        while self._queue:
            utterance = self._queue[0]
            sound = utterance.take()
            over = utterance.finished and utterance.empty
            if over:
                self._queue.popleft()
                self._drained.append(Spoken(utterance.speech, utterance.heard()))
            if sound is not None or not over:
                return sound or self._pause(utterance)
        return None

    def take_drained(self) -> list[Spoken]:
        """The utterances that ended since the last look, oldest first."""
        drained, self._drained = self._drained, []
        return drained

    def stop(self, speech: int) -> str:
        """Drop an utterance and tell what of it was heard; the next frame fades the sound out.

        An utterance that is unknown, or over already, gives an empty text.
        """
        utterance = self._find(speech)
        if utterance is None:
            return ""
        if utterance.sent and not utterance.empty:
            self._fade = fade(utterance.tail(), 1.0, 0.0).ljust(FRAME_BYTES, b"\0")
        self._queue.remove(utterance)
        return utterance.heard()

    def _pause(self, utterance: _Utterance) -> bytes | None:
        """What to send while synthesis is behind: before the first sound nothing, after it silence."""
        if not utterance.sent:
            return None
        self.underruns += 1
        return SILENCE

    def _find(self, speech: int) -> _Utterance | None:
        return next((each for each in self._queue if each.speech == speech), None)
