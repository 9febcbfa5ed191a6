"""Speech to text without a key or a cloud: PocketSphinx in worker processes, by the flow's own words.

English has a model. Ukrainian and Russian have none: short lists of phrases are recognised through English
sounds, experimentally (offer the keypad first), and nothing else is.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections import deque
from itertools import islice

import numpy as np
import structlog

from callflow.errors import ProviderRefused
from media.ports import FRAME_BYTES, FRAME_MS, Ear, Phrases, Transcript
from media.stt.grammar import DIGITS
from media.stt.pool import Pool
from media.stt.wire import Answer, Job

RING_MS = 2_000  # of the line's newest sound, for what was said before speech was noticed
PREROLL_MS = 300  # heard in addition to what the endpointer says: it is late for soft beginnings
LONGEST_MS = 30_000  # of an utterance; the rest of it is not recognised
PAUSE_MS = 160  # of quiet, after which the words so far are recognised in advance
QUIET = 0.1  # of the utterance's loudest frame

log = structlog.get_logger(__name__)


class PocketsphinxRecognizer:
    """The embedded recogniser. `start` it early, or else the first call's ear does."""

    name = "pocketsphinx"

    def __init__(self, pool: Pool | None = None) -> None:
        """`pool` holds the worker processes; by default one, good for some eight utterances a second.

        Raises `ProviderRefused` when the engine is not installed.
        """
        if importlib.util.find_spec("pocketsphinx") is None:
            raise ProviderRefused(
                "The embedded recogniser is not installed: pip install 'callflow[embedded]'"
            )
        self._pool = pool or Pool()
        self._warned: set[str] = set()

    async def start(self) -> None:
        """Begin to start the workers; returns at once, they are ready about half a second later."""
        self._pool.start()

    def open(self, language: str) -> Ear:
        """Open the ear of one call, which expects anything until it is told what."""
        self._pool.start()
        return PocketsphinxEar(self._pool, language, self._warned)

    async def close(self) -> None:
        """End the worker processes. Safe to call twice."""
        await self._pool.close()


class _Utterance:
    """The sound of one utterance while it is spoken, and its words as recognised at its newest pause."""

    def __init__(self, preroll: list[bytes]) -> None:
        self.pcm = bytearray()
        self.early: asyncio.Task[Transcript] | None = None
        self._loudest = 0.0
        self._quiet_ms = 0
        for frame in preroll:
            self.append(frame)

    def append(self, frame: bytes) -> None:
        """Take the next frame. What was recognised is void when it is not quiet."""
        if len(self.pcm) < LONGEST_MS * FRAME_BYTES // FRAME_MS:
            self.pcm += frame
        loudness = float(np.abs(np.frombuffer(frame, np.int16).astype(np.int32)).mean())
        self._loudest = max(self._loudest, loudness)
        if loudness > self._loudest * QUIET:
            self._quiet_ms = 0
            self.drop()
        else:
            self._quiet_ms += FRAME_MS

    @property
    def pausing(self) -> bool:
        """Whether this very frame made the pause long enough."""
        return self._quiet_ms == PAUSE_MS

    def drop(self) -> None:
        """Forget what was recognised in advance."""
        early, self.early = self.early, None
        if early is not None and not early.cancel() and not early.cancelled():
            early.exception()  # the pool logged it; nobody else will ask


class PocketsphinxEar:
    """One call's ear. It keeps the sound of an utterance and has it decoded as a whole, at its end or in
    the pause before the endpointer is sure of it."""

    def __init__(self, pool: Pool, language: str, warned: set[str] | None = None) -> None:
        """`warned` remembers across calls which limits were logged already."""
        self._pool = pool
        self._warned = warned if warned is not None else set()
        self._ring: deque[bytes] = deque(maxlen=RING_MS // FRAME_MS)
        self._utterances: deque[_Utterance] = deque()  # the newest is still fed; the oldest is next to end
        self._phrases = Phrases()
        self._language = _base(language)

    def feed(self, frame: bytes) -> None:
        """Take one 20 ms frame."""
        self._ring.append(frame)
        if not self._utterances:
            return
        newest = self._utterances[-1]
        newest.append(frame)
        if newest.pausing and newest.early is None and self._pool.idle:
            newest.early = asyncio.get_running_loop().create_task(self._recognise(bytes(newest.pcm)))

    def expect(self, phrases: Phrases, language: str) -> None:
        """Tune to what is expected; a free worker makes ready for it now."""
        language = _base(language)
        if (phrases, language) == (self._phrases, self._language):
            return
        self._phrases, self._language = phrases, language
        for utterance in self._utterances:
            utterance.drop()
        if self._can():
            self._pool.prepare(self._job(b""))

    def speech_started(self, preroll_ms: int) -> None:
        """Begin an utterance `preroll_ms` and a little more before the newest frame."""
        count = min((preroll_ms + PREROLL_MS) // FRAME_MS, len(self._ring))
        self._utterances.append(_Utterance(list(islice(self._ring, len(self._ring) - count, None))))

    async def speech_ended(self) -> Transcript:
        """The words of the oldest utterance; empty when they were none of what is expected.

        Raises `ProviderBusy`, `ProviderTimeout` or `ProviderError`.
        """
        if not self._utterances:
            return Transcript("", 0.0)
        utterance = self._utterances.popleft()
        if utterance.early is not None:
            return await utterance.early
        return await self._recognise(bytes(utterance.pcm))

    def interim(self) -> str:
        """Always empty: an utterance is decoded as a whole."""
        return ""

    async def close(self) -> None:
        """Forget the utterances."""
        early = [utterance.early for utterance in self._utterances if utterance.early is not None]
        for utterance in self._utterances:
            utterance.drop()
        self._utterances.clear()
        await asyncio.gather(*early, return_exceptions=True)

    def _can(self) -> bool:
        """Whether there is any hope to recognise what is expected; says once if there is not."""
        phrases, language = self._phrases, self._language
        if language == "en" or (language in DIGITS and (phrases.phrases or phrases.digits)):
            return True
        if language not in self._warned:
            self._warned.add(language)
            log.warning("recogniser.no_model", language=language, advice="ask for keys first")
        return False

    def _job(self, pcm: bytes) -> Job:
        return Job(self._phrases.phrases, self._phrases.digits, self._language, pcm)

    async def _recognise(self, pcm: bytes) -> Transcript:
        if not self._can():
            return Transcript("", 0.0, self._language)
        language = self._language
        answer = await self._pool.decode(self._job(pcm))
        self._say_skipped(answer)
        return Transcript(answer.text, answer.confidence, language)

    def _say_skipped(self, answer: Answer) -> None:
        new = set(answer.skipped) - self._warned
        if new:
            self._warned |= new
            log.warning("recogniser.unknown_words", words=sorted(new), language=self._language)


def _base(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()
