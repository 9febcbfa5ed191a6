"""Changing the sample rate of a stream; state is kept from chunk to chunk, so there are no edges.

Two ways, for two needs:

* `Halver` and `Doubler` (16 kHz ↔ 8 kHz) are for live audio: a half-band filter of 71 taps that gives exactly
  half or twice what it takes, 2.2 ms later. Flat to 3.4 kHz, 70 dB and more down from 4.6 kHz.
* `Resampler` (soxr, HQ) is for any two rates and the best quality, where delay does not matter: it holds back
  up to 100 ms and gives it out in lumps, which a live call would hear as a later answer.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from media.ports import SILENCE

_SIDE = 18  # taps on each side of the middle one; they stand at odd distances, the even ones are zero
_TAPS = 2 * _SIDE
_LITTLE, _BIG = np.dtype("<i2"), np.dtype(">i2")
_LOW, _HIGH = np.float32(-32768), np.float32(32767)


def _half_band() -> NDArray[np.float32]:
    """Taps at odd distances −35…35 of an ideal quarter-rate low-pass under a Kaiser window; they sum to 1."""
    distance = np.arange(1 - _TAPS, _TAPS, 2)
    taps = np.sin(np.pi * distance / 2) / (np.pi * distance) * np.kaiser(2 * _TAPS - 1, 7.0)[::2]
    return np.asarray(taps / taps.sum(), np.float32)


_ODD_TAPS = _half_band()  # the middle tap is 1 beside these


class _Window:
    """The newest samples behind the last ones of the chunk before, as floats times `gain`, in one array."""

    def __init__(self, past: int, gain: float) -> None:
        self._past = past
        self._gain = np.float32(gain)
        self._samples = np.zeros(past, np.float32)

    def push(self, pcm: bytes) -> NDArray[np.float32]:
        """Past and new samples; the array is good until the next push."""
        new = np.frombuffer(pcm, _LITTLE)
        last = self._samples[-self._past :]
        if len(self._samples) != self._past + len(new):
            self._samples = np.empty(self._past + len(new), np.float32)
        self._samples[: self._past] = last
        np.multiply(new, self._gain, out=self._samples[self._past :])
        return self._samples

    def clear(self) -> None:
        """Forget the past."""
        self._samples[:] = 0


def _to_int16(samples: NDArray[np.float32], order: np.dtype[np.int16]) -> bytes:
    """Clip in place and round; the bytes in one byte order."""
    samples.clip(_LOW, _HIGH, out=samples)
    rounded = np.empty(len(samples), order)
    np.rint(samples, out=rounded, casting="unsafe")
    return rounded.tobytes()


class Halver:
    """16 kHz to 8 kHz for a live stream: `feed` gives half the bytes it takes, 35 samples (2.2 ms) late.

    `order` is the byte order of what comes out: `<` little-endian, `>` big-endian as RTP wants it.
    """

    def __init__(self, order: Literal["<", ">"] = "<") -> None:
        self._order = _BIG if order == ">" else _LITTLE
        self._window = _Window(past=2 * _TAPS - 2, gain=0.5)
        self._rest = b""
        self._quiet = True  # the window holds nothing but zeros

    def feed(self, pcm: bytes) -> bytes:
        """Take 16-bit little-endian PCM of any length; an odd sample waits for the next chunk."""
        pcm = self._pairs(pcm)
        silent = pcm == SILENCE
        if not pcm or (silent and self._quiet):
            return bytes(len(pcm) // 2)
        self._quiet = silent
        samples = self._window.push(pcm)
        halved = np.correlate(samples[::2], _ODD_TAPS)
        halved += samples[_TAPS - 1 : 1 - _TAPS : 2]
        return _to_int16(halved, self._order)

    def flush(self) -> bytes:
        """What the filter still holds back; then it is as new."""
        tail = self.feed(bytes(4 * _SIDE))
        self._window.clear()
        self._rest, self._quiet = b"", True
        return tail

    def _pairs(self, pcm: bytes) -> bytes:
        """Whole pairs of samples only: an odd one waits."""
        if not self._rest and not len(pcm) % 4:
            return pcm
        pcm = self._rest + pcm
        whole = len(pcm) & ~3
        self._rest = pcm[whole:]
        return pcm[:whole]


class Doubler:
    """8 kHz to 16 kHz for a live stream: `feed` gives twice the bytes it takes, 35 samples (2.2 ms) late."""

    def __init__(self) -> None:
        self._window = _Window(past=_TAPS - 1, gain=1.0)
        self._rest = b""

    def feed(self, pcm: bytes) -> bytes:
        """Take 16-bit little-endian PCM of any length; half a sample waits for the next chunk."""
        pcm = self._rest + pcm
        whole = len(pcm) & ~1
        self._rest = pcm[whole:]
        if not whole:
            return b""
        samples = self._window.push(pcm[:whole])
        doubled = np.empty(whole, np.float32)
        doubled[::2] = np.correlate(samples, _ODD_TAPS)
        doubled[1::2] = samples[_SIDE : 1 - _SIDE]
        return _to_int16(doubled, _LITTLE)

    def flush(self) -> bytes:
        """What the filter still holds back; then it is as new."""
        tail = self.feed(bytes(2 * _SIDE))
        self._window.clear()
        self._rest = b""
        return tail


class Resampler:
    """Any rate to any rate by soxr's HQ filter: synthesised and stored speech."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self._stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="int16", quality="HQ")
        self._rest = b""

    def feed(self, pcm: bytes) -> bytes:
        """Take 16-bit little-endian PCM of any length; what comes out may be nothing, or much."""
        pcm = self._rest + pcm
        whole = len(pcm) & ~1
        self._rest = pcm[whole:]
        return self._chunk(pcm[:whole], last=False) if whole else b""

    def flush(self) -> bytes:
        """The end of the stream: all that was held back. Then it takes a new stream."""
        tail = self._chunk(b"", last=True)
        self._stream.clear()
        self._rest = b""
        return tail

    def _chunk(self, pcm: bytes, last: bool) -> bytes:
        samples: NDArray[np.int16] = self._stream.resample_chunk(np.frombuffer(pcm, _LITTLE), last=last)
        return samples.astype(_LITTLE, copy=False).tobytes()
