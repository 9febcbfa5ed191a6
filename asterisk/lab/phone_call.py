"""One call of a phone: what a person does with it (says, hears, presses, hangs up), and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asterisk.lab import voice as voices
from asterisk.lab.heard import Recording, Track, latency_ms
from asterisk.lab.phone_line import Line
from asterisk.lab.phone_sound import FRAME_S, FRAME_SAMPLES, SILENCE, Samples
from callflow.errors import AriRefused, ChannelGone

UNKNOWN, NORMAL, BUSY, NO_ANSWER, ABSENT, REJECTED = 1, 16, 17, 19, 20, 21
"""Causes of ITU-T Q.850; a phone refuses a call with them as SIP 404, 603, 486, 480, 480 and 403."""


IDLE_TURNS = 50
"""How often an idle line is kept up, in turns of 20 ms: AudioSocket ends one that is quiet for 2 s."""


class Switch(Protocol):
    """What a call asks of the phones' Asterisk."""

    async def hang_up(self, call: PhoneCall, cause: int) -> None:
        """End the call's channel."""

    async def answer(self, call: PhoneCall) -> None:
        """Take an incoming call."""

    async def press(self, call: PhoneCall, digit: str, duration_ms: int) -> None:
        """Send one DTMF digit."""

    async def read(self, call: PhoneCall, variable: str) -> str:
        """A channel variable or function."""


