"""The one clock of all calls: each call is served every 20 ms, by deadlines counted from the start.

A deadline is `start + n * 5 ms`, never "now plus something": so a late wake-up delays one frame and not all
that follow. Calls are spread over four sub-ticks, so a quarter of them is served at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from media.ports import FRAME_MS

SUBTICKS = 4
SUBTICK_S = FRAME_MS / SUBTICKS / 1000
CATCH_UP_FRAMES = 3
"""After a stall a call is served at most so many times at once; what is older is skipped. Asterisk's own
buffer plays the burst out; all of a long stall would only be heard later and later."""
LATE_S = 0.010
FAILURES_A_LINE = 50  # of one slot, for one line in the log: a second of a call
_EARLY_S = 0.001  # uvloop's timers count whole milliseconds: one of them early is in time

log = structlog.get_logger(__name__)

Callback = Callable[[float], None]
"""Called with the monotonic time in seconds."""


class Schedule:
    """Which sub-ticks are due: arithmetic alone, time is an argument."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._next = 0

    @property
    def next_deadline(self) -> float:
        """When the next sub-tick is due."""
        return self.deadline(self._next)

    def deadline(self, subtick: int) -> float:
        """When a sub-tick is due, counted from the start."""
        return self._start + subtick * SUBTICK_S

    def due(self, now: float) -> tuple[range, range]:
        """The sub-ticks to skip and those to serve now, oldest first; both empty when woken too early.

        Each sub-tick is given once, in one of the two.
        """
        end = max(self._next, int((now + _EARLY_S - self._start) / SUBTICK_S) + 1)
        skipped = range(self._next, max(self._next, end - CATCH_UP_FRAMES * SUBTICKS))
        self._next = end
        return skipped, range(skipped.stop, end)


class Lateness:
    """A histogram of how late calls were served: 0.25 ms a bucket up to 64 ms, the last holds all beyond."""

    _BUCKET_S = 0.00025
    _BUCKETS = 256

    def __init__(self) -> None:
        self._counts = [0] * self._BUCKETS
        self.count = 0
        self.late = 0  # more than 10 ms after the deadline

    def add(self, seconds: float) -> None:
        """Count one service; early is in time."""
        bucket = int(seconds / self._BUCKET_S) if seconds > 0.0 else 0
        self._counts[min(bucket, self._BUCKETS - 1)] += 1
        self.count += 1
        if seconds > LATE_S:
            self.late += 1

    def quantile(self, share: float) -> float:
        """Seconds that `share` (0…1) of all services did not exceed, rounded up to a bucket's edge."""
        wanted, seen = share * self.count, 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return (bucket + 1) * self._BUCKET_S
        return 0.0


@dataclass(frozen=True, slots=True)
class PacingStats:
    """How well calls were served since the ticker began. `skipped` counts frames of calls, not sub-ticks."""

    calls: int
    served: int
    skipped: int
    failed: int
    p50_s: float
    p99_s: float
    late_ratio: float


class Slot:
    """A place on the ticker."""

    __slots__ = ("_home", "callback", "failures")

    def __init__(self, callback: Callback, home: dict[Slot, None]) -> None:
        self.callback = callback
        self.failures = 0
        self._home = home
        home[self] = None

    @property
    def active(self) -> bool:
        """Whether it is still served."""
        return self in self._home

    def remove(self) -> None:
        """Serve it no more, from this very moment on. Safe to call twice."""
        self._home.pop(self, None)


class Ticker:
    """Serves all calls from one timer. Slots may come and go at any time, also from within a callback."""

    def __init__(self) -> None:
        self._subticks: list[dict[Slot, None]] = [{} for _ in range(SUBTICKS)]
        self._every: dict[Slot, None] = {}
        self._lateness = Lateness()
        self._skipped = 0
        self._failed = 0
        self._schedule: Schedule | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def stats(self) -> PacingStats:
        """Counters and quantiles so far."""
        lateness = self._lateness
        return PacingStats(
            calls=sum(map(len, self._subticks)),
            served=lateness.count,
            skipped=self._skipped,
            failed=self._failed,
            p50_s=lateness.quantile(0.5),
            p99_s=lateness.quantile(0.99),
            late_ratio=lateness.late / lateness.count if lateness.count else 0.0,
        )

    def add(self, callback: Callback) -> Slot:
        """Serve a call every 20 ms, on the sub-tick with the fewest calls."""
        return Slot(callback, min(self._subticks, key=len))

    def every_subtick(self, callback: Callback) -> Slot:
        """Call back every 5 ms, after the calls of that sub-tick; once after a stall, however long it was."""
        return Slot(callback, self._every)

    def start(self) -> None:
        """Begin, on the running loop. Starting twice changes nothing."""
        if self._schedule is None:
            self._schedule = Schedule(time.monotonic())
            self._arm(self._schedule)

    def stop(self) -> None:
        """Serve nobody any more; `start` begins anew."""
        if self._timer is not None:
            self._timer.cancel()
        self._schedule = None

    def _arm(self, schedule: Schedule) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(schedule.next_deadline, self._wake, schedule)

    def _wake(self, schedule: Schedule) -> None:
        skipped, due = schedule.due(time.monotonic())
        self._skipped += sum(len(self._subticks[subtick % SUBTICKS]) for subtick in skipped)
        for subtick in due:
            self._serve(self._subticks[subtick % SUBTICKS], schedule.deadline(subtick))
        for slot in tuple(self._every):  # once, also after a stall: what is late is audio, not this
            self._call(slot, time.monotonic())
        if self._schedule is schedule:  # no callback stopped us
            self._arm(schedule)

    def _serve(self, slots: dict[Slot, None], deadline: float) -> None:
        for slot in tuple(slots):
            now = time.monotonic()
            self._lateness.add(now - deadline)
            self._call(slot, now)

    def _call(self, slot: Slot, now: float) -> None:
        """One slot's turn. Its error is its own: the others go on, and the log gets a line a second."""
        if not slot.active:  # removed by one that was served before it
            return
        try:
            slot.callback(now)
        except Exception:
            self._failed += 1
            if slot.failures % FAILURES_A_LINE == 0:
                log.exception("ticker.callback_failed", failures=slot.failures + 1)
            slot.failures += 1
