"""The hearing of one call: frames in; who speaks when, and the words, out as facts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from callflow import events as ev
from callflow.errors import ProviderError
from media.endpoint import Endpointer, EndpointSettings, Started, Stopped
from media.ports import FRAME_MS, Ear, Phrases, VoiceDetector

Report = Callable[[ev.Event], None]


class Hearing:
    """Joins the voice detector, the endpointer and the recogniser's ear of one call.

    `report` gets `CallerStarted`, `CallerStopped`, `CallerSaid` (empty text: not understood) and
    `Failed(hearing)`. The words of utterances are reported in the order they were spoken.
    """

    def __init__(
        self, detector: VoiceDetector, ear: Ear, report: Report, settings: EndpointSettings | None = None
    ) -> None:
        self.ear = ear
        self.endpointer = Endpointer(settings)
        self.speech_ended_at = 0.0
        """When the caller's last utterance ended (loop time, s): the zero of a turn's delays."""
        self.stop_decided_at = 0.0
        """When the endpointer was sure of it."""
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._stream = detector.open(self._judged)
        self._words = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, frame: bytes, real: bool) -> None:
        """Take one frame of the caller; `real` False: a filled gap."""
        self._stream.push(frame, real)

    def expect(self, phrases: Phrases, language: str) -> None:
        """Tune the recogniser to what may be said now."""
        self.ear.expect(phrases, language)

    def _judged(self, frame: bytes, real: bool, probability: float) -> None:
        self.ear.feed(frame)
        verdict = self.endpointer.process(FRAME_MS / 1000, probability)
        if isinstance(verdict, Started):
            self.ear.speech_started(verdict.preroll_ms)
            self._report(ev.CallerStarted())
        elif isinstance(verdict, Stopped):
            self.stop_decided_at = self._loop.time()
            self.speech_ended_at = self.stop_decided_at - verdict.trailing_ms / 1000
            self._report(ev.CallerStopped())
            task = self._loop.create_task(self._recognise())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _recognise(self) -> None:
        async with self._words:
            try:
                words = await self.ear.speech_ended()
            except ProviderError as error:
                self._report(ev.Failed(ev.Part.HEARING, error.code))
                return
        self._report(ev.CallerSaid(words.text, words.confidence, words.language))

    async def close(self) -> None:
        """Stop listening and release the ear."""
        self._stream.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ear.close()
