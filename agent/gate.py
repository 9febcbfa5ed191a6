"""The gate before tools that bind the caller: no clear yes to exactly this, no run.

Rule 1: what will be done is offered: a tool, its exact arguments, and the words that were read back.
Rule 2: an offer lives for one utterance of the caller. Only a clear yes, said after those words were heard,
        turns it into a grant. Anything else withdraws it.
Rule 3: a grant opens the gate once, for the same tool with the same arguments.
Rule 4: `Registry.run` takes a `Permit` and nothing else, and only the gate makes permits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.ports import Line
from agent.words import NO, YES, consists_of, mentions, squeezed
from callflow.errors import ToolError

_OFFER, _WORDS, _QUESTION, _GRANT = "gate.offer", "gate.words", "gate.question", "gate.grant"
_SEAL = object()


class NotConfirmed(ToolError):
    """The caller has not said yes to this: read it back first."""

    code = "not-confirmed"


class Verdict(StrEnum):
    """What the caller's utterance means for the offer that stood."""

    NONE = "none"  # nothing was offered
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    UNHEARD = "unheard"  # a yes, but the words were cut off, or others came between


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to run one tool with these arguments. Comes from `Gate.permit` alone."""

    tool: str
    arguments: Mapping[str, str]
    _seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise NotConfirmed("a permit comes from the gate")


class Gate:
    """The gate of one call's step. Its state lives in the call's notes, so it survives with them.

    Call `hear` with every utterance, `offer` when something was read back, `permit` before any tool.
    """

    def __init__(self, notes: MutableMapping[str, str], confirm_first: Collection[str]) -> None:
        self._notes = notes
        self._confirm_first = frozenset(confirm_first)

    def offer(self, tool: str, arguments: Mapping[str, str], words: str, question: str) -> None:
        """Remember what is being read back: `words` must be heard in full, and nothing but the `question`
        after them (a yes to "Are you still there?" is no yes to an order)."""
        self.reset()
        self._notes[_OFFER] = digest(tool, arguments)
        self._notes[_WORDS], self._notes[_QUESTION] = squeezed(words), squeezed(question)

    def hear(self, text: str, lines: Sequence[Line]) -> Verdict:
        """Judge the caller's next utterance; `lines` is the conversation as it was heard."""
        offered = self._notes.get(_OFFER)
        _, words, after = last_heard(lines).rpartition(self._notes.get(_WORDS) or "?")
        was_heard = bool(words) and self._notes.get(_QUESTION, "").startswith(after)
        self.reset()
        if offered is None:
            return Verdict.NONE
        if not consists_of(text, YES):
            return Verdict.NO if mentions(text, NO) and not mentions(text, YES) else Verdict.UNCLEAR
        if not was_heard:
            return Verdict.UNHEARD
        self._notes[_GRANT] = offered
        return Verdict.YES

    def permit(self, tool: str, arguments: Mapping[str, str]) -> Permit:
        """Leave to run a tool. Raises `NotConfirmed` for one of `confirm_first` without a fresh grant."""
        granted = self._notes.pop(_GRANT, None) if tool in self._confirm_first else digest(tool, arguments)
        if granted != digest(tool, arguments):
            raise NotConfirmed(f"{tool} needs the caller's clear yes to exactly this: read it back")
        return Permit(tool, dict(arguments), _SEAL)

    def reset(self) -> None:
        """Withdraw what was offered or granted."""
        for note in (_OFFER, _WORDS, _QUESTION, _GRANT):
            self._notes.pop(note, None)


def last_heard(lines: Sequence[Line]) -> str:
    """What the caller heard of the agent last: its newest uninterrupted row of lines, squeezed."""
    row: list[str] = []
    for line in reversed(lines):
        if line.speaker == "agent":
            row.append(line.text)
        elif row:
            break
    return squeezed(" ".join(reversed(row)))


def digest(tool: str, arguments: Mapping[str, str]) -> str:
    """A tool with its arguments as 16 hex digits."""
    text = json.dumps([tool, sorted(arguments.items())], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
