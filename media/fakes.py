"""Speech engines without delay and without speech, shipped for tests and for measuring everything else."""

from __future__ import annotations

import math
from array import array
from collections.abc import AsyncIterator, Callable

from media.ports import RATE, Phrases, Speech, Transcript

TONE_HZ = 440
LETTER_MS = 60


class ToneSynthesizer:
    """Says every text as a 440 Hz tone of 60 ms a letter, all at once, with word marks by letter."""

    name = "tone"

    async def synthesize(self, text: str, language: str) -> AsyncIterator[Speech]:
        """The whole sentence in one piece."""
        words, at = [], 0
        for word in text.split():
            words.append((at * LETTER_MS * RATE // 1000, word))
            at += len(word) + 1
        yield Speech(tone(len(text) * LETTER_MS), tuple(words))

    async def close(self) -> None:
        """Nothing is held."""


def tone(milliseconds: int, hertz: float = TONE_HZ, amplitude: int = 8000) -> bytes:
    """A sine at 16 kHz."""
    step = 2 * math.pi * hertz / RATE
    return array(
        "h", (int(amplitude * math.sin(step * n)) for n in range(RATE * milliseconds // 1000))
    ).tobytes()


class InstantRecognizer:
    """Understands each utterance at once as what `hear` says; by default the words `winter tyres`."""

    name = "instant"

    def __init__(self, hear: Callable[[], str] = lambda: "winter tyres") -> None:
        self._hear = hear

    async def start(self) -> None:
        """Always ready."""

    def open(self, language: str) -> InstantEar:
        """An ear for one call."""
        return InstantEar(self._hear)

    async def close(self) -> None:
        """Nothing is held."""


class InstantEar:
    """One call's ear of an `InstantRecognizer`."""

    def __init__(self, hear: Callable[[], str]) -> None:
        self._hear = hear

    def feed(self, frame: bytes) -> None:
        """Frames are not needed."""

    def expect(self, phrases: Phrases, language: str) -> None:
        """Whatever is expected, the words are given."""

    def speech_started(self, preroll_ms: int) -> None:
        """Nothing to prepare."""

    async def speech_ended(self) -> Transcript:
        """The words."""
        return Transcript(self._hear())

    def interim(self) -> str:
        """None."""
        return ""

    async def close(self) -> None:
        """Nothing is held."""
