"""What the local agent remembers between two turns of one step: a typed view of the conversation's notes."""

from __future__ import annotations

from collections.abc import MutableMapping
from enum import StrEnum

FAULT = "fault"
"""The note of the call's last fault, for the operator's summary."""


class Asked(StrEnum):
    """Questions that ask for no field; a field's question is noted by the field's name."""

    CALLER = "@caller"  # whether the calling number may be used
    CONFIRM = "@confirm"  # the yes to a read-back
    CHANGE = "@change"  # what is to be changed after a no
    OUTCOME = "@outcome"  # the answer itself, in a step that collects nothing


class StepNotes:
    """The notes of the step that the call is in."""

    def __init__(self, notes: MutableMapping[str, str], visit: str) -> None:
        self._notes = notes
        self._visit = visit

    @property
    def is_open(self) -> bool:
        """Whether this visit of the step has begun."""
        return self._notes.get("step") == self._visit

    def open(self) -> None:
        """Begin the visit, with nothing asked."""
        self.close()
        self._notes["step"] = self._visit

    def close(self) -> None:
        """Forget all about the step."""
        for note in ("step", "asked", "misses", "other_number", "part", "greeted"):
            self._notes.pop(note, None)

    @property
    def asked(self) -> str:
        """The field or the question that was asked last, or empty."""
        return self._notes.get("asked", "") if self.is_open else ""

    @asked.setter
    def asked(self, what: str) -> None:
        self._notes["asked"] = what

    @property
    def misses(self) -> int:
        """How many utterances in a row were not understood."""
        return int(self._notes.get("misses", "0"))

    @misses.setter
    def misses(self, number: int) -> None:
        self._notes["misses"] = str(number)

    @property
    def part(self) -> str:
        """The digits so far of a number that is dictated in several breaths."""
        return self._notes.get("part", "")

    @part.setter
    def part(self, digits: str) -> None:
        self._notes["part"] = digits

    @property
    def wants_other_number(self) -> bool:
        """Whether the caller does not want the calling number used."""
        return "other_number" in self._notes

    def want_other_number(self) -> None:
        """The calling number is not to be offered again."""
        self._notes["other_number"] = "yes"

    @property
    def greeted(self) -> bool:
        """Whether the caller's "I want to order" has been answered."""
        return "greeted" in self._notes

    def greet(self) -> None:
        """Note that it has."""
        self._notes["greeted"] = "yes"
