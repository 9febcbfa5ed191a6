"""What a phone heard or said, measured at sample resolution. Pure: every time is an argument.

Two clocks, on purpose. An *instant* (`first_audible`, `last_audible`) is the arrival of its packet plus the
offset inside it: what a latency is made of, never flattered. A *length* (`gaps`, `audible_ms`, `sound`) is
read where a phone would have played the packets: back to back while they come within 40 ms of their turn
(jitter), at their arrival when they come later than that (a hole the listener hears).

Times are seconds on one monotonic clock.
"""

from __future__ import annotations

import bisect
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from asterisk.lab.phone_sound import (
    QUIETEST_DBFS,
    RATE,
    SILENCE,
    Samples,
    Sound,
    audible,
    block_levels,
    rms_dbfs,
)

JITTER_S = 0.040  # a packet later than this leaves a hole
ABOVE_NOISE_DB = 12.0
THRESHOLD_DBFS = (-46.0, -34.0)  # bounds: silence is not perfect zero, and a steady tone is not its own noise


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds on the monotonic clock."""

    start_s: float
    end_s: float

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return (self.end_s - self.start_s) * 1000


@dataclass(slots=True)
class _Run:
    """Packets without a hole between them. The least delayed of them sets its clock, for all of them."""

    start_s: float
    earliest_s: float
    length_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Frame:
    """One packet: when it came, its place in what is played, its level and that of its loudest 5 ms."""

    at_s: float
    run: _Run
    offset_s: float
    samples: Samples
    level_dbfs: float
    loudest_dbfs: float

    @property
    def played_s(self) -> float:
        """When its first sample is played."""
        return self.run.start_s + self.offset_s

    @property
    def end_s(self) -> float:
        """When its last sample has been played."""
        return self.played_s + self.samples.size / RATE


class Track:
    """One direction of a call, packet by packet in order of arrival."""

    def __init__(self) -> None:
        self._frames: list[_Frame] = []
        self._noise = (0, QUIETEST_DBFS)  # measured over so many frames

    def add(self, at_s: float, samples: Samples) -> None:
        """Append a packet that came (or was sent) at `at_s`; times may not go backwards."""
        if samples is SILENCE:
            level = loudest = QUIETEST_DBFS
        else:
            level, loudest = rms_dbfs(samples), float(np.max(block_levels(samples), initial=QUIETEST_DBFS))
        run = self._run(at_s)
        self._frames.append(_Frame(at_s, run, run.length_s, samples, level, loudest))
        run.length_s += samples.size / RATE

    def _run(self, at_s: float) -> _Run:
        """The run a packet belongs to: a new one after a hole. An early packet moves its run's clock back."""
        run = self._frames[-1].run if self._frames else None
        if run is None or at_s - (run.start_s + run.length_s) > JITTER_S:
            return _Run(at_s, at_s - JITTER_S)
        run.start_s = max(run.earliest_s, min(run.start_s, at_s - run.length_s))
        return run

    def __len__(self) -> int:
        """How many packets there are."""
        return len(self._frames)

    @property
    def started_s(self) -> float | None:
        """When the first packet came."""
        return self._frames[0].at_s if self._frames else None

    @property
    def ended_s(self) -> float | None:
        """When the last packet came."""
        return self._frames[-1].at_s if self._frames else None

    @property
    def noise_dbfs(self) -> float:
        """The noise floor: the level that nine packets of ten exceed; read anew every half second."""
        counted, noise = self._noise
        if len(self._frames) >= counted + 25 or (self._frames and not counted):
            noise = float(np.percentile([frame.level_dbfs for frame in self._frames], 10))
            self._noise = (len(self._frames), noise)
        return noise

    @property
    def threshold_dbfs(self) -> float:
        """From which level on 5 ms are audible: 12 dB over the noise floor, between two fixed bounds."""
        lowest, highest = THRESHOLD_DBFS
        return min(highest, max(lowest, self.noise_dbfs + ABOVE_NOISE_DB))

    def first_audible(self, since_s: float = -math.inf) -> float | None:
        """When the first audible sample after `since_s` came, or None."""
        threshold = self.threshold_dbfs
        for frame in self._frames[self._index(since_s) :]:
            if frame.loudest_dbfs >= threshold:
                for first, _ in audible(frame.samples, threshold):
                    if frame.at_s + first / RATE >= since_s:
                        return frame.at_s + first / RATE
        return None

    def last_audible(self, since_s: float = -math.inf, until_s: float = math.inf) -> float | None:
        """When the last audible sample between two times came, or None."""
        threshold = self.threshold_dbfs
        for frame in reversed(self._frames[self._index(since_s) :]):
            if frame.at_s < until_s and frame.loudest_dbfs >= threshold:
                for _, last in reversed(audible(frame.samples, threshold)):
                    if since_s <= frame.at_s + last / RATE <= until_s:
                        return frame.at_s + last / RATE
        return None

    def spans(
        self, since_s: float = -math.inf, until_s: float = math.inf, *, join_ms: float = 30
    ) -> list[Span]:
        """The audible stretches between two times; pauses up to `join_ms` do not divide one."""
        spans: list[Span] = []
        for start_s, end_s in self._audible_blocks(since_s, until_s):
            if spans and (start_s - spans[-1].end_s) * 1000 <= join_ms:
                spans[-1] = Span(spans[-1].start_s, max(end_s, spans[-1].end_s))
            else:
                spans.append(Span(start_s, end_s))
        return spans

    def gaps(self, over_ms: float, since_s: float = -math.inf, until_s: float = math.inf) -> list[Span]:
        """The silences longer than `over_ms` between two audible stretches: holes, and pauses in speech."""
        spans = self.spans(since_s, until_s, join_ms=over_ms)
        return [Span(before.end_s, after.start_s) for before, after in pairwise(spans)]

    def late(self, over_ms: float, since_s: float = -math.inf, until_s: float = math.inf) -> list[Span]:
        """Where more than `over_ms` passed between the arrivals of two packets, audible or not."""
        times = [frame.at_s for frame in self._frames if since_s <= frame.at_s <= until_s]
        return [Span(a, b) for a, b in pairwise(times) if (b - a) * 1000 > over_ms]

    def audible_ms(self, since_s: float = -math.inf, until_s: float = math.inf) -> float:
        """How much of the time between was audible, pauses of up to 30 ms counted in."""
        return sum(span.ms for span in self.spans(since_s, until_s))

    def longest_silence_s(self, since_s: float, until_s: float) -> float:
        """The longest stretch between two times in which nothing was audible, the ends counted in."""
        edges = [since_s]
        for span in self.spans(since_s, until_s):
            edges += [span.start_s, span.end_s]
        edges.append(until_s)
        return max(edges[i + 1] - edges[i] for i in range(0, len(edges), 2))

    def sound(self, since_s: float | None = None, until_s: float | None = None) -> Sound:
        """The samples between two times as a phone plays them, silence where no packet came."""
        start_s = since_s if since_s is not None else (self._frames[0].played_s if self._frames else 0.0)
        end_s = (
            until_s if until_s is not None else max((frame.end_s for frame in self._frames), default=start_s)
        )
        samples = np.zeros(max(0, round((end_s - start_s) * RATE)), np.int16)
        for frame in self._frames:
            at = round((frame.played_s - start_s) * RATE)
            kept = frame.samples[max(0, -at) : max(0, samples.size - at)]
            samples[max(0, at) : max(0, at) + kept.size] = kept
        return Sound(start_s, samples)

    def _index(self, since_s: float) -> int:
        """The first frame that may hold a sample of `since_s` or later; a packet is up to 60 ms long."""
        return bisect.bisect_left(self._frames, since_s - 0.060, key=lambda frame: frame.at_s)

    def _audible_blocks(self, since_s: float, until_s: float) -> Iterator[tuple[float, float]]:
        threshold = self.threshold_dbfs
        for frame in self._frames:
            if frame.loudest_dbfs >= threshold:
                for first, last in audible(frame.samples, threshold):
                    start_s, end_s = frame.played_s + first / RATE, frame.played_s + (last + 1) / RATE
                    if start_s >= since_s and end_s <= until_s:
                        yield start_s, end_s


