"""From packets as they come to frames in order, pure: time is an argument, in seconds.

Rule 1: a packet in its turn passes at once; nothing waits when nothing is missing.
Rule 2: one that came too early waits 60 ms for the missing ones; then these are concealed, and it passes.
Rule 3: time downstream never stops. When nothing comes, silence fills the frames' places from 60 ms on.
Rule 4: one stream at a time. Another SSRC must show that it has taken over before it is heard.
"""

from __future__ import annotations

from media.pcm import Framer, fade
from media.ports import FRAME_BYTES, FRAME_MS, SILENCE, FrameSink, TransportStats

FRAME_S = FRAME_MS / 1000
CONCEAL_MOST = 5  # frames; a longer hole among packets that flow is a jump in numbering, not lost time
PATIENCE_S = 0.060  # how long a hole may stay open: three frames, more than a LAN reorders
RESYNC_AHEAD = 50  # packets: a second; more is another numbering
RESYNC_BEHIND = 25  # packets: a repeat or a straggler is never half a second old
TAKEOVER_SILENCE_S = 0.5
TAKEOVER_PACKETS = 3
_EPSILON_S = 1e-6


class SilenceFill:
    """Tells how many frames of silence keep time going where no frame came."""

    __slots__ = ("_due", "filled")

    def __init__(self) -> None:
        self._due: float | None = None  # when the next frame should have come
        self.filled = 0  # frames missing since the last that came

    def heard(self, now: float, pcm_bytes: int) -> None:
        """So much audio came; as much again will take as long to come."""
        self._due = now + FRAME_S * pcm_bytes / FRAME_BYTES
        self.filled = 0

    def missing(self, now: float) -> int:
        """Frames to fill in now: none until 60 ms after the last, then those of that time, then singly."""
        if self._due is None:
            self._due = now + FRAME_S
        patience = 0.0 if self.filled else PATIENCE_S - FRAME_S
        if now + _EPSILON_S < self._due + patience:
            return 0
        # A stall of our own is no silence of the caller: the packets of that time still lie in the socket.
        self._due = max(self._due, now - PATIENCE_S)
        frames = int((now + _EPSILON_S - self._due) / FRAME_S) + 1
        self._due += frames * FRAME_S
        self.filled += frames
        return frames


class JitterBuffer:
    """Gives the frames of one RTP stream to `sink`, and counts in `stats` what was lost, late or foreign."""

    def __init__(self, sink: FrameSink, stats: TransportStats) -> None:
        self._sink = sink
        self._stats = stats
        self._fill = SilenceFill()
        self._framer = Framer()
        self._ssrc: int | None = None
        self._next = 0
        self._heard_at = 0.0
        self._waiting: dict[int, bytes] = {}
        self._hole_at = 0.0  # since when the packet `_next` is missed
        self._last = SILENCE  # the last real frame, to conceal with
        self._packet_bytes = FRAME_BYTES
        self._rival = (0, 0, 0)  # a foreign stream: its SSRC, its next sequence, packets in a row
        self._jump: int | None = None  # the sequence that would confirm a new numbering

    def put(self, ssrc: int, sequence: int, pcm: bytes, now: float) -> None:
        """Take one packet: its audio as little-endian PCM, usually 640 bytes."""
        if ssrc != self._ssrc and not self._take_over(ssrc, sequence, now):
            self._stats.bad += 1
            return
        self._heard_at = now
        ahead = (sequence - self._next) & 0xFFFF
        if ahead and not self._find_place(ahead, sequence, pcm, now):
            return
        self._pass(sequence, pcm, now)
        if self._waiting:
            self._pass_waiting(now)

    def tick(self, now: float) -> None:
        """Let time pass, every 20 ms or so: give up on a missing packet, fill silence."""
        if self._waiting:
            if now - self._hole_at + _EPSILON_S >= PATIENCE_S:
                self._conceal()
                self._pass_waiting(now)
        elif frames := self._fill.missing(now):
            self._pass_rest()
            for _ in range(frames):
                self._sink(SILENCE, False)

    def _find_place(self, ahead: int, sequence: int, pcm: bytes, now: float) -> bool:
        """Whether a packet out of turn passes now. A straggler is counted, an early one kept waiting."""
        behind = 0x10000 - ahead
        if ahead > RESYNC_AHEAD and behind > RESYNC_BEHIND:
            return self._resync(sequence)
        self._jump = None
        if behind <= RESYNC_BEHIND or sequence in self._waiting:
            self._stats.late += 1
            return False
        if self._fill.filled:
            # Silence has taken their places already: concealing them now would make time run twice.
            self._stats.lost += ahead
            return True
        if not self._waiting:
            self._hole_at = now
        self._waiting[sequence] = pcm
        return False

    def _resync(self, sequence: int) -> bool:
        """Follow a jump once a second packet confirms it (RFC 3550, A.1)."""
        if sequence != self._jump:
            self._jump = sequence + 1 & 0xFFFF
            self._stats.bad += 1
            return False
        self._waiting.clear()
        self._jump = None
        return True

    def _take_over(self, ssrc: int, sequence: int, now: float) -> bool:
        """Whether the stream is another one from this packet on."""
        rival, expected, packets = self._rival
        packets = packets + 1 if (rival, expected) == (ssrc, sequence) else 1
        self._rival = (ssrc, sequence + 1 & 0xFFFF, packets)
        silent = self._ssrc is None or now - self._heard_at > TAKEOVER_SILENCE_S
        if not silent and packets < TAKEOVER_PACKETS:
            return False
        self._ssrc, self._next = ssrc, sequence
        self._waiting.clear()
        self._jump = None
        return True

    def _pass(self, sequence: int, pcm: bytes, now: float) -> None:
        """Give one packet's audio downstream."""
        self._next = sequence + 1 & 0xFFFF
        self._packet_bytes = len(pcm)
        if pcm:
            self._fill.heard(now, len(pcm))
        for frame in self._framer.cut(pcm):
            self._stats.received += 1
            self._last = frame
            self._sink(frame, True)

    def _pass_waiting(self, now: float) -> None:
        """Give what waited, up to the next hole; the patience for that one begins now."""
        while (pcm := self._waiting.pop(self._next, None)) is not None:
            self._pass(self._next, pcm, now)
        self._hole_at = now

    def _conceal(self) -> None:
        """Fill the hole before the first waiting packet."""
        missing = min((sequence - self._next) & 0xFFFF for sequence in self._waiting)
        self._next = self._next + missing & 0xFFFF
        self._pass_rest()
        frames = round(missing * self._packet_bytes / FRAME_BYTES)
        self._stats.lost += frames
        for frame in self._substitutes()[:frames]:
            self._sink(frame, False)

    def _substitutes(self) -> list[bytes]:
        """What stands in for a lost stretch: the last frame, dying away, then silence."""
        dying = [fade(self._last, 1.0, 0.5), fade(self._last, 0.5, 0.0)]
        return dying + [SILENCE] * (CONCEAL_MOST - len(dying))

    def _pass_rest(self) -> None:
        """Give an unfinished frame as far as it goes: its other part is lost."""
        if rest := self._framer.pad():
            self._sink(rest, True)
