"""Silero's speech detector as plain numpy, for many calls in one run.

The network (version 6, 16 kHz) judges chunks of 512 samples, each with the 64 samples before it: a
short-time Fourier transform, four convolutions, one LSTM cell, one sigmoid. All but the LSTM looks at its
chunk alone, so chunks of different calls, and successive ones of one call, share their matrix products.

The weights are a file of the wheel `silero-vad` (MIT). The wheel is only looked up, never imported:
importing it would import torch. See docs/decisions/vad.md.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import structlog
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import threadpool_limits

from callflow.errors import SettingsError
from media.onnx import Floats, read_weights

CHUNK_SAMPLES = 512
CONTEXT_SAMPLES = 64
WINDOW_SAMPLES = CONTEXT_SAMPLES + CHUNK_SAMPLES
HIDDEN = 128

_PACKAGE = "silero_vad"
_FILE = "data/silero_vad_16k_op15.onnx"
_INSTALL = "pip install --no-deps --require-hashes -r requirements-nodeps.lock"
_HOP, _FFT = 128, 256
_BINS = _FFT // 2 + 1

_FOURIER = "model.stft.forward_basis_buffer"
_CONVOLUTIONS = [
    (f"model.encoder.{n}.reparam_conv.weight", f"model.encoder.{n}.reparam_conv.bias") for n in range(4)
]
_STRIDES = (1, 2, 2, 1)
_CELL = "model.decoder.rnn."
_LAST = "model.decoder.decoder.2."
SHAPES: dict[str, tuple[int, ...]] = {
    _FOURIER: (2 * _BINS, 1, _FFT),
    _CELL + "weight_ih": (4 * HIDDEN, 128),
    _CELL + "weight_hh": (4 * HIDDEN, HIDDEN),
    _CELL + "bias_ih": (4 * HIDDEN,),
    _CELL + "bias_hh": (4 * HIDDEN,),
    _LAST + "weight": (1, HIDDEN, 1),
    _LAST + "bias": (1,),
}
_KERNELS = ((128, _BINS, 3), (64, 128, 3), (64, 64, 3), (128, 64, 3))
for (_kernel, _bias), _shape in zip(_CONVOLUTIONS, _KERNELS, strict=True):
    SHAPES |= {_kernel: _shape, _bias: _shape[:1]}
"""The weights the network needs: name and shape of each array, as in the wheel's file."""

log = structlog.get_logger(__name__)


class Silero:
    """The network. It holds weights only; the caller keeps each call's memory between chunks.

    `weights` maps the names of the wheel's file to float32 arrays; a missing name or another shape raises
    `ValueError`.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        for name, shape in SHAPES.items():
            if name not in weights or weights[name].shape != shape:
                raise ValueError(f"there is no {name} of the shape {shape}")
        self._fourier = _columns(weights[_FOURIER])
        self._convolutions = [(_columns(weights[kernel]), weights[bias]) for kernel, bias in _CONVOLUTIONS]
        self._input = np.ascontiguousarray(weights[_CELL + "weight_ih"].T)
        self._recurrent = np.ascontiguousarray(weights[_CELL + "weight_hh"].T)
        self._bias = weights[_CELL + "bias_ih"] + weights[_CELL + "bias_hh"]
        self._last = weights[_LAST + "weight"][0, :, 0]
        self._last_bias = weights[_LAST + "bias"]

    def encode(self, windows: Floats) -> Floats:
        """Turn `windows` (n, 576), samples in -1…1, into what drives the LSTM (n, 512).

        Rows are independent: any mixture of calls and of moments.
        """
        layer = self._spectrum(windows)
        for (kernel, bias), stride in zip(self._convolutions, _STRIDES, strict=True):
            layer = _convolve(layer, kernel, bias, stride)
        drive: Floats = layer[:, 0] @ self._input + self._bias
        return drive

    def step(self, drive: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """Advance n calls by one chunk: probabilities (n,) and the new memory (2, n, 128).

        `drive` (n, 512) is from `encode`; `memory` holds the cells' outputs and contents, zeros at first.
        """
        gates = drive + memory[0] @ self._recurrent
        # In the order of the weights: what enters, what stays, the candidate, what leaves.
        enter = _sigmoid(gates[:, :HIDDEN])
        stay = _sigmoid(gates[:, HIDDEN : 2 * HIDDEN])
        candidate = np.tanh(gates[:, 2 * HIDDEN : 3 * HIDDEN])
        leave = _sigmoid(gates[:, 3 * HIDDEN :])
        content = stay * memory[1] + enter * candidate
        output = leave * np.tanh(content)
        probability = _sigmoid(np.maximum(output, 0.0) @ self._last + self._last_bias)
        return probability, np.stack((output, content))

    def _spectrum(self, windows: Floats) -> Floats:
        """Magnitudes (n, 4, 129) of four overlapping frames, the end mirrored by 64 samples."""
        n = len(windows)
        mirrored = windows[:, -2 : -2 - _FFT // 4 : -1]
        padded = np.concatenate((windows, mirrored), axis=1)
        frames = 1 + (padded.shape[1] - _FFT) // _HOP
        step = padded.itemsize
        overlapping = as_strided(padded, (n, frames, _FFT), (padded.strides[0], _HOP * step, step))
        waves = overlapping.reshape(n * frames, _FFT) @ self._fourier
        power = waves[:, :_BINS] ** 2
        power += waves[:, _BINS:] ** 2
        magnitudes: Floats = np.sqrt(power).reshape(n, frames, _BINS)
        return magnitudes


def load() -> Silero | None:
    """Find the installed weights; without them log one warning and return None: the gate then judges alone.

    With them the process's matrix products are held to one thread from here on: they are too small to share,
    and helpers that spin for work cost ten times what they bring (measured), on the ticker's own core.
    Raises `SettingsError` when there is a file and it is damaged or of another network.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _FILE).is_file():
            threadpool_limits(1, user_api="blas")
            return read(path)
    log.warning("vad.silero_missing", next_step=_INSTALL)
    return None


def read(path: Path) -> Silero:
    """The network with the weights of an ONNX file; `SettingsError` when they do not fit."""
    try:
        return Silero(read_weights(path))
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{path} is not Silero's network ({error}); install again: {_INSTALL}") from error


def _columns(weight: Floats) -> Floats:
    """A convolution's (out, in, taps) as a matrix (taps x in, out), as `_convolve` lays out its windows."""
    out = weight.shape[0]
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, out))


def _convolve(layer: Floats, kernel: Floats, bias: Floats, stride: int) -> Floats:
    """Three taps over time between zeros, then ReLU: (n, time, in) → (n, time / stride, out)."""
    n, frames, width = layer.shape
    padded = np.zeros((n, frames + 2, width), dtype=np.float32)
    padded[:, 1:-1] = layer
    outputs = 1 + (frames - 1) // stride
    row, frame, step = padded.strides
    # Three successive frames are contiguous, so a window is a view of 3 x width values.
    windows = as_strided(padded, (n, outputs, 3 * width), (row, stride * frame, step))
    result = windows.reshape(n * outputs, 3 * width) @ kernel
    result += bias
    np.maximum(result, 0.0, out=result)
    return result.reshape(n, outputs, -1)


def _sigmoid(x: Floats) -> Floats:
    # By way of tanh, which cannot overflow.
    result: Floats = np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)
    return result
