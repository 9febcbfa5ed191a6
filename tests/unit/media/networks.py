"""Networks of Silero's shape with random weights: what they say is meaningless and depends on every input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.silero import SHAPES, Silero

Weights = dict[str, NDArray[np.float32]]


def random_weights(seed: int = 1) -> Weights:
    """Weights of a size that keeps all layers alive."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, 3 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)
        if len(shape) > 1
        else rng.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def random_network(seed: int = 1) -> Silero:
    """A network with these weights."""
    return Silero(random_weights(seed))
