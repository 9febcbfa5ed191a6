"""What a process uses, by the kernel's account."""

from __future__ import annotations

import os
import time

import pytest

from bench.machine import Spent, Usage


def test_a_process_that_counts_uses_a_core() -> None:
    before = Usage.of(os.getpid())
    used_s = time.process_time() + 0.05
    while time.process_time() < used_s:
        pass
    after = Usage.of(os.getpid())
    assert after.cpu_s - before.cpu_s >= 0.03  # the kernel counts in hundredths
    assert after.memory_mb > 5


def test_percent_of_the_time_between() -> None:
    spent = Spent.between(Usage(10.0, 1.0, 0.5, 90.0), Usage(20.0, 9.0, 0.6, 95.0))
    assert spent.cpu_percent == pytest.approx(80)
    assert spent.waited_percent == pytest.approx(1)


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        Usage.of(2**22 + 1)
