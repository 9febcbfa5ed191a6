"""Keeping the interpreter out of the audio's way."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.0005
"""A worker thread gives the loop back after this; the interpreter's own 5 ms are a quarter of a frame."""
YOUNG = 20_000
"""Objects made between two looks of the collector; its own 700 mean hundreds of looks a second."""


def keep_steady() -> None:
    """Call it when everything is loaded: a full collection goes through all that is not frozen, which took
    50–75 ms at 400 calls, and each of them a gap that every caller hears (docs/decisions/bench.md)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 100)
    sys.setswitchinterval(SWITCH_S)
