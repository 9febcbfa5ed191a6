"""From the text of a flow file to a `Flow`, or to problems with line and column. YAML 1.2, no surprises."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from callflow.errors import FlowError
from callflow.hours import clock_ranges, weekdays
from callflow.schema import (
    VERBS,
    AgentStep,
    BaseStep,
    Flow,
    Limits,
    MenuStep,
    Silence,
    TransferStep,
)

MAX_CHARS = 1_000_000
"""A flow is written by people; anything larger is a mistake."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, where it is. Lines and columns count from 1, as editors show them."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class FlowProblems(FlowError):
    """A flow that cannot be used, with its problems in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class LoadedFlow:
    """A flow and the version it is recorded under: the first 12 hex digits of its text's SHA-256."""

    flow: Flow
    version: str


def load_file(path: Path) -> LoadedFlow:
    """Read and check a flow file. Raises `FlowError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FlowError(f"{path}: the flow file cannot be read: {error}") from error
    return load(text, str(path))


def load(text: str, name: str = "flow.yaml") -> LoadedFlow:
    """Read and check the text of a flow. Raises `FlowProblems`."""
    if len(text) > MAX_CHARS:
        raise FlowProblems([Problem(name, 1, 1, f"the file is longer than {MAX_CHARS} characters")])
    tree = _parse(text, name)
    try:
        flow = Flow.model_validate(tree)
    except ValidationError as error:
        raise FlowProblems(_shape_problems(error, tree, name)) from error
    if problems := sorted(_sense_problems(flow, tree, name), key=lambda p: (p.line, p.column)):
        raise FlowProblems(problems)
    return LoadedFlow(flow, hashlib.sha256(text.encode()).hexdigest()[:12])


def _parse(text: str, name: str) -> CommentedMap:
    yaml = YAML(typ="rt")
    yaml.version = (1, 2)
    try:
        tree = yaml.load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = "; a text with ': ' must stand in quotes" if "mapping values" in str(error.problem) else ""
        raise FlowProblems([Problem(name, line, column, f"{error.problem}{hint}")]) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise FlowProblems([Problem(name, 1, 1, f"this is not YAML: {error}")]) from error
    if not isinstance(tree, CommentedMap):
        raise FlowProblems(
            [Problem(name, 1, 1, "a flow is a list of words with values, like `start: greeting`")]
        )
    return tree


def _place(tree: Any, path: Sequence[str | int], name: str, message: str) -> Problem:
    """The problem at the deepest part of `path` that the file has."""
    line, column = 1, 1
    for part in path:
        if isinstance(tree, CommentedMap):
            key = next((k for k in tree if str(k) == str(part)), None)
            if key is None:
                continue
            line, column = (n + 1 for n in tree.lc.key(key))
            tree = tree[key]
        elif isinstance(tree, CommentedSeq) and isinstance(part, int) and part < len(tree):
            line, column = (n + 1 for n in tree.lc.item(part))
            tree = tree[part]
    return Problem(name, line, column, message)


def _shape_problems(error: ValidationError, tree: CommentedMap, name: str) -> list[Problem]:
    problems: dict[tuple[int, int], Problem] = {}
    for detail in error.errors(include_url=False):
        path = [part for part in detail["loc"] if not str(part).startswith("function-")]
        word = str(path[-1]) if path else ""
        if detail["type"] == "extra_forbidden":
            message = f"unknown word {word!r}{_did_you_mean(word, _words_beside(path))}"
        elif detail["type"] == "missing":
            message = f"{word!r} is missing"
        else:
            message = detail["msg"].removeprefix("Value error, ")
        problem = _place(tree, path, name, message)
        problems.setdefault((problem.line, problem.column), problem)
    unknown = [p for p in problems.values() if p.message.startswith("unknown word")]
    return sorted(unknown or problems.values(), key=lambda p: (p.line, p.column))


def _words_beside(path: Sequence[str | int]) -> list[str]:
    """The words that may stand where an unknown one was found."""
    if len(path) == 1:
        return list(Flow.model_fields)
    if path[0] == "steps":
        return [word for model in VERBS.values() for word in model.model_fields]
    return [*Limits.model_fields, *Silence.model_fields]


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _sense_problems(flow: Flow, tree: CommentedMap, name: str) -> Iterator[Problem]:
    """Names that lead nowhere, and times that are none."""
    known = [*flow.steps, *flow.ends]
    misled = set()
    for path, target in _references(flow):
        if target not in known:
            misled.add(path[1] if path[0] == "steps" else path[0])
            yield _place(
                tree, path, name, f"there is no step or end {target!r}{_did_you_mean(target, known)}"
            )
    for step_name, step in flow.steps.items():
        for outcome in _outcomes(step):
            if step_name not in misled and flow.after(step_name, outcome) is None:
                yield _place(
                    tree, ["steps", step_name], name, f"outcome {outcome!r} leads nowhere; add it to `next`"
                )
        if isinstance(step, AgentStep):
            for tool in step.confirm_first:
                if tool not in step.tools:
                    path = ["steps", step_name, "confirm_first"]
                    yield _place(tree, path, name, f"{tool!r} is not among the step's tools")
    for days, times in (flow.hours.days() if flow.hours else {}).items():
        try:
            weekdays(days), clock_ranges(times)
        except ValueError as error:
            yield _place(tree, ["hours", days], name, str(error))


def _references(flow: Flow) -> Iterator[tuple[list[str | int], str]]:
    """Every name of a step or end that the flow points at, with the path to where it is written."""
    yield ["start"], flow.start
    for event, target in flow.anywhere.items():
        yield ["anywhere", event], target
    if flow.silence.next:
        yield ["silence", "next"], flow.silence.next
    for name, step in flow.steps.items():
        for part, target in _step_references(step):
            yield ["steps", name, *part], target


def _step_references(step: BaseStep) -> Iterator[tuple[list[str], str]]:
    if isinstance(step.next, str):
        yield ["next"], step.next
    for outcome, target in (step.next if isinstance(step.next, dict) else {}).items():
        yield ["next", outcome], target
    for event, target in step.anywhere.items():
        yield ["anywhere", event], target
    if step.silence and step.silence.next:
        yield ["silence", "next"], step.silence.next
    for key, target in (step.keys if isinstance(step, MenuStep) else {}).items():
        yield ["keys", key], target


def _outcomes(step: BaseStep) -> tuple[str, ...]:
    """The outcomes a step's own work can have, which must all lead somewhere."""
    if isinstance(step, AgentStep):
        return (*step.outcomes, "not_understood")
    if isinstance(step, MenuStep):
        return ("no_key", "wrong_key")
    if isinstance(step, TransferStep):
        return ("no_answer", "failed")
    return ("open", "closed") if hasattr(step, "check") else ("next",)
