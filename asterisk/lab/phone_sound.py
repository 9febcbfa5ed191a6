"""Telephone sound: its samples, its level, its pitch, and which of its samples one can hear. Pure.

Samples are int16 mono at 8 kHz; levels are dB below full scale, where a full-scale square wave is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE = 8000
FRAME_SAMPLES = 160
FRAME_S = FRAME_SAMPLES / RATE
SILENCE: Samples = np.zeros(FRAME_SAMPLES, np.int16)

QUIETEST_DBFS = -96.0  # what digital silence is called: below the last bit of 16
BLOCK = 40  # 5 ms: short enough to place an onset, long enough that one stray sample is not speech


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples without holes, the first of them at `start_s`."""

    start_s: float
    samples: Samples

    @property
    def rms_dbfs(self) -> float:
        """Its mean level; a full-scale square wave is 0, digital silence `QUIETEST_DBFS`."""
        return rms_dbfs(self.samples)

    @property
    def pitch_hz(self) -> float:
        """The strongest frequency of a tone: within 1 Hz from 200 ms on. 0 for silence."""
        return pitch_hz(self.samples)


def rms_dbfs(samples: Samples) -> float:
    """The level of some samples in dB below full scale."""
    if not samples.size:
        return QUIETEST_DBFS
    mean_square = float(np.mean(np.square(samples.astype(np.float32))))
    return max(QUIETEST_DBFS, 10 * math.log10(mean_square / 32768**2)) if mean_square else QUIETEST_DBFS


def pitch_hz(samples: Samples) -> float:
    """The frequency of the highest peak of the spectrum, between its bins by a parabola."""
    if not samples.any():
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size), n=4 * samples.size))
    peak = int(np.clip(np.argmax(spectrum), 1, spectrum.size - 2))
    left, top, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-9)
    bend = left - 2 * top + right
    offset = 0.5 * (left - right) / bend if bend else 0.0
    return float((peak + offset) * RATE / (4 * samples.size))


def block_levels(samples: Samples) -> NDArray[np.float64]:
    """The level of every 5 ms; a shorter rest is measured as it is."""
    starts = np.arange(0, samples.size, BLOCK)
    if not starts.size:
        return np.empty(0)
    sums = np.add.reduceat(np.square(samples.astype(np.float64)), starts)
    sizes = np.diff(np.append(starts, samples.size))
    return np.asarray(10 * np.log10(np.maximum(sums / sizes / 32768**2, 10 ** (QUIETEST_DBFS / 10))))


def audible(samples: Samples, threshold_dbfs: float) -> list[tuple[int, int]]:
    """The first and last loud sample of every 5 ms that are audible."""
    loud = np.abs(samples.astype(np.int32)) >= 32768 * 10 ** (threshold_dbfs / 20)
    found: list[tuple[int, int]] = []
    for block in np.flatnonzero(block_levels(samples) >= threshold_dbfs):
        inside = np.flatnonzero(loud[block * BLOCK : (block + 1) * BLOCK]) + block * BLOCK
        if inside.size:
            found.append((int(inside[0]), int(inside[-1])))
    return found
