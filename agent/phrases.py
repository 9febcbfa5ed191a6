"""What a caller may say now, as spoken words: a grammar for a recogniser, from the flow's own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from agent import words
from agent.numbers import below_hundred, below_thousand
from agent.ports import Expected
from agent.slots import Kind, Known, Slot

MAX_PHRASES = 600
COUNTS = range(1, 9)
"""Counts worth listening for; nobody with two cars buys more."""


def expected(
    slots: Sequence[Slot], known: Known, language: str, *, yes_no: bool, more: Iterable[str] = ()
) -> Expected:
    """The phrases for the fields that are open, `yes_no` where such an answer is awaited, `more` for field
    names, and always the ways to a person, to an end and to hearing it again. English has all of it; of
    another language the closed lists only."""
    listing = _all(slots, known, language, yes_no, more)
    asks_digits = any(slot.kind in (Kind.PHONE, Kind.NUMBER) for slot in slots)
    return Expected(tuple(islice(dict.fromkeys(listing), MAX_PHRASES)), digits=asks_digits)


def _all(
    slots: Sequence[Slot], known: Known, language: str, yes_no: bool, more: Iterable[str]
) -> Iterator[str]:
    if yes_no:
        yield from words.phrases(words.YES, language)
        yield from words.phrases(words.NO, language)
    yield from words.phrases(words.HUMAN, language)
    yield from words.phrases(words.DONE, language)
    yield from words.phrases(words.AGAIN, language)
    yield from words.phrases(words.REFUSES, language)
    if language == "en":
        yield from (_plain(name) for name in more)
        yield from _fields(slots, known)


def _fields(slots: Sequence[Slot], known: Known) -> Iterator[str]:
    """Each field alone, then a size and a choice in one breath."""
    noun = _plain(next(iter(known.get("product", {})), ""))
    sizes = list(known.get("size", {}))
    if noun:
        yield from (
            f"{want} {noun}" for want in ("i want to order", "i want to buy", "i need", "i would like")
        )
        yield noun
    listed = [slot for slot in slots if slot.kind is Kind.CHOICE]
    choices = [_plain(value) for slot in listed if slot.hint for value in slot.choices]
    yield from (_plain(value) for slot in listed if not slot.hint for value in slot.choices)
    for choice in choices:
        yield from (choice, f"{choice} please")
        if noun:
            yield from (f"{choice} {noun}", f"{choice} {noun} please", f"i need {choice} {noun}")
    if any(slot.kind is Kind.SIZE for slot in slots):
        for size in sizes:
            yield from spoken_size(size)
        for first in (spoken_size(size)[0] for size in sizes):
            for choice in choices:
                yield from (f"{choice} {first}", f"{first} {choice}")
                if noun:
                    yield f"{choice} {noun} {first}"
    if any(slot.kind is Kind.COUNT for slot in slots):
        for count in map(below_hundred, COUNTS):
            yield from (f"make it {count}", f"{count} {noun}".strip(), count)


def spoken_size(size: str) -> tuple[str, ...]:
    """The usual ways to say `205/55 R16`, commonest first; empty for what is no such size."""
    numbers = [int(part) for part in words.tokens(size) if part.isdecimal()]
    if len(numbers) != 3 or not 100 <= numbers[0] <= 999 or max(numbers[1:]) > 99:
        return ()
    profile, rim = map(below_hundred, numbers[1:])
    widths = below_thousand(numbers[0])
    plain = [f"{width} {profile} {rim}" for width in widths]
    return (*plain, *(f"{width} {profile} r {rim}" for width in widths[:2]))


def _plain(text: str) -> str:
    """Words alone: `all-season` is said `all season`."""
    return " ".join(words.tokens(text))
