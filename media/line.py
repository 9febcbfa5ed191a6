"""The audio of one call: a transport, an ear, a voice and a recorder, on the ticker that all calls share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from callflow import events as ev
from callflow.effects import Say, SayMore
from media.hearing import Hearing
from media.pacing import Slot, Ticker
from media.ports import SILENCE, Phrases, Synthesizer, Transport
from media.recording import Recorder
from media.speaking import Speaking

Report = Callable[[ev.Event], None]
SETTLE_FRAMES = 8
"""After so many silent frames (160 ms) the last word has left Asterisk's and the telephone's buffers."""


class Line:
    """What a call needs of audio. Open it with a transport; replace the transport at any moment.

    Every 20 ms one frame goes out: speech, or silence, so that Asterisk always hears us. A frame that opens
    speech is sent at once and takes the place of the next tick's.
    """

    def __init__(
        self,
        ticker: Ticker,
        hearing: Callable[[Report], Hearing],
        engine: Synthesizer,
        report: Report,
        recorder: Recorder | None = None,
    ) -> None:
        self.transport: Transport | None = None
        self.first_audio_at = 0.0
        """When the first frame of the last utterance was sent (loop time, s); 0 until it was."""
        self.hearing = hearing(report)
        self.speaking = Speaking(engine, report, self._kick)
        self._recorder = recorder
        self._loop = asyncio.get_running_loop()
        self._slot: Slot = ticker.add(self._tick)
        self._sent_early = False
        self._talking = False
        self._silent = 0  # silent frames since the last spoken one
        self._settled: asyncio.Future[None] | None = None
        self._caller = SILENCE  # her newest frame, for the recording

    # --- transports ----------------------------------------------------------------------------------

    def attach(self, transport: Transport) -> Transport | None:
        """Send and hear through `transport` from now on; returns the one it replaces, still open."""
        old, self.transport = self.transport, transport
        return old

    async def detach(self) -> None:
        """Close the transport; the line waits for another."""
        transport, self.transport = self.transport, None
        if transport is not None:
            await transport.close()

    def hear(self, frame: bytes, real: bool) -> None:
        """The sink of the transport: one frame of the caller."""
        self._caller = frame
        self.hearing.hear(frame, real)

    # --- the voice -----------------------------------------------------------------------------------

    def say(self, order: Say) -> None:
        """Begin an utterance."""
        self.first_audio_at = 0.0
        self.speaking.say(order.speech, order.text, order.language, final=order.final)

    def say_more(self, order: SayMore) -> None:
        """Append to the running utterance."""
        self.speaking.more(order.speech, order.text, final=order.final)

    def stop_speaking(self, speech: int) -> None:
        """Fall silent at once."""
        self.speaking.stop(speech)

    def begin_again(self) -> None:
        """Say the running utterance from its beginning: what was sent so far reached nobody."""
        self.speaking.again()

    def expect(self, phrases: Phrases, language: str) -> None:
        """Tune the ear."""
        self.hearing.expect(phrases, language)

    async def settle(self) -> None:
        """Wait until what was said has left the buffers on the way: the last word must not be cut."""
        if self.transport is None or self._silent >= SETTLE_FRAMES:
            return
        if self._settled is None:
            self._settled = self._loop.create_future()
        await asyncio.shield(self._settled)

    # --- every 20 ms ---------------------------------------------------------------------------------

    def _kick(self) -> None:
        """Speech is ready and nothing is being said: its first frame goes now, in the next tick's place."""
        if not self._talking and not self._sent_early and self.transport is not None:
            self._sent_early = True
            self._send(self.speaking.next_frame())

    def _tick(self, now: float) -> None:
        if self.transport is None:
            return
        self.transport.tick(now)
        if self._sent_early:
            self._sent_early = False
        else:
            self._send(self.speaking.next_frame())

    def _send(self, frame: bytes | None) -> None:
        opens = frame is not None and not self._talking
        self._talking = frame is not None
        self.hearing.endpointer.talking = self._talking
        if opens:
            self.first_audio_at = self._loop.time()
        self._count_silence()
        if self.transport is not None:
            self.transport.send(frame or SILENCE, marker=opens)
        if self._recorder is not None:
            self._recorder.write(self._caller, frame or SILENCE)
            self._caller = SILENCE

    def _count_silence(self) -> None:
        self._silent = 0 if self._talking else self._silent + 1
        if self._settled is not None and self._silent >= SETTLE_FRAMES:
            self._settled.set_result(None)
            self._settled = None

    async def close(self) -> None:
        """Release the transport, the ear, the voice and the recorder."""
        self._slot.remove()
        if self._settled is not None:
            self._settled.cancel()
        await self.speaking.close()
        await self.hearing.close()
        await self.detach()
        if self._recorder is not None:
            await self._recorder.close()
