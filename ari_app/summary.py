"""The desk where an operator hears, before the caller is joined, who calls and why.

A transfer leaves a summary here under a UUID. When the operator picks up, Asterisk connects to our
AudioSocket server with that UUID, hears the summary and the end of it, and joins the two.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass

import structlog

from callflow.errors import CallflowError
from media.mouth import Mouth
from media.pacing import Ticker
from media.ports import SILENCE, Synthesizer
from media.transports.audiosocket import AudioSocketTransport

KEEP_S = 3600.0
"""A caller waits no longer for a person than this."""
TAIL_FRAMES = 8
LONGEST_S = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """A summary to be spoken."""

    text: str
    language: str
    left_at: float


class SummaryDesk:
    """Keeps summaries until they are heard; speaks each to every operator who picks up."""

    def __init__(self, engine: Synthesizer, ticker: Ticker) -> None:
        self._engine = engine
        self._ticker = ticker
        self._notes: dict[uuid.UUID, Note] = {}
        self._speaking: dict[asyncio.Task[None], uuid.UUID] = {}

    def leave(self, text: str, language: str) -> uuid.UUID:
        """Leave a summary; returns the UUID that Asterisk will ask for."""
        now = time.monotonic()
        self._notes = {key: note for key, note in self._notes.items() if now - note.left_at < KEEP_S}
        key = uuid.uuid4()
        self._notes[key] = Note(text, language, now)
        return key

    def take_back(self, key: uuid.UUID) -> None:
        """The call is over: forget its summary, and stop telling it."""
        self._notes.pop(key, None)
        for task, spoken in tuple(self._speaking.items()):
            if spoken == key:
                task.cancel()

    def serve(self, key: uuid.UUID, transport: AudioSocketTransport) -> bool:
        """Speak the summary of this UUID into a connection, then end it; False when there is none."""
        note = self._notes.get(key)
        if note is None:
            return False
        task = asyncio.create_task(self._speak(note, transport), name=f"summary-{key}")
        self._speaking[task] = key
        task.add_done_callback(self._speaking.pop)
        return True

    async def close(self) -> None:
        """End what is being spoken."""
        for task in tuple(self._speaking):
            task.cancel()
        await asyncio.gather(*self._speaking, return_exceptions=True)

    async def _speak(self, note: Note, transport: AudioSocketTransport) -> None:
        mouth, finished = Mouth(), asyncio.Event()
        silent = 0

        def tick(now: float) -> None:
            nonlocal silent
            frame = mouth.next_frame()
            silent = 0 if frame else silent + 1
            transport.send(frame or SILENCE)
            transport.tick(now)
            if mouth.take_drained():
                spoken.set()
            if transport.gone or (spoken.is_set() and silent > TAIL_FRAMES):
                finished.set()

        spoken = asyncio.Event()
        slot = self._ticker.add(tick)
        mouth.begin(1)
        try:
            async with asyncio.timeout(LONGEST_S):
                async for piece in self._engine.synthesize(note.text, note.language):
                    mouth.append(1, piece, "")
                mouth.finish(1)
                await finished.wait()
        except (CallflowError, TimeoutError) as error:
            log.warning("summary.not_spoken", reason=str(error))
        finally:
            slot.remove()
            transport.hang_up()
            await transport.close()
