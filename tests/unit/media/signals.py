"""Deterministic sounds for the tests of the ears: no file, no speech engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.ports import FRAME_BYTES, RATE


def voice(seconds: float) -> NDArray[np.int16]:
    """A babbling voice: harmonics of a gliding pitch under gliding formants; two syllables a second.

    It speaks for 1.3 s of every 2 s.
    """
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.9 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first = 500 + 250 * np.sin(2 * np.pi * 1.7 * t)
    second = 1500 + 600 * np.sin(2 * np.pi * 1.1 * t + 1)
    sound = np.zeros_like(t)
    for k in range(1, 26):
        f = k * pitch
        gain = 1 / (1 + ((f - first) / 90) ** 2)
        gain += 0.6 / (1 + ((f - second) / 120) ** 2) + 0.2 / (1 + ((f - 2600) / 160) ** 2)
        sound += gain * np.sin(k * phase)
    sound *= np.clip(np.sin(2 * np.pi * 2 * t), 0, None) ** 0.5 * (t % 2 < 1.3)
    return np.asarray(sound / np.abs(sound).max() * 9000, dtype="<i2")


def noise(seconds: float, amplitude: float, seed: int = 1) -> NDArray[np.int16]:
    """White noise of this RMS amplitude (32768 is full scale)."""
    samples = np.random.default_rng(seed).normal(0, amplitude, int(seconds * RATE))
    return np.clip(samples, -32768, 32767).astype("<i2")


def frames(samples: NDArray[np.int16]) -> list[bytes]:
    """Whole frames of 20 ms."""
    pcm = samples.tobytes()
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]
