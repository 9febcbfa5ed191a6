"""Writes what `media.onnx` reads: an ONNX file that holds nothing but weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def onnx_file(weights: Mapping[str, NDArray[np.generic]], *, packed: bool = False) -> bytes:
    """A model with a version, a name for its graph, and these float32 (or int64) tensors."""
    graph = field(2, b"graph") + b"".join(field(5, tensor(n, w, packed)) for n, w in weights.items())
    return number(1, 8) + field(7, graph) + fixed32(9)


def tensor(name: str, values: NDArray[np.generic], packed: bool) -> bytes:
    shape = values.shape
    dims = field(1, b"".join(varint(d) for d in shape)) if packed else b"".join(number(1, d) for d in shape)
    kind = {"float32": 1, "int64": 7}[values.dtype.name]
    return dims + number(2, kind) + field(8, name.encode()) + field(9, values.tobytes())


def field(tag: int, value: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(value)) + value


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def fixed32(tag: int) -> bytes:
    return varint(tag << 3 | 5) + b"\1\2\3\4"


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
