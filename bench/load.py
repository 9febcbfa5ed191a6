"""What many calls cost and how evenly they are served, by two processes: one is measured, one measures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.machine import Spent, Usage
from bench.program import program

HANGOVER_MS = 500.0


@dataclass(frozen=True, slots=True)
class Load:
    """One size of load. Times in milliseconds, percent of one core, ratios of 1.

    `measured` is the generator's account and the ticker's (see `bench.generator`, `bench.port`); it is empty
    for calls through Asterisk, which paces by itself what a telephone hears.
    """

    calls: int
    way: str
    spent: Spent
    memory_mb: float
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cpu_percent_a_call(self) -> float:
        """Percent of one core."""
        return self.spent.cpu_percent / self.calls


async def by_port(calls: int, seconds: float) -> Load:
    """Measure `calls` calls for so long. Raises `TimeoutError` with the words of the process that failed."""
    arguments = ("--calls", str(calls), "--seconds", str(seconds))
    async with program("generator", *arguments) as generator:
        listening = await generator.says("listening")
        ports = ",".join(map(str, listening["ports"]))
        async with program("port", "--ports", ports) as tested:
            await generator.says("measuring", timeout_s=60)
            before = Usage.of(tested.process.pid)
            await generator.says("measured", timeout_s=seconds + 30)
            after = Usage.of(tested.process.pid)
            measured = await generator.says("result")
        served = await tested.says("bench.served")
    told = {key: served[key] for key in ("pacing_p99_ms", "skipped", "failed", "hurried")}
    spent = Spent.between(before, after)
    return Load(calls, "RTP port", spent, after.memory_mb, {**_with_answers(measured), **told})


async def of_process(pid: int, calls: int, seconds: float) -> Load:
    """What a process that serves `calls` calls through Asterisk uses in the next `seconds`."""
    before = Usage.of(pid)
    await asyncio.sleep(seconds)
    after = Usage.of(pid)
    return Load(calls, "Asterisk", Spent.between(before, after), after.memory_mb)


def _with_answers(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The answers' delays above the hangover, as quantiles. Without an answer there is no figure."""
    answers = [each - HANGOVER_MS for each in measured["answers_ms"]]
    kept = {key: value for key, value in measured.items() if key not in ("answers_ms", "event")}
    kept["answers"] = len(answers)
    if answers:
        kept["answer_p50_ms"], kept["answer_p95_ms"] = map(float, np.quantile(answers, (0.5, 0.95)))
    return kept