class PhoneCall:
    """A call made or received. All times are `time.monotonic()` seconds.

    A word leaves the mouth 20 ms before its packet is sent (a phone must fill the packet first) and reaches
    the ear when its packet comes, so a latency measured here is from mouth to ear.
    """

    def __init__(self, switch: Switch, call_id: str, *, caller: str, number: str) -> None:
        self._switch = switch
        self.id = call_id
        self.channel = ""
        self.caller = caller
        self.caller_name = ""
        self.number = number
        self.heard, self.said = Track(), Track()
        self.placed_at = time.monotonic()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.cause: int | None = None
        """Why it ended (Q.850: 16 normal, 17 busy, 19 no answer); None until then."""
        self.stops_sending = False
        """True: between words nothing is sent at all, as by phones with silence suppression. May be set."""
        self._line: Line | None = None
        self._outbox: deque[tuple[Samples, asyncio.Future[None] | None]] = deque()
        self._talking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._turn_s = -math.inf

    # --- what a person does -------------------------------------------------------------------------------

    async def says(self, text: str, voice: str = "slt") -> None:
        """Speak a line now; returns when its last sample was sent. Raises `ChannelGone` if the call ends."""
        await self.plays(await asyncio.to_thread(voices.line, text, voice))

    async def plays(self, samples: Samples) -> None:
        """Send samples (int16, 8 kHz) now; returns when the last was sent. Raises `ChannelGone`."""
        self._require_line()
        frames = _frames(samples)
        sent = asyncio.get_running_loop().create_future()
        self._outbox.extend((frame, None) for frame in frames[:-1])
        self._outbox.append((frames[-1], sent))
        await sent
        self._turn_s = self.last_spoke_end or self._turn_s

    async def press(self, digits: str, *, duration_ms: int = 120) -> None:
        """Press keys one after the other: DTMF by RFC 4733; returns when the last was let go."""
        self._require_line()
        for digit in digits:
            await self._switch.press(self, digit, duration_ms)
            await asyncio.sleep((duration_ms + 80) / 1000)  # how long a finger takes, and lets go
        self._turn_s = time.monotonic()

    async def answer(self) -> None:
        """Take this incoming call; returns when it is up."""
        await self._switch.answer(self)
        await self.answered(5)

    async def decline(self, cause: int = BUSY) -> None:
        """Refuse this incoming call: SIP 486."""
        await self._end(cause)

    async def hang_up(self) -> None:
        """Hang up; returns when the call is over. Nothing happens if it is already."""
        await self._end(NORMAL)

    async def header(self, name: str) -> str:
        """A SIP header of this incoming call's INVITE, or empty; ask while the call is up."""
        try:
            return await self._switch.read(self, f"PJSIP_HEADER(read,{name})")
        except AriRefused:
            return ""

    # --- what a person notices ----------------------------------------------------------------------------

    async def answered(self, timeout_s: float = 20) -> float:
        """Wait until the call is up; returns when that was. Raises `ChannelGone` if it ends before."""
        async with asyncio.timeout(timeout_s):
            while self.answered_at is None:
                self._require_life()
                await self._change()
        return self.answered_at

    async def hears_speech(self, timeout_s: float = 5, *, since_s: float | None = None) -> float:
        """Wait for something audible; returns when its first sample came.

        Counts from `since_s`, by default from the end of our own last words or keys, so a reply that came
        before this was asked is found too. Raises `TimeoutError`, or `ChannelGone` if the call ends.
        """
        since_s = self._turn_s if since_s is None else since_s
        async with asyncio.timeout(timeout_s):
            while (first_s := self.heard.first_audible(since_s)) is None:
                self._require_life()
                await self._change()
        return first_s

    async def hears_silence(
        self, after_s: float = 0.6, timeout_s: float = 20, *, since_s: float | None = None
    ) -> float:
        """Wait until the other side has spoken and then been silent for `after_s`; returns when it stopped.

        Counts from `since_s`, by default from the end of our own last words or keys. The clock decides, not
        packets: a stream that stops is silent. Raises like `hears_speech`.
        """
        since_s = self._turn_s if since_s is None else since_s
        async with asyncio.timeout(timeout_s):
            while True:
                last_s = self.heard.last_audible(since_s)
                left_s = math.inf if last_s is None else last_s + after_s - time.monotonic()
                if last_s is not None and left_s <= 0:
                    return last_s
                self._require_life()
                await self._change(left_s)

    async def hung_up(self, timeout_s: float = 5) -> float:
        """Wait until the call is over, whoever ended it; returns when that was. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while self.ended_at is None or self.cause is None:
                await self._change()
        return self.ended_at

    @property
    def up(self) -> bool:
        """Whether the call is answered and not over."""
        return self.answered_at is not None and self.ended_at is None

    @property
    def last_spoke_end(self) -> float | None:
        """When the last audible sample of our own left the mouth."""
        return self.said.last_audible()

    @property
    def latency_ms(self) -> float | None:
        """From the end of our last words to the first sound after it, as the caller hears it."""
        return latency_ms(self.said, self.heard)

    def recording(self) -> Recording:
        """What was said and heard so far, on one clock."""
        return Recording.of(self.said, self.heard)

    # --- what the exchange and the line tell --------------------------------------------------------------

    def line_opened(self, line: Line) -> None:
        """The call is up and its audio connected: talk from now on, silence if nothing else."""
        if self.ended_at is not None:  # it was over before its sound came
            line.close()
            return
        self._line = line
        self.answered_at = time.monotonic()
        self._talking = asyncio.create_task(self._talk(line), name=f"phone {self.caller}>{self.number} talks")
        self._changed.set()

    def line_heard(self, at_s: float, samples: Samples) -> None:
        """A packet came."""
        self.heard.add(at_s, samples)
        self._changed.set()

    def line_closed(self, at_s: float) -> None:
        """The audio ended, and with it the call."""
        self._over(at_s)

    def channel_ended(self, at_s: float, cause: int) -> None:
        """The channel is gone."""
        self.cause = cause
        self._over(at_s)

    # --- inside -------------------------------------------------------------------------------------------

    def _over(self, at_s: float) -> None:
        if self.ended_at is None:
            self.ended_at = at_s
            if self._talking is not None:
                self._talking.cancel()
            for _, sent in self._outbox:
                if sent is not None and not sent.done():
                    sent.set_exception(self._gone())
            self._outbox.clear()
        self._changed.set()

    async def _talk(self, line: Line) -> None:
        """A frame every 20 ms by an absolute deadline: a late one never delays those after it."""
        deadline = time.monotonic()
        for turn in count():
            if self._outbox or not self.stops_sending:
                self._send(line, *(self._outbox.popleft() if self._outbox else (SILENCE, None)))
            elif turn % IDLE_TURNS == 0:
                line.keep_up()
            deadline += FRAME_S
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))

    def _send(self, line: Line, samples: Samples, sent: asyncio.Future[None] | None) -> None:
        line.send(samples)
        self.said.add(time.monotonic() - FRAME_S, samples)
        if sent is not None and not sent.done():
            sent.set_result(None)

    async def _end(self, cause: int) -> None:
        with contextlib.suppress(AriRefused):  # the other side was faster
            if self.ended_at is None:
                await self._switch.hang_up(self, cause)
        await self.hung_up()

    async def _change(self, within_s: float = math.inf) -> None:
        """Wait until anything happens on this call, at most so long."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(within_s) else within_s):
                await self._changed.wait()

    def _require_life(self) -> None:
        if self.ended_at is not None:
            raise self._gone()

    def _require_line(self) -> None:
        self._require_life()
        if self._line is None:
            raise ChannelGone(f"the call from {self.caller} to {self.number} is not answered yet")

    def _gone(self) -> ChannelGone:
        return ChannelGone(f"the call from {self.caller} to {self.number} is over, cause {self.cause}")


def _frames(samples: Samples) -> NDArray[np.int16]:
    """Rows of 160 samples. At least one zero follows the last sample: a frame of silence pushes out what
    Asterisk may have kept back of it."""
    rest = FRAME_SAMPLES - samples.size % FRAME_SAMPLES
    padded = np.concatenate((samples, np.zeros(rest + FRAME_SAMPLES, np.int16)))
    return padded.reshape(-1, FRAME_SAMPLES)
