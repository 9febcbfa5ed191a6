"""The cheap judge before the network: is a frame louder than the line's own noise, and shaped like speech?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import webrtcvad

from media.ports import FRAME_MS, FRAME_SAMPLES, RATE

LOWEST_DB = -65.0  # no line is quieter than this, but for digital silence
MARGIN_DB = 5.0  # of steady noise the least of 50 frames lies lies ~2 dB under the mean
_FLOOR_FRAMES = 1000 // FRAME_MS


class Gate:
    """One call's gate. Time is the count of frames.

    The line's own noise is the least level of the last one to two seconds: speech has a pause or a closure in
    every second, and steady noise has nothing else. For the first second any level above the lowest is loud.
    """

    def __init__(self) -> None:
        self._shape = webrtcvad.Vad(2)
        self._least = self._least_before = LOWEST_DB
        self._frames = 0

    def hears(self, frame: bytes, level_db: float, real: bool) -> bool:
        """Judge one 20 ms frame of this level; an unreal frame (concealed or filled) teaches no noise."""
        if real:
            self._learn(level_db)
        shaped = self._shape.is_speech(frame, RATE)  # always asked: it follows the noise itself
        return shaped and level_db > min(self._least, self._least_before) + MARGIN_DB

    def _learn(self, level_db: float) -> None:
        if self._frames == _FLOOR_FRAMES:
            self._least, self._least_before, self._frames = level_db, self._least, 0
        self._frames += 1
        self._least = max(min(self._least, level_db), LOWEST_DB)


def levels_db(frames: Sequence[bytes]) -> list[float]:
    """The level of each frame of 320 samples in dB under full scale (a square wave); silence is -90.3."""
    samples = np.frombuffer(b"".join(frames), dtype="<i2").reshape(-1, FRAME_SAMPLES).astype(np.float32)
    power = np.einsum("ij,ij->i", samples, samples) / FRAME_SAMPLES
    levels: list[float] = (10 * np.log10(np.maximum(power, 1.0)) - 20 * np.log10(32768.0)).tolist()
    return levels
