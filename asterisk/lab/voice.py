"""Callers' lines, synthesised once and kept: int16 mono at 8 kHz, trimmed so that timing is exact.

Voices `slt` and `rms` (and `kal`, `awb`) are flite's English ones; any other name is a language of eSpeak NG
(`uk`, `ru`, `en`). Where flite is missing its voices fall back to eSpeak's English.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import wave
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from asterisk.lab.phone_sound import RATE, Samples
from callflow.errors import ProviderRefused

FLITE_VOICES = frozenset({"slt", "rms", "kal", "awb"})
ESPEAK_WORDS_PER_MINUTE = 160
PEAK = 16_384  # -6 dBFS: loud as a caller near the receiver, and no clipping in G.711
AUDIBLE = 328  # -40 dBFS: what is quieter at either end is trimmed


@lru_cache(maxsize=256)
def line(text: str, voice: str = "slt") -> Samples:
    """The samples of a spoken line: read from the cache directory, or synthesised (some 50 ms) and kept.

    Blocks; await it in a thread. Raises `ProviderRefused` where no engine is installed or it says nothing.
    """
    kept = _cache_directory() / f"{_digest(text, voice)}.npy"
    if not kept.exists():
        _keep(kept, _trimmed(_synthesised(text, voice)))
    samples: Samples = np.load(kept)
    samples.flags.writeable = False
    return samples


def _cache_directory() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "callflow" / "voice"


def _digest(text: str, voice: str) -> str:
    engine = Path(_command(text, voice, Path("out.wav"))[0]).name
    made_by = f"{engine} {voice} {RATE} {PEAK} {AUDIBLE} {text}"
    return hashlib.sha256(made_by.encode()).hexdigest()


def _keep(path: Path, samples: Samples) -> None:
    """Write beside and rename: another process may want the same line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        np.save(part, samples)
    Path(part.name).replace(path)


def _command(text: str, voice: str, out: Path) -> list[str]:
    flite, espeak = shutil.which("flite"), shutil.which("espeak-ng")
    if flite and voice in FLITE_VOICES:
        return [flite, "-voice", voice, "-t", text, "-o", str(out)]
    if espeak:
        language = "en" if voice in FLITE_VOICES else voice
        return [espeak, "-v", language, "-s", str(ESPEAK_WORDS_PER_MINUTE), "-w", str(out), "--", text]
    raise ProviderRefused(f"no engine for the caller's voice {voice!r}: install flite and espeak-ng")


def _synthesised(text: str, voice: str) -> Samples:
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "line.wav"
        done = subprocess.run(_command(text, voice, out), capture_output=True, text=True, check=False)
        if done.returncode or not out.exists():
            raise ProviderRefused(f"voice {voice!r} cannot say {text!r}: {done.stderr.strip()}")
        with wave.open(str(out), "rb") as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return _resampled(samples.astype(np.float32), rate)


def _resampled(samples: NDArray[np.float32], rate: int) -> Samples:
    """Whole line at once, then to a common peak."""
    narrow = np.asarray(soxr.resample(samples, rate, RATE, quality="HQ"), np.float32)
    peak = float(np.abs(narrow).max(initial=0.0))
    return np.round(narrow * (PEAK / peak if peak else 0.0)).astype(np.int16)


def _trimmed(samples: Samples) -> Samples:
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) >= AUDIBLE)
    if not audible.size:
        raise ProviderRefused("the engine gave nothing audible: is the line empty?")
    return samples[audible[0] : audible[-1] + 1]
