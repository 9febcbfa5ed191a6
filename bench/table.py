"""Figures, their aims, and the one table they make. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench.load import HANGOVER_MS, Load
from bench.machine import Machine
from bench.turns import Turns

PACKET_MS = 20.0
JITTER_AIM_MS = 5.0
CPU_AIM_PERCENT = 0.25
AIMED_CALLS = 400
"""The load for which the aims of jitter and cost are meant."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """A distribution in milliseconds. `aims` has the most that a quantile should be, by its name."""

    name: str
    samples: Sequence[float]
    aims: Mapping[str, float] = field(default_factory=dict)

    def quantile(self, name: str) -> float | None:
        """By name (`p50`, `p95`, `p99`, `max`); None without a sample."""
        return float(np.quantile(self.samples, QUANTILES[name])) if self.samples else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "samples": len(self.samples),
            **{name: self.quantile(name) for name in QUANTILES},
            "aims": dict(self.aims),
        }


def figures(turns: Turns) -> list[Figure]:
    """What callers of a real Asterisk notice."""
    beyond = [each - HANGOVER_MS - PACKET_MS for each in turns.heard]
    return [
        Figure("set-up: INVITE → answered", turns.answered),
        Figure("set-up: answered → greeting audible", turns.greeted),
        Figure("caller's last sound → reply audible", turns.heard),
        Figure("  beyond hangover (500) and packet (20)", beyond),
        Figure("  our own part of it, inside", turns.inside, {"p50": 10.0, "p95": 25.0}),
        Figure("barge-in: caller's first → agent's last", turns.barge_in, {"max": 250.0}),
    ]


def mark(value: float, aim: float | None) -> str:
    """`✓` or `✗` with the aim, or nothing where there is none."""
    if aim is None:
        return ""
    return f" {'✓' if value <= aim else '✗'}≤{aim:g}"


def figure_rows(found: Sequence[Figure]) -> list[list[str]]:
    """A heading and a row for each figure."""
    rows = [["milliseconds", "n", *QUANTILES]]
    for figure in found:
        cells = []
        for name in QUANTILES:
            value = figure.quantile(name)
            cells.append("–" if value is None else f"{value:.1f}{mark(value, figure.aims.get(name))}")
        rows.append([figure.name, str(len(figure.samples)), *cells])
    return rows


def load_rows(found: Sequence[Load]) -> list[list[str]]:
    """A heading and a row for each load."""
    heads = (
        "calls",
        "by",
        "% of a core a call",
        "in all",
        "MB",
        "jitter p99 ms",
        "late",
        "answer p50/p95 ms",
    )
    rows = [[*heads, "agent speaks", "generator late p99 ms", "no core"]]
    for load in found:
        aimed = load.calls == AIMED_CALLS
        cost = load.cpu_percent_a_call
        rows.append(
            [
                str(load.calls),
                load.way,
                f"{cost:.3f}{mark(cost, CPU_AIM_PERCENT if aimed else None)}",
                f"{load.spent.cpu_percent:.1f} %",
                f"{load.memory_mb:.0f}",
                *_measured(load.measured, aimed),
                f"{load.spent.waited_percent:.1f} %",
            ]
        )
    return rows


def _measured(told: Mapping[str, Any], aimed: bool) -> list[str]:
    if not told:
        return ["–"] * 5
    jitter = told["p99_ms"]
    answer = "–"
    if told["answers"]:
        answer = f"{told['answer_p50_ms']:.0f} / {told['answer_p95_ms']:.0f}"
    return [
        f"{jitter:.2f}{mark(jitter, JITTER_AIM_MS if aimed else None)}",
        f"{told['late_ratio']:.3%}",
        answer,
        f"{told['speaking']:.0%}",
        f"{told['send_late_p99_ms']:.2f}",
    ]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "─" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)


def as_json(machine: Machine, turns: Turns, loads: Sequence[Load]) -> dict[str, Any]:
    """The same as data; figures in milliseconds, loads as `bench.load.Load` has them."""
    return {
        "machine": asdict(machine),
        "asterisk": turns.asterisk,
        "missed": turns.missed,
        "figures": [figure.as_dict() for figure in figures(turns)],
        "loads": [asdict(load) | {"cpu_percent_a_call": load.cpu_percent_a_call} for load in loads],
    }
