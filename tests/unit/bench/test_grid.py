"""Packets against their grid of 20 ms."""

from __future__ import annotations

import numpy as np
import pytest

from bench.grid import Jitter, deviations


def arrived(places: list[int], extra_ms: dict[int, float] | None = None) -> np.ndarray:
    """Packets of these places; the n-th that comes may be later (or earlier) by so much."""
    times = np.array(places, dtype=np.float64) * 0.020 + 1_795_000_000.0
    for index, ms in (extra_ms or {}).items():
        times[index] += ms / 1000
    return times


def sequences(places: list[int], first: int = 0) -> np.ndarray:
    return (np.array(places) + first).astype(np.uint16)


def test_a_stream_in_time_has_no_deviation() -> None:
    places = list(range(100))
    assert np.abs(deviations(arrived(places), sequences(places))).max() < 1e-6


def test_one_late_packet_moves_no_other() -> None:
    places = list(range(100))
    found = deviations(arrived(places, {40: 12.5}), sequences(places))
    assert found[40] == pytest.approx(0.0125, abs=1e-6)
    assert np.abs(np.delete(found, 40)).max() < 1e-6


def test_the_sequence_wraps_and_time_goes_on() -> None:
    places = list(range(100))
    assert np.abs(deviations(arrived(places), sequences(places, first=65_500))).max() < 1e-6


def test_a_lost_packet_leaves_its_place_empty() -> None:
    places = [n for n in range(100) if n not in (30, 31)]
    assert np.abs(deviations(arrived(places), sequences(places))).max() < 1e-6


def test_a_frame_that_is_left_out_delays_all_that_follow() -> None:
    """The sender skipped a turn and numbered on: the listener hears the rest 20 ms later."""
    found = deviations(arrived([*range(60), *range(61, 101)]), sequences(list(range(100))))
    assert found[-1] == pytest.approx(0.020, abs=1e-6)


def test_jitter_counts_early_as_distance_and_only_late_as_late() -> None:
    jitter = Jitter.of([np.array([-0.018, 0.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0105])])
    assert jitter.packets == 8
    assert jitter.p50_ms == 0
    assert jitter.max_ms == pytest.approx(18)
    assert jitter.late_ratio == pytest.approx(1 / 8)


def test_nothing_came() -> None:
    assert Jitter.of([deviations(np.empty(0), np.empty(0, np.uint16))]).packets == 0
    assert Jitter.of([]).packets == 0
