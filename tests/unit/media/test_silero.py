"""The numpy network computes its definition, and what ONNX Runtime computes from the same weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs
from threadpoolctl import threadpool_info

from callflow.errors import SettingsError
from media import silero
from media.silero import CHUNK_SAMPLES, CONTEXT_SAMPLES, HIDDEN, WINDOW_SAMPLES, Silero
from tests.unit.media.networks import random_network, random_weights
from tests.unit.media.onnx_files import onnx_file
from tests.unit.media.signals import voice

Floats = NDArray[np.float32]

# ONNX Runtime 1.31.1 on silero_vad_16k_op15.onnx of silero-vad 6.2.3: every fourth chunk of `voice(4)`.
GOLDEN = [
    0.1110, 0.2551, 0.5924, 0.1237, 0.4782, 0.4207, 0.2606, 0.0206,
    0.2631, 0.5157, 0.0238, 0.0053, 0.0042, 0.0051, 0.0061, 0.0057,
    0.1364, 0.4991, 0.0295, 0.0059, 0.2609, 0.6585, 0.2785, 0.0169,
    0.5208, 0.5276, 0.2343, 0.0248, 0.0092, 0.0083, 0.0084, 0.0080,
]  # fmt: skip

installed = pytest.mark.skipif(
    importlib.util.find_spec("silero_vad") is None, reason="needs the weights of requirements-nodeps.lock"
)


def windows_of(samples: NDArray[np.int16]) -> Floats:
    padded = np.concatenate((np.zeros(CONTEXT_SAMPLES), samples)).astype(np.float32) / 32768
    starts = range(0, len(samples) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    return np.stack([padded[start : start + WINDOW_SAMPLES] for start in starts])


def listen(network: Silero, windows: Floats) -> list[float]:
    memory = np.zeros((2, 1, HIDDEN), dtype=np.float32)
    said = []
    for drive in network.encode(windows):
        probability, memory = network.step(drive[None], memory)
        said.append(float(probability[0]))
    return said


@installed
def test_it_says_what_onnx_runtime_says() -> None:
    network = silero.load()
    assert network is not None
    assert listen(network, windows_of(voice(4)))[::4] == pytest.approx(GOLDEN, abs=2e-3)


@installed
def test_silence_is_no_speech() -> None:
    network = silero.load()
    assert network is not None
    assert max(listen(network, windows_of(np.zeros(16_000, dtype="<i2")))) < 0.1


def test_it_computes_its_definition() -> None:
    weights = random_weights()
    windows = windows_of(voice(0.3))
    expected = _by_definition(weights, windows.astype(np.float64))
    assert np.std(expected) > 0.01, "the random network must not be stuck"
    assert listen(Silero(weights), windows) == pytest.approx(expected, abs=1e-4)


def test_calls_in_one_batch_do_not_touch_each_other() -> None:
    network = random_network()
    windows = windows_of(voice(0.5))
    rng = np.random.default_rng(3)
    memory = rng.normal(size=(2, len(windows), HIDDEN)).astype(np.float32)
    together, after = network.step(network.encode(windows), memory)
    for row in range(len(windows)):
        alone, alone_after = network.step(network.encode(windows[row : row + 1]), memory[:, row : row + 1])
        assert alone[0] == pytest.approx(together[row], abs=1e-5)
        assert np.allclose(alone_after[:, 0], after[:, row], atol=1e-5)


def test_extreme_inputs_give_numbers() -> None:
    weights = {name: values * 1000 for name, values in random_weights().items()}
    for probability in listen(Silero(weights), windows_of(voice(0.3))):
        assert 0.0 <= probability <= 1.0


@pytest.mark.parametrize("name", sorted(silero.SHAPES))
def test_a_missing_or_misshapen_weight_is_refused_by_name(name: str) -> None:
    weights = random_weights()
    weights[name] = weights[name][..., :0]
    with pytest.raises(ValueError, match=name):
        Silero(weights)
    del weights[name]
    with pytest.raises(ValueError, match=name):
        Silero(weights)


def test_a_damaged_file_says_how_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(onnx_file(random_weights())[:-100])
    with pytest.raises(SettingsError, match="install again: pip install --no-deps"):
        silero.read(path)


def test_without_the_wheel_there_is_one_warning_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with capture_logs() as logs:
        assert silero.load() is None
    assert [entry["event"] for entry in logs] == ["vad.silero_missing"]
    assert "requirements-nodeps.lock" in logs[0]["next_step"]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that must not be imported, as the real one imports torch."""
    package = tmp_path / "silero_vad"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('torch')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "silero_vad", raising=False)
    return package


def test_the_wheel_is_found_and_not_imported(wheel: Path) -> None:
    (wheel / "data" / "silero_vad_16k_op15.onnx").write_bytes(onnx_file(random_weights()))
    network = silero.load()
    assert network is not None
    assert "silero_vad" not in sys.modules
    windows = windows_of(voice(0.1))
    assert listen(network, windows) == listen(random_network(), windows)


def test_a_wheel_without_the_file_counts_as_absent(wheel: Path) -> None:
    with capture_logs() as logs:
        assert silero.load() is None
    assert len(logs) == 1


def test_matrix_products_stay_on_one_thread(wheel: Path) -> None:
    (wheel / "data" / "silero_vad_16k_op15.onnx").write_bytes(onnx_file(random_weights()))
    silero.load()
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} <= {1}


def _by_definition(weights: dict[str, Floats], windows: NDArray[np.float64]) -> list[float]:
    """The network in loops, from its description alone."""
    w = {name: values.astype(np.float64) for name, values in weights.items()}
    h = c = np.zeros(HIDDEN)
    said = []
    for window in windows:
        padded = np.concatenate((window, window[-2:-66:-1]))
        frames = [padded[at : at + 256] for at in (0, 128, 256, 384)]
        waves = [w["model.stft.forward_basis_buffer"][:, 0] @ frame for frame in frames]
        layer = [np.hypot(wave[:129], wave[129:]) for wave in waves]
        for n, stride in enumerate((1, 2, 2, 1)):
            kernel = w[f"model.encoder.{n}.reparam_conv.weight"]
            zero = np.zeros(kernel.shape[1])
            taps = [zero, *layer, zero]
            layer = [
                np.maximum(
                    sum(kernel[:, :, k] @ taps[at + k] for k in range(3))
                    + w[f"model.encoder.{n}.reparam_conv.bias"],
                    0,
                )
                for at in range(0, len(layer), stride)
            ]
        cell = "model.decoder.rnn."
        gates = w[cell + "weight_ih"] @ layer[0] + w[cell + "bias_ih"]
        gates += w[cell + "weight_hh"] @ h + w[cell + "bias_hh"]
        enter, stay, candidate, leave = gates.reshape(4, HIDDEN)
        c = _logistic(stay) * c + _logistic(enter) * np.tanh(candidate)
        h = _logistic(leave) * np.tanh(c)
        last = w["model.decoder.decoder.2.weight"][0, :, 0] @ np.maximum(h, 0)
        said.append(float(_logistic(last + w["model.decoder.decoder.2.bias"][0])))
    return said


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
