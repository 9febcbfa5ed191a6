"""Many calls through the RTP port alone: two processes, one that is measured and one that measures."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asterisk.lab.stage import Program
from bench.machine import Spent, Usage

ROOT = Path(__file__).parents[1]
HANGOVER_MS = 500.0


@dataclass(frozen=True, slots=True)
class Load:
    """What so many calls cost, and how evenly they were served. Times in milliseconds, ratios of 1.

    Without a jitter the calls came through Asterisk, which paces what a telephone hears by itself.
    """

    calls: int
    way: str
    cpu_percent: float  # of one core, all calls together
    memory_mb: float
    others_percent: float  # of one core: everything else that ran on the machine meanwhile
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def cpu_percent_a_call(self) -> float:
        """Percent of one core."""
        return self.cpu_percent / self.calls


@contextlib.asynccontextmanager
async def program(name: str, module: str, *arguments: str, **environment: str) -> AsyncIterator[Program]:
    """A Python process of ours that runs while the block does."""
    started = Program(name)
    try:
        await started.start(sys.executable, "-m", module, *arguments, environment=environment, cwd=ROOT)
        yield started
    finally:
        await started.stop()


async def by_port(calls: int, seconds: float) -> Load:
    """Measure `calls` calls for so long. Raises `TimeoutError` with the words of the process that failed."""
    arguments = ("--calls", str(calls), "--seconds", str(seconds))
    async with program("the load generator", "bench.generator", *arguments) as generator:
        listening = await generator.says("listening")
        ports = ",".join(map(str, listening["ports"]))
        async with program("the process under test", "bench.port", "--ports", ports) as tested:
            await generator.says("measuring", timeout_s=60)
            before = Usage.of(tested.process.pid)
            await generator.says("measured", timeout_s=seconds + 30)
            after = Usage.of(tested.process.pid)
            measured = dict(await generator.says("result"))
        served = await tested.says("bench.served")
    spent = Spent.between(before, after)
    measured |= {key: served[key] for key in ("pacing_p99_ms", "skipped", "failed", "hurried")}
    return Load(
        calls,
        "RTP port",
        spent.cpu_percent,
        after.memory_mb,
        spent.machine_percent - spent.cpu_percent,
        _with_answers(measured),
    )


async def spent_by(pid: int, seconds: float) -> tuple[Spent, float]:
    """What a process uses in the next `seconds`, and its resident memory after them, in MB."""
    before = Usage.of(pid)
    await asyncio.sleep(seconds)
    after = Usage.of(pid)
    return Spent.between(before, after), after.memory_mb


def _with_answers(measured: dict[str, Any]) -> dict[str, Any]:
    """The answers' delays above the hangover, as quantiles. Without any there is no figure."""
    answers = [each - HANGOVER_MS for each in measured.pop("answers_ms")]
    measured["answers"] = len(answers)
    if answers:
        measured["answer_p50_ms"], measured["answer_p95_ms"] = map(float, np.quantile(answers, (0.5, 0.95)))
    return measured
