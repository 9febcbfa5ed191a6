"""Text to speech without a key or a cloud: eSpeak NG in this process.

The library has one state for the whole process, so one thread serves every sentence of every call in turn;
a sentence takes it about 10 ms. The voice is robotic and the library GPL-3: an optional installation.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from callflow.errors import ProviderRefused
from media.ports import Speech
from media.tts import espeaklib
from media.tts.pieces import Pieces
from media.tts.speakable import Reading, speakable


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of eSpeak NG: `name` as the library knows it, `volume` where 100 is the library's own."""

    name: str
    words_per_minute: int
    volume: int


VOICES = {
    "en": Voice("en-us", 165, 80),
    "uk": Voice("uk", 200, 72),
    "ru": Voice("ru", 180, 80),
}
"""By language. The volumes bring speech to about −20 dBFS, measured; none reaches full scale."""


class EspeakSynthesizer:
    """The embedded voice. Any number of calls, and of synthesizers, may speak at the same time."""

    name = "espeak"

    def __init__(self) -> None:
        """Raises `ProviderRefused` when the engine is not installed; it is loaded by the first sentence."""
        espeaklib.require()

    async def synthesize(self, text: str, language: str) -> AsyncIterator[Speech]:
        """Yield the speech of one sentence in pieces of about 60 ms, the first within a millisecond or so.

        `language` is `en`, `uk` or `ru`, with or without a region. Closing the iterator stops the engine.
        Raises `ProviderRefused` for another language or when the engine is not installed.
        """
        base = language.replace("_", "-").split("-")[0].lower()
        if base not in VOICES:
            raise ProviderRefused(f"The embedded voice speaks {', '.join(VOICES)}; not {language!r}")
        if not text.strip():
            return
        sentence = _Sentence(speakable(text, base), VOICES[base])
        work = asyncio.get_running_loop().run_in_executor(_thread(), sentence.speak)
        try:
            while (piece := await sentence.pieces.get()) is not None:
                yield piece
            await work
        finally:
            sentence.cancelled.set()
            await asyncio.gather(work, return_exceptions=True)

    async def close(self) -> None:
        """Nothing to release: the library and its thread serve the whole process."""


class _Sentence:
    """One sentence on its way through the engine's thread; its pieces, then None, arrive in the loop."""

    def __init__(self, reading: Reading, voice: Voice) -> None:
        self.pieces: asyncio.Queue[Speech | None] = asyncio.Queue()
        self.cancelled = threading.Event()
        self._reading = reading
        self._voice = voice
        self._loop = asyncio.get_running_loop()

    def speak(self) -> None:
        """Run in the engine's thread. Raises `ProviderError`."""
        try:
            if not self.cancelled.is_set():
                self._speak(espeaklib.load())
        finally:
            self._loop.call_soon_threadsafe(self.pieces.put_nowait, None)

    def _speak(self, engine: espeaklib.Espeak) -> None:
        pieces = Pieces(engine.rate, self._reading)

        def sink(pcm: bytes, marks: tuple[tuple[int, int], ...]) -> bool:
            self._give(pieces.next(pcm, marks))
            return not self.cancelled.is_set()

        voice = self._voice
        engine.use(voice.name, words_per_minute=voice.words_per_minute, volume=voice.volume)
        engine.speak(self._reading.text, sink)
        self._give(pieces.rest())

    def _give(self, piece: Speech) -> None:
        if (piece.pcm or piece.words) and not self.cancelled.is_set():
            self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


@functools.cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="espeak")
