"""The machine that is measured on, and what a process uses of it, from Linux's /proc."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures come from. `load` is the load average of the last minute when the bench began."""

    cpu: str
    cores: int
    kernel: str
    python: str
    load: float

    @classmethod
    def here(cls) -> Machine:
        """This machine, now."""
        info = Path("/proc/cpuinfo").read_text()
        model = next((line.partition(":")[2] for line in info.splitlines() if "model name" in line), "?")
        python = f"{platform.python_implementation()} {platform.python_version()}"
        cores = len(os.sched_getaffinity(0))
        return cls(model.strip(), cores, platform.release(), python, round(os.getloadavg()[0], 2))

    def as_dict(self) -> dict[str, str | int | float]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since it began, and what the whole machine has, at one moment. Seconds."""

    at_s: float
    cpu_s: float
    machine_s: float  # all cores together, idle time left out
    memory_mb: float  # resident now

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it. Raises `FileNotFoundError` when the process is gone."""
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
        resident_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        cpu_s = (int(stat[11]) + int(stat[12])) / _TICKS  # utime and stime: proc(5), fields 14 and 15
        return cls(time.monotonic(), cpu_s, _machine_s(), resident_kb / 1024)


@dataclass(frozen=True, slots=True)
class Spent:
    """Between two moments: percent of one core by the process, and by everything on the machine."""

    cpu_percent: float
    machine_percent: float

    @classmethod
    def between(cls, before: Usage, after: Usage) -> Spent:
        """The difference of two readings."""
        seconds = after.at_s - before.at_s
        return cls(
            (after.cpu_s - before.cpu_s) / seconds * 100,
            (after.machine_s - before.machine_s) / seconds * 100,
        )


def _machine_s() -> float:
    """User, nice, system, interrupts and time stolen by the hypervisor: proc(5), /proc/stat."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / _TICKS
