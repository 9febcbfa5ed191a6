"""Weights come out of an ONNX file as they went in; anything else is a ValueError, never a crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.onnx import read_weights
from tests.unit.media.onnx_files import field, onnx_file

WEIGHTS = {
    "kernel": np.arange(12, dtype="<f4").reshape(2, 3, 2),
    "bias": np.array([0.5, -2.0], dtype="<f4"),
    "shape": np.array([1, 300], dtype="<i8"),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx") / "model.onnx"


@pytest.mark.parametrize("packed", [False, True])
def test_the_float_tensors_are_read_and_others_left_out(path: Path, packed: bool) -> None:
    path.write_bytes(onnx_file(WEIGHTS, packed=packed))
    weights = read_weights(path)
    assert list(weights) == ["kernel", "bias"]
    for name, values in weights.items():
        assert values.dtype == np.float32
        assert np.array_equal(values, WEIGHTS[name])


def test_a_file_that_ends_early_is_refused(path: Path) -> None:
    whole = onnx_file(WEIGHTS)
    between_fields = {2, len(whole) - 5}
    for size in set(range(1, len(whole))) - between_fields:
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="the file ends inside"):
            read_weights(path)


def test_a_tensor_whose_bytes_do_not_fill_its_shape_is_refused(path: Path) -> None:
    whole = onnx_file({"bias": WEIGHTS["bias"]}, packed=True)
    path.write_bytes(whole.replace(field(1, b"\2"), field(1, b"\3")))
    with pytest.raises(ValueError, match="bias has 8 bytes"):
        read_weights(path)


@given(st.binary(min_size=1, max_size=200))
def test_garbage_is_refused_or_gives_no_more_than_it_has(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    try:
        weights = read_weights(path)
    except ValueError:
        return
    assert sum(values.nbytes for values in weights.values()) < len(garbage)
