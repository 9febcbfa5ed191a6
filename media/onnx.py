"""Reads the weights out of an ONNX file, without a runtime.

An ONNX file is one protobuf message: ModelProto.graph (field 7) → GraphProto.initializer (5, repeated) →
TensorProto with dims (1), data_type (2), name (8), raw_data (9, little-endian). Everything else is skipped.
The numbers are those of onnx.proto, which may only ever be added to.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
_FLOAT32 = 1
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def read_weights(path: Path) -> dict[str, Floats]:
    """The float32 initializers of the file's graph by name; other types are left out.

    Raises `ValueError` for bytes that are no ONNX file, or not a whole one.
    """
    weights = {}
    for graph in _messages(memoryview(path.read_bytes()), _GRAPH):
        for message in _messages(graph, _INITIALIZER):
            if tensor := _tensor(message):
                weights[tensor[0]] = tensor[1]
    return weights


def _tensor(message: memoryview) -> tuple[str, Floats] | None:
    name, raw, kind = "", memoryview(b""), 0
    shape: list[int] = []
    for number, value in _fields(message):
        if isinstance(value, int):
            if number == _DIMS:
                shape.append(value)
            elif number == _TYPE:
                kind = value
        elif number == _DIMS:  # the packed way to write them
            shape.extend(_varints(value))
        elif number == _NAME:
            name = bytes(value).decode()
        elif number == _RAW:
            raw = value
    if kind != _FLOAT32:
        return None
    if len(raw) != 4 * prod(shape):
        raise ValueError(f"the tensor {name} has {len(raw)} bytes for the shape {shape}")
    return name, np.frombuffer(raw, dtype="<f4").astype(np.float32).reshape(shape)


def _messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """The fields of one number that hold bytes."""
    for number, value in _fields(data):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
            size = 4 if kind == _FOUR_BYTES else 8
        else:
            raise ValueError(f"a protobuf field of the unknown kind {kind}")
        if at + size > len(data):
            raise ValueError("the file ends inside a field")
        yield tag >> 3, data[at : at + size]
        at += size


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("the file ends inside a number")
