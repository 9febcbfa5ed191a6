"""The sentences of the local agent, made from the flow's own words. Pure; none is over 200 characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from agent.ports import Tool
from agent.slots import Kind, Slot, can_be_called, slot
from agent.words import listed

MAX_SENTENCE = 200
SORRY = "Sorry, I did not catch that."
OF_COURSE = "Of course."
ONE_MOMENT = "One moment, please."
ONCE_MORE = "To be sure, once more."
AWAY = "I am sorry, I cannot look that up just now."
HELP = "How can I help you?"
_END = re.compile(r"(?<=[.!?])\s+(?=\w)")


def sentences(text: str) -> list[str]:
    """A text cut into sentences, and a sentence that is too long at a space."""
    return [part for sentence in _END.split(text.strip()) for part in _cut(sentence) if part]


def _cut(sentence: str) -> Iterable[str]:
    while len(sentence) > MAX_SENTENCE:
        at = sentence.rfind(" ", 1, MAX_SENTENCE)
        at = at if at > 0 else MAX_SENTENCE
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    yield sentence


def question(slot: Slot, misses: int = 0) -> str:
    """Ask for a field; from the second miss on, in other words and for less."""
    label = slot.name.replace("_", " ")
    example = f" For example {slot.example}." if slot.example else ""
    choices = listed(slot.choices, "or")
    match slot.kind:
        case Kind.CHOICE:
            return f"Please say one of these: {choices}." if misses > 1 else f"Which {label}: {choices}?"
        case Kind.PHONE if misses > 1:
            return "Please say the number slowly, digit by digit, all in one go."
        case Kind.PHONE:
            return f"What is the {slot.hint}?" if slot.hint else "Which phone number, please?"
        case Kind.COUNT:
            return "Please say just the number." if misses > 1 else "How many, please?"
        case Kind.TEXT if slot.hint and not slot.example:
            return (
                f"Please tell me only this: {slot.hint}." if misses > 1 else f"Please tell me: {slot.hint}."
            )
        case _ if misses > 1:
            like = f", like {slot.example}" if slot.example else ""
            return f"Please say only the {label}{like}."
        case _:
            return f"Which {label}, please?{example}"


def use_caller(slot: Slot, misses: int = 0) -> str:
    """Offer the number that the caller calls from."""
    if misses > 1:
        return "Say yes to use the number you are calling from, or say another number."
    what = f"The {slot.hint}: shall" if slot.hint else "Shall"
    return f"{what} I use the number you are calling from?"


def the_rest(digits: str) -> str:
    """A number was begun: ask for what is missing."""
    return f"I have {' '.join(digits)}, and the rest?"


def read_back(arguments: Mapping[str, str], caller: str = "") -> str:
    """What is about to be done, in full; ids of machines are left out where there is anything else.

    A telephone number that is the `caller`'s own is named as such: spelling it takes seven seconds.
    """
    shown = {name: value for name, value in arguments.items() if not name.endswith("_id")} or arguments
    parts = [_detail(name, value, caller) for name, value in shown.items()]
    text = f"Let me read that back: {'; '.join(parts)}."
    return text if len(text) <= MAX_SENTENCE else f"Let me read that back. {'. '.join(parts)}."


def _detail(name: str, value: str, caller: str) -> str:
    if can_be_called(caller) and value == caller and slot(name).kind is Kind.PHONE:
        return "we call the number you are calling from"
    return f"{name.replace('_', ' ')} {value}"


def shall_i(tool: Tool) -> str:
    """The question that closes a read-back."""
    plain = tool.description.strip().rstrip(".")
    return f"Shall I {plain}?" if len(plain) <= 60 and "." not in plain else "Shall I go ahead?"


def change(fields: Iterable[str]) -> str:
    """The read-back was wrong: what is to be changed."""
    names = listed((field.replace("_", " ") for field in fields), "or")
    return f"What shall I change: {names}? Or say: that is all."


def which_outcome(names: Iterable[str]) -> str:
    """Name the possible answers of a step that collects nothing."""
    return f"Please say one of these: {listed((name.replace('_', ' ') for name in names), 'or')}."
