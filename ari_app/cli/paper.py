"""Calls as people read them, in the machine's own time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from storage.ports import Call, Turn

_WIDE = 200
"""Columns when the output is no terminal: a pipe has no edge to fold at."""


def print_calls(calls: Sequence[Call]) -> None:
    """One line a call; ids are cut to what tells them apart."""
    console = _console()
    if not calls:
        console.print("No calls yet.")
        return
    table = _table("id", "started", "caller", "flow", "ended by", "lasted")
    length = _telling([call.call_id for call in calls])
    for call in calls:
        started = call.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        row = (
            call.call_id[:length],
            started,
            call.caller,
            call.flow,
            call.disposition or "(going on)",
            _lasted(call),
        )
        table.add_row(*map(_plain, row))
    console.print(table)


def print_call(call: Call) -> None:
    """Everything about one call."""
    console = _console()
    console.print(_facts(call))
    _section(console, "Said", _turns(call), bool(call.turns))
    _section(console, "Steps", _steps(call), bool(call.steps))
    _section(console, "Tools", _tools(call), bool(call.tool_calls))


def _facts(call: Call) -> Table:
    facts = {
        "call": call.call_id,
        "channel": call.channel_id,
        "caller": f"{call.caller} → {call.called} ({call.direction})",
        "flow": f"{call.flow} {call.flow_version} ({call.language})",
        "started": call.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
        "answered": _after(call, call.answered_at),
        "lasted": _lasted(call),
        "ended by": call.disposition or "(going on)",
        "last step": call.last_step or "",
        "sound": call.transport or "",
        "recording": call.recording or "",
        "summary": call.summary or "",
        "answers": _pairs(call.slots),
        "late events": str(call.ignored_events or ""),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value:
            table.add_row(Text(name, style="dim"), _plain(value))
    return table


def _turns(call: Call) -> Table:
    table = _table("at", "who", "what", "step", "ms after the caller's last word")
    for turn in call.turns:
        row = (_after(call, turn.at), turn.speaker, _words(turn), turn.step, _delays(turn.latency_ms))
        table.add_row(*map(_plain, row))
    return table


def _steps(call: Call) -> Table:
    table = _table("at", "step", "because of")
    for visit in call.steps:
        table.add_row(*map(_plain, (_after(call, visit.at), visit.step, visit.reason)))
    return table


def _tools(call: Call) -> Table:
    table = _table("at", "tool", "with", "result", "took")
    for use in call.tool_calls:
        result = use.result if use.ok else f"failed: {use.result}"
        row = (_after(call, use.at), use.tool, _pairs(use.arguments), result, f"{use.took_ms:.0f} ms")
        table.add_row(*map(_plain, row))
    return table


def _words(turn: Turn) -> str:
    return f"{turn.text} —(interrupted)" if turn.interrupted else turn.text


def _delays(latency_ms: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.0f}" for name, value in latency_ms.items())


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _after(call: Call, at: dt.datetime | None) -> str:
    """Seconds since the call came in."""
    return f"{(at - call.started_at).total_seconds():+.1f} s" if at else ""


def _lasted(call: Call) -> str:
    if call.ended_at is None:
        return ""
    minutes, seconds = divmod(round((call.ended_at - call.started_at).total_seconds()), 60)
    return f"{minutes}:{seconds:02}"


def _telling(ids: Sequence[str]) -> int:
    """How many characters tell these ids apart: eight at the least."""
    longest = max(map(len, ids))
    return next((n for n in range(8, longest) if len({each[:n] for each in ids}) == len(ids)), longest)


def _plain(value: str) -> Text:
    """What people said, without markup and without control characters that would drive the terminal."""
    return Text("".join(char if char.isprintable() else " " for char in value))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=column in ("id", "at", "started", "took"), overflow="fold")
    return table


def _section(console: Console, title: str, table: Table, filled: bool) -> None:
    if filled:
        console.print(f"\n{title}", style="bold")
        console.print(table)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)
