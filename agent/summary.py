"""What an operator is told before a caller is joined: what it is about, what came of it, the number. Pure.

It is heard while the caller waits, and its beginning is shown on a telephone's display: so two sentences at
most, the matter first, and the number, which the display shows anyway, last.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent import outcomes
from agent.notes import FAULT
from agent.ports import Conversation
from agent.slots import Kind, Known, can_be_called, digits, phone, slot

_REASONS = {
    outcomes.WANTS_HUMAN: "wants a person",
    outcomes.NOT_FOUND: "nothing suitable found",
    outcomes.NOT_UNDERSTOOD: "was not understood",
    "limit": "the call took too long",
    "error": "technical fault",
    "no_key": "pressed no key",
    "wrong_key": "pressed a wrong key",
}


def summary(talk: Conversation, reason: str, known: Known) -> str:
    """`Winter tyres 205/55 R16, wants a person, no order yet. Calls from 050 111 22 33.`

    `reason` is why the call is handed over: an outcome, `key_0`, a limit. `known` are the tools' words: the
    first `product` of them is what the caller's answers describe.
    """
    first = ", ".join(filter(None, (*_told(talk, known), _because(talk, reason), _done(talk, reason))))
    return f"{first[:1].upper()}{first[1:]}. {_reached(talk)}".strip()


def national(number: str) -> str:
    """A number in groups for the ear, a Ukrainian one as it is dialled at home: `050 111 22 33`."""
    said = digits(number)
    if phone(said).startswith("+380"):
        said = said.removeprefix("38")
        return f"{said[:3]} {said[3:6]} {said[6:8]} {said[8:]}"
    return number


def _told(talk: Conversation, known: Known) -> Iterator[str]:
    """The caller's answers: those that describe the product as one phrase, the others by their names."""
    parts: dict[Kind, list[str]] = {Kind.COUNT: [], Kind.CHOICE: [], Kind.SIZE: []}
    others: list[str] = []
    for name, value in talk.slots.items():
        kind = slot(name, known=known).kind
        if kind in parts:
            parts[kind].append(value)
        elif kind is not Kind.PHONE:
            others.append(f"{name.replace('_', ' ')} {value}")
    if any(parts.values()):
        product = list(known.get("product", {}))[:1]
        yield " ".join([*parts[Kind.COUNT], *parts[Kind.CHOICE], *product, *parts[Kind.SIZE]])
    yield from others


def _because(talk: Conversation, reason: str) -> str:
    if fault := talk.notes.get(FAULT):
        return f"technical fault: {fault.replace('_', ' ')}"
    if reason.startswith("key_"):
        return f"pressed {reason.removeprefix('key_')}"
    return _REASONS.get(reason, reason.replace("_", " "))


def _done(talk: Conversation, reason: str) -> str:
    number, status = talk.values.get("order.number"), talk.values.get("order.status", "")
    if number:
        return f"order {number} {'not confirmed yet' if status == 'new' else status}".strip()
    return "" if reason == outcomes.NOT_FOUND else "no order yet"


def _reached(talk: Conversation) -> str:
    """Where to call: the number she named, if it is another than the one she calls from."""
    named = next((value for name, value in talk.slots.items() if slot(name).kind is Kind.PHONE), "")
    if named and digits(national(named)) != digits(national(talk.caller)):
        return f"To be called at {national(named)}."
    return f"Calls from {national(talk.caller)}." if can_be_called(talk.caller) else ""
