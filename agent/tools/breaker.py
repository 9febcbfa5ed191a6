"""A circuit breaker. Pure: the clock is an argument.

Closed: all may pass. Five failures in a row open it: nobody passes. After 30 s one may try: its success
closes the breaker, its failure, or its silence, keeps it open for as long again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FAILURES = 5
OPEN_S = 30.0


@dataclass(slots=True)
class Breaker:
    """Ask `allows` before each attempt; report `succeeded` or `failed` after it. `clock` is in seconds."""

    clock: Callable[[], float]
    failures: int = FAILURES
    open_s: float = OPEN_S
    _failed: int = field(default=0, init=False)
    _opened_at: float | None = field(default=None, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the breaker holds attempts back, but for the one that may try."""
        return self._opened_at is not None

    def allows(self) -> bool:
        """Whether an attempt may be made now. While open, only one each `open_s` may."""
        if self._opened_at is None:
            return True
        if self.clock() - self._opened_at < self.open_s:
            return False
        self._opened_at = self.clock()
        return True

    def succeeded(self) -> None:
        """The attempt was answered."""
        self._failed, self._opened_at = 0, None

    def failed(self) -> None:
        """The attempt was not answered."""
        self._failed += 1
        if self._failed >= self.failures:
            self._opened_at = self.clock()
