"""A flow file is read, or its mistakes are named where they are."""

from __future__ import annotations

import contextlib
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from callflow.errors import FlowError
from callflow.load import FlowProblems, load, load_file

GOOD = """flow: hello
start: greeting
steps:
  greeting: {say: Good day., next: bye}
ends:
  bye: Goodbye.
"""


def problem(old: str, new: str) -> str:
    with pytest.raises(FlowProblems) as caught:
        load(GOOD.replace(old, new), "hello.yaml")
    return str(caught.value.problems[0])


def test_a_flow_and_its_version() -> None:
    loaded = load(GOOD)
    assert (loaded.flow.flow, loaded.flow.start) == ("hello", "greeting")
    assert len(loaded.version) == 12
    assert load(GOOD + "\n").version != loaded.version


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("next: bye", "next: by", "hello.yaml:4:30: there is no step or end 'by'; did you mean 'bye'?"),
        ("start: greeting", "strat: greeting", "hello.yaml:2:1: unknown word 'strat'; did you mean 'start'?"),
        ("say: Good day.", "sya: Good day.", "hello.yaml:4:3: a step needs one verb of"),
        ("bye: Goodbye.", "bye: Remember: us", "a text with ': ' must stand in quotes"),
        ("start: greeting", "start: greeting\nlimits: {call: 10}", "a time is a number with s, m or h"),
        ("flow: hello\n", "flow: hello\nflow: again\n", 'hello.yaml:2:1: found duplicate key "flow"'),
        (", next: bye", "", "hello.yaml:4:3: outcome 'next' leads nowhere; add it to `next`"),
        ("start: greeting", "start: greeting\nhours: {timezone: UTC, mon: 9-18}", "is not a time of day"),
    ],
)
def test_a_mistake_is_named_where_it_is(old: str, new: str, message: str) -> None:
    assert message in problem(old, new)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="cannot be read"):
        load_file(tmp_path / "nothing.yaml")


@given(st.text(max_size=300))
def test_any_text_is_a_flow_or_has_problems(text: str) -> None:
    with contextlib.suppress(FlowError):
        assert load(text).version
