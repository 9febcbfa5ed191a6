"""The voice of one call: sentences in, frames out, and a true account of what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from callflow import events as ev
from callflow.errors import ProviderError
from media.mouth import Mouth
from media.ports import Synthesizer

Report = Callable[[ev.Event], None]
FIRST_PIECE_S = 6.0
"""A sentence whose speech has not begun by then will not come: the engine counts as failed."""


class Speaking:
    """Speaks one utterance at a time, sentence by sentence, as the sentences come.

    `report` gets `SpeechEnded` once for each utterance, and `Failed(speech)` when the engine fails.
    `on_audio` is called when speech begins to be ready while nothing was being said, so that its first
    frame need not wait for the next tick.
    """

    def __init__(self, engine: Synthesizer, report: Report, on_audio: Callable[[], None]) -> None:
        self.mouth = Mouth()
        self.speech = 0
        self._engine = engine
        self._report = report
        self._on_audio = on_audio
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue()
        self._said: list[str] = []  # the sentences of the running utterance, should it be begun again
        self._complete = False
        self._language = "en"
        self._task: asyncio.Task[None] | None = None

    def say(self, speech: int, text: str, language: str, *, final: bool) -> None:
        """Begin an utterance. The one before it must have ended or been stopped."""
        self.speech, self._language = speech, language
        self._said, self._complete = [], False
        self._begin()
        self.more(speech, text, final=final)

    def more(self, speech: int, text: str, *, final: bool) -> None:
        """Append a sentence to the running utterance; an utterance that is over ignores it."""
        if speech != self.speech:
            return
        if text:
            self._said.append(text)
            self._sentences.put_nowait(text)
        if final:
            self._complete = True
            self._sentences.put_nowait(None)

    def stop(self, speech: int) -> None:
        """Fall silent now; `SpeechEnded(complete=False)` tells what was heard."""
        if speech == self.speech:
            self._end(self._silence())

    def again(self) -> None:
        """Begin the running utterance anew: what was sent so far reached nobody."""
        if not self.speech:
            return
        speech, said, complete = self.speech, self._said, self._complete
        self._silence()
        self.say(speech, "", self._language, final=False)
        for sentence in said:
            self.more(speech, sentence, final=False)
        self.more(speech, "", final=complete)

    def next_frame(self) -> bytes | None:
        """The next 20 ms to send, or None when nothing is being said."""
        frame = self.mouth.next_frame()
        for spoken in self.mouth.take_drained():
            if spoken.speech == self.speech:
                self.speech = 0
                self._report(ev.SpeechEnded(spoken.speech, spoken.heard, complete=True))
        return frame

    async def close(self) -> None:
        """Stop, without a report."""
        task, self._task = self._task, None
        self.speech = 0
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _begin(self) -> None:
        self._sentences = asyncio.Queue()
        self.mouth.begin(self.speech)
        self._task = asyncio.get_running_loop().create_task(self._speak(self.speech, self._sentences))

    def _silence(self) -> str:
        """Stop the engine and the mouth; what was heard of the utterance."""
        if self._task is not None:
            self._task.cancel()
        return self.mouth.stop(self.speech)

    def _end(self, heard: str) -> None:
        speech, self.speech = self.speech, 0
        self._report(ev.SpeechEnded(speech, heard, complete=False))

    async def _speak(self, speech: int, sentences: asyncio.Queue[str | None]) -> None:
        try:
            while (sentence := await sentences.get()) is not None:
                await self._sentence(speech, sentence)
            self.mouth.finish(speech)
        except (ProviderError, TimeoutError) as error:
            if speech == self.speech:
                self._report(ev.Failed(ev.Part.SPEECH, getattr(error, "code", "provider-timeout")))

    async def _sentence(self, speech: int, sentence: str) -> None:
        pieces = aiter(self._engine.synthesize(sentence, self._language))
        try:
            async with asyncio.timeout(FIRST_PIECE_S) as limit:
                first = True
                async for piece in pieces:
                    limit.reschedule(asyncio.get_running_loop().time() + FIRST_PIECE_S)
                    self.mouth.append(speech, piece, sentence if first else "")
                    if first:
                        first = False
                        self._on_audio()
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
