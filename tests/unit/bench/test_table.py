"""The table says what was measured, and beside it what was aimed at."""

from __future__ import annotations

import json

from bench import table
from bench.load import Load
from bench.machine import Machine, Spent
from bench.turns import Turns

MACHINE = Machine("a CPU", 2, "6.1", "CPython 3.11", 0.5, 0.0)
MEASURED = {
    "p99_ms": 4.2,
    "late_ratio": 0.0005,
    "speaking": 0.48,
    "send_late_p99_ms": 0.3,
    "answers": 2,
    "answer_p50_ms": 40.0,
    "answer_p95_ms": 60.0,
}


def test_an_aim_that_is_met_and_one_that_is_missed() -> None:
    assert table.mark(4.9, 5.0) == " ✓≤5"
    assert table.mark(5.1, 5.0) == " ✗≤5"
    assert table.mark(5.1, None) == ""


def test_a_turn_beyond_the_hangover_and_the_packet() -> None:
    by_name = {figure.name.strip(): figure for figure in table.figures(Turns(heard=[600.0, 640.0, 620.0]))}
    assert by_name["beyond hangover (500) and packet (20)"].quantile("p50") == 100.0


def test_what_was_not_measured_is_a_dash_and_no_zero() -> None:
    rows = table.figure_rows(table.figures(Turns()))
    assert all(cell == "–" for row in rows[1:] for cell in row[2:])
    assert table.load_rows([Load(20, "Asterisk", Spent(10.0, 0.0), 90.0)])[1][5:10] == ["–"] * 5


def test_cost_and_jitter_are_judged_at_400_calls_alone() -> None:
    loads = [Load(calls, "RTP port", Spent(80.0, 1.0), 130.0, MEASURED) for calls in (100, 400)]
    hundred, four_hundred = table.load_rows(loads)[1:]
    assert hundred[2] == "0.800"
    assert four_hundred[2] == "0.200 ✓≤0.25"
    assert four_hundred[5] == "4.20 ✓≤5"


def test_columns_stand_under_each_other() -> None:
    lines = table.aligned([["name", "n"], ["a longer name", "12"]]).splitlines()
    assert lines[0].index("n", 5) == lines[2].index("2")
    assert set(lines[1]) == {"─"}


def test_the_same_as_data() -> None:
    loads = [Load(400, "RTP port", Spent(80.0, 1.0), 130.0, MEASURED)]
    told = json.loads(json.dumps(table.as_json(MACHINE, Turns(barge_in=[200.0], missed=1), loads)))
    assert told["missed"] == 1
    assert told["figures"][-1]["max"] == 200.0
    assert told["loads"][0]["cpu_percent_a_call"] == 0.2