def latency_ms(said: Track, heard: Track, since_s: float = -math.inf) -> float | None:
    """From the last audible sample a caller said after `since_s` to the first one heard after it, in ms.

    None while one of the two is missing.
    """
    stopped_s = said.last_audible(since_s)
    reply_s = None if stopped_s is None else heard.first_audible(stopped_s)
    return None if stopped_s is None or reply_s is None else (reply_s - stopped_s) * 1000


@dataclass(frozen=True, slots=True)
class Recording:
    """Both directions of a call on one clock: two arrays of the same length that begin at `start_s`."""

    start_s: float
    said: Samples
    heard: Samples

    @classmethod
    def of(cls, said: Track, heard: Track) -> Recording:
        """Lay two tracks side by side."""
        sounds = [track.sound() for track in (said, heard) if len(track)]
        if not sounds:
            return cls(0.0, SILENCE[:0], SILENCE[:0])
        start_s = min(sound.start_s for sound in sounds)
        end_s = max(sound.start_s + sound.samples.size / RATE for sound in sounds)
        return cls(start_s, said.sound(start_s, end_s).samples, heard.sound(start_s, end_s).samples)

    def save_wav(self, path: Path) -> None:
        """Write a stereo WAV: left what the phone said, right what it heard."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.column_stack((self.said, self.heard)).astype("<i2").tobytes())
