"""What a caller's sentence holds for the fields that are wanted: sizes, phones, counts, choices, free text.

Rule 1: what a field looks like is read from its name, from the flow's own words and from the known values.
Rule 2: longer and rarer shapes take their words first: phone, size, choice, count.
Rule 3: a bare number or free text is taken only for the field that was just asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.numbers import Piece, pieces
from agent.words import find, squeezed, tokens

Known = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Known values by field, each with other words for it: `season` → `winter` → (`зимові`, …)."""

PHONE_DIGITS = range(10, 16)
"""A dictated number is complete from ten digits on; E.164 ends at fifteen."""
MAX_TEXT = 200

_EXAMPLE = re.compile(r"\s*(?:for example|e\.g\.|such as|like)\s+([^,;]+)", re.I)
_OR = re.compile(r"\s*(?:,|/|;)\s*(?:or\s+)?|\s+or\s+|\s+або\s+|\s+чи\s+|\s+или\s+", re.I)
_SIZE = re.compile(r"^\d{3}\s*/\s*\d{2}\s*[Rr]\s*\d{2}$")
_WITHIN_SIZE = frozenset(tokens("r ar by over slash radius на р ер эр x х and"))
_COUNT_BEFORE = frozenset(tokens("it quantity only just want need take тільки только"))
_COUNT_AFTER = frozenset(tokens("pieces piece штуки штук шт of"))


class Kind(StrEnum):
    """The shape of a field."""

    SIZE = "size"  # a tyre size, as `205/55 R16`
    PHONE = "phone"  # a telephone number
    COUNT = "count"  # how many, 1 to 99
    NUMBER = "number"  # digits of any length
    CHOICE = "choice"  # one of a closed list
    TEXT = "text"  # whatever is said


@dataclass(frozen=True, slots=True)
class Slot:
    """A field that is wanted. `choices` maps each value to the other words for it."""

    name: str
    kind: Kind
    hint: str = ""  # the flow's own words for it
    example: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def slot(name: str, hint: str = "", known: Known | None = None) -> Slot:
    """Read a field's shape (rule 1)."""
    values = (known or {}).get(name, {})
    match = _EXAMPLE.match(hint)
    example = match.group(1).strip() if match else ""
    if _SIZE.match(example) or (name == "size" and not example):
        return Slot(name, Kind.SIZE, hint, example, values)
    words = set(tokens(name.replace("_", " ")))
    if words & {"phone", "telephone", "mobile", "телефон"}:
        return Slot(name, Kind.PHONE, hint, example)
    if words & {"quantity", "count", "many"}:
        return Slot(name, Kind.COUNT, hint, example)
    if words & {"number", "номер", "code"} and not values:
        return Slot(name, Kind.NUMBER, hint, example)
    choices = _choices(hint) if not example else {}
    if choices or values:
        return Slot(name, Kind.CHOICE, hint, example, _named(choices or values, values))
    return Slot(name, Kind.TEXT, hint, example)


def _choices(hint: str) -> dict[str, tuple[str, ...]]:
    """`summer, winter or all-season` as a closed list; empty when the hint is no list of short names."""
    parts = [part.strip(" .") for part in _OR.split(hint)]
    is_list = len(parts) > 1 and _OR.search(hint.rpartition(",")[2])
    return dict.fromkeys(parts, ()) if is_list and all(1 <= len(tokens(p)) <= 3 for p in parts) else {}


