"""How evenly packets arrive: each against the call's own grid of 20 ms. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.020
LATE_S = 0.010
Floats = NDArray[np.float64]


def deviations(times: Floats, sequences: NDArray[np.uint16]) -> Floats:
    """Seconds by which each packet of one call came after its place; negative: before it.

    The place of packet n is `n * 20 ms` after a start for which the median packet is on time. `sequences` are
    RTP's, in order of arrival, and may wrap; a packet that is lost leaves its place empty.
    """
    if not len(times):
        return np.empty(0)
    places = np.unwrap(sequences.astype(np.float64), period=0x10000)
    offsets = times - places * FRAME_S
    return np.asarray(offsets - np.median(offsets))


@dataclass(frozen=True, slots=True)
class Jitter:
    """The deviations of all packets of all calls together."""

    packets: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    late_ratio: float
    """The share that came more than 10 ms after its place."""

    @classmethod
    def of(cls, found: list[Floats]) -> Jitter:
        """From the deviations of each call. All zero when nothing came."""
        every = np.concatenate(found) if found else np.empty(0)
        if not len(every):
            return cls(0, 0.0, 0.0, 0.0, 0.0)
        p50, p99, most = (float(q) * 1000 for q in np.quantile(np.abs(every), (0.5, 0.99, 1.0)))
        return cls(len(every), p50, p99, most, float(np.mean(every > LATE_S)))
