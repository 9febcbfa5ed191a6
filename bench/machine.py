"""The machine that is measured on, and what a process uses of it, from Linux's /proc."""

from __future__ import annotations

import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_NOTICED_S = 0.001


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures come from."""

    cpu: str
    cores: int
    kernel: str
    python: str
    load: float
    """The load average of the last minute when the bench began; others use the machine too."""
    away_ms: float
    """The longest time that a core did not run a program that only counts, all cores counting at once."""

    @classmethod
    def here(cls, seconds: float = 2.0) -> Machine:
        """This machine, now; it is tried out for so long."""
        load = os.getloadavg()[0]
        info = Path("/proc/cpuinfo").read_text()
        model = next((line.partition(":")[2] for line in info.splitlines() if "model name" in line), "?")
        python = f"{platform.python_implementation()} {platform.python_version()}"
        cores = len(os.sched_getaffinity(0))
        with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
            away_s = max(pool.map(longest_pause_s, [seconds] * cores))
        return cls(model.strip(), cores, platform.release(), python, round(load, 2), round(away_s * 1000, 1))


def longest_pause_s(seconds: float) -> float:
    """Count for so long; the longest time between two looks at the clock, 0 below a millisecond."""
    last, longest = time.perf_counter(), 0.0
    end = last + seconds
    while last < end:
        now = time.perf_counter()
        if now - last > max(longest, _NOTICED_S):
            longest = now - last
        last = now
    return longest


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since it began, at one moment."""

    at_s: float
    cpu_s: float  # user and system, all threads
    waited_s: float  # its main thread could run and had no core
    memory_mb: float  # resident now

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it. Raises `FileNotFoundError` when the process is gone."""
        process = Path(f"/proc/{pid}")
        stat = (process / "stat").read_text().rpartition(")")[2].split()
        status = (process / "status").read_text()
        resident_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        cpu_s = (int(stat[11]) + int(stat[12])) / _TICKS  # utime and stime: proc(5), fields 14 and 15
        waited_s = int((process / "schedstat").read_text().split()[1]) * 1e-9
        return cls(time.monotonic(), cpu_s, waited_s, resident_kb / 1024)


@dataclass(frozen=True, slots=True)
class Spent:
    """Between two moments, in percent of that time."""

    cpu_percent: float  # of one core
    waited_percent: float

    @classmethod
    def between(cls, before: Usage, after: Usage) -> Spent:
        """The difference of two readings."""
        seconds = after.at_s - before.at_s
        return cls(
            (after.cpu_s - before.cpu_s) / seconds * 100,
            (after.waited_s - before.waited_s) / seconds * 100,
        )