def _named(
    choices: Mapping[str, tuple[str, ...]], known: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Choices with the known other words for them."""
    others = {squeezed(value): words for value, words in known.items()}
    return {choice: (*words, *others.get(squeezed(choice), ())) for choice, words in choices.items()}


def extract(
    text: str, wanted: Sequence[Slot], asked: str | None = None, nouns: Iterable[str] = ()
) -> dict[str, str]:
    """All fields that the sentence holds (rules 2 and 3). `asked` is the field last asked for, `nouns` the
    things that are counted (`tyres`)."""
    words = tokens(text)
    found: dict[str, str] = {}
    order = {Kind.PHONE: 0, Kind.NUMBER: 1, Kind.SIZE: 2, Kind.CHOICE: 3, Kind.COUNT: 4, Kind.TEXT: 5}
    for one in sorted(wanted, key=lambda s: (order[s.kind], s.name != asked)):
        value, taken = _value(one, words, text, one.name == asked, frozenset(nouns))
        if value:
            found[one.name] = value
            words = ["" if at in taken else word for at, word in enumerate(words)]
    return found


def _value(
    one: Slot, words: Sequence[str], text: str, asked: bool, nouns: frozenset[str]
) -> tuple[str, range | frozenset[int]]:
    """One field's value in the words that are left, and the places of the words it was said with."""
    match one.kind:
        case Kind.PHONE:
            return _phone(words, text)
        case Kind.NUMBER:
            return _number(words) if asked else ("", range(0))
        case Kind.SIZE:
            return _size(words)
        case Kind.CHOICE:
            return _choice(one, words)
        case Kind.COUNT:
            return _count(words, asked, nouns)
        case _:
            return (text.strip()[:MAX_TEXT], range(0)) if asked else ("", range(0))


def digits(text: str) -> str:
    """All digits of a sentence, said or written, as one string."""
    return "".join(piece.digits for piece in pieces(tokens(text)))


def can_be_called(number: str) -> bool:
    """Whether this is a whole number of the public network, not an extension or `anonymous`."""
    return len(digits(number)) in PHONE_DIGITS


def phone(dialled: str) -> str:
    """A number in one spelling: E.164 with a plus where the country is Ukraine's, else the digits alone."""
    return f"+{dialled}" if len(dialled) == 12 and dialled.startswith("380") else dialled


def _phone(words: Sequence[str], text: str) -> tuple[str, range]:
    for run in _runs(words):
        said = "".join(piece.digits for piece in run)
        if len(said) in PHONE_DIGITS:
            plus = f"+{run[0].digits}" in text
            return f"+{said}" if plus else phone(said), range(run[0].start, run[-1].end)
    return "", range(0)


def _number(words: Sequence[str]) -> tuple[str, range]:
    runs = _runs(words)
    if not runs:
        return "", range(0)
    return "".join(piece.digits for piece in runs[0]), range(runs[0][0].start, runs[0][-1].end)


def _size(words: Sequence[str]) -> tuple[str, range]:
    """Neighbouring numbers that make up width, profile and rim: seven digits of a size that can exist."""
    for run in _runs(words):
        for first in range(len(run)):
            for last in range(first + 1, len(run) + 1):
                said = "".join(piece.digits for piece in run[first:last])
                if _is_size(said):
                    size = f"{said[:3]}/{said[3:5]} R{said[5:]}"
                    return size, range(run[first].start, run[last - 1].end)
    return "", range(0)


def _is_size(said: str) -> bool:
    """Width 125…355 mm ending in 5, profile 25…90 % in fives, rim 12…24 inches (ETRTO's passenger sizes)."""
    if len(said) != 7:
        return False
    width, profile, rim = int(said[:3]), int(said[3:5]), int(said[5:])
    return (
        125 <= width <= 355
        and width % 10 == 5
        and 25 <= profile <= 90
        and profile % 5 == 0
        and 12 <= rim <= 24
    )


def _runs(words: Sequence[str]) -> list[list[Piece]]:
    """Numbers that stand together, with nothing between them but what people say within a number."""
    runs: list[list[Piece]] = []
    for piece in pieces(words):
        end = runs[-1][-1].end if runs else 0
        if runs and all(word in _WITHIN_SIZE for word in words[end : piece.start]):
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _choice(one: Slot, words: Sequence[str]) -> tuple[str, frozenset[int]]:
    """The one value that is named; none when two different ones are."""
    hits: dict[str, frozenset[int]] = {}
    for value, others in one.choices.items():
        for name in (value, *others):
            part = tokens(name)
            at = find(words, part)
            if at >= 0:
                hits[value] = frozenset(range(at, at + len(part)))
    longest = {v: p for v, p in hits.items() if not any(p < other for other in hits.values())}
    return next(iter(longest.items())) if len(longest) == 1 else ("", frozenset())


def _count(words: Sequence[str], asked: bool, nouns: frozenset[str]) -> tuple[str, range]:
    """A number with a sign that it counts: `make it two`, `four winter tyres`, or bare when asked for."""
    said = pieces(words)
    for piece in said:
        before = words[piece.start - 1] if piece.start else ""
        near = set(words[piece.end : piece.end + 3])
        counts = before in _COUNT_BEFORE or near & (nouns | _COUNT_AFTER) or (asked and len(said) == 1)
        if counts and 1 <= int(piece.digits) <= 99:
            return str(int(piece.digits)), range(piece.start, piece.end)
    return "", range(0)
