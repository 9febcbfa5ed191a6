"""A caller's line as it comes out of a telephone network: 8 kHz µ-law, with the line's noise."""

from __future__ import annotations

import numpy as np
import soxr

from asterisk.lab.phone_sound import RATE
from asterisk.lab.voice import line
from media import ports
from media.ports import FRAME_BYTES

NOISE = 33  # −60 dBFS, a good line
_MU = 255


def heard(text: str, voice: str, *, before_s: float = 0.3, after_s: float = 0.5) -> list[bytes]:
    """The frames (20 ms at 16 kHz) in which `voice` says `text`, quiet around it."""
    speech = line(text, voice).astype(np.float64) * 0.6
    quiet = [np.zeros(round(seconds * RATE)) for seconds in (before_s, after_s)]
    sound = np.concatenate([quiet[0], speech, quiet[1]])
    sound += np.random.default_rng(1).normal(0, NOISE, len(sound))
    wide = soxr.resample(_through_mu_law(sound), RATE, ports.RATE).astype(np.int16).tobytes()
    return [wide[at : at + FRAME_BYTES] for at in range(0, len(wide) - FRAME_BYTES + 1, FRAME_BYTES)]


def _through_mu_law(
    samples: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What eight bits keep, by the continuous law of G.711."""
    level = np.clip(samples / 32_768, -1, 1)
    code = np.round(np.sign(level) * np.log1p(_MU * np.abs(level)) / np.log1p(_MU) * 127) / 127
    return np.asarray(np.sign(code) * np.expm1(np.abs(code) * np.log1p(_MU)) / _MU * 32_767)
