"""Numbers as people say them: from words in three languages to digits, and from digits to English words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_EN = _list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_UK = _list(
    "нуль один два три чотири п'ять шість сім вісім дев'ять десять одинадцять дванадцять тринадцять "
    "чотирнадцять п'ятнадцять шістнадцять сімнадцять вісімнадцять дев'ятнадцять"
)
_RU = _list(
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать "
    "четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"
)
_EN_TENS = _list("twenty thirty forty fifty sixty seventy eighty ninety")
_UK_TENS = _list("двадцять тридцять сорок п'ятдесят шістдесят сімдесят вісімдесят дев'яносто")
_RU_TENS = _list("двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто")
_UK_HUNDREDS = _list("сто двісті триста чотириста п'ятсот шістсот сімсот вісімсот дев'ятсот")
_RU_HUNDREDS = _list("сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот")

_VALUES: dict[str, int] = {
    **{word: value for words in (_EN, _UK, _RU) for value, word in enumerate(words)},
    **{word: value * 10 for words in (_EN_TENS, _UK_TENS, _RU_TENS) for value, word in enumerate(words, 2)},
    **{word: value * 100 for words in (_UK_HUNDREDS, _RU_HUNDREDS) for value, word in enumerate(words, 1)},
    **dict.fromkeys(("oh", "o"), 0),
    **dict.fromkeys(("одна", "одну"), 1),
    **dict.fromkeys(("дві", "две"), 2),
}
_REPEATS = {"double": 2, "triple": 3}
_JOINERS = frozenset({"and", "та", "і", "и"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One number that was said, as digits, and the words `[start, end)` it was said with."""

    digits: str
    start: int
    end: int


def pieces(words: Sequence[str]) -> list[Piece]:
    """The numbers of a sentence in order: `two oh five fifty five` is 2, 0, 5, 55."""
    found: list[Piece] = []
    at = 0
    while at < len(words):
        piece = _piece(words, at)
        if piece:
            found.append(piece)
        at = piece.end if piece else at + 1
    return found


def _piece(words: Sequence[str], at: int) -> Piece | None:
    """The longest number that begins at a word."""
    word = words[at]
    if word.isdecimal():
        return Piece(word, at, at + 1)
    if word in _REPEATS and at + 1 < len(words) and 0 <= _value(words, at + 1) <= 9:
        return Piece(str(_value(words, at + 1)) * _REPEATS[word], at, at + 2)
    value = _value(words, at)
    if value < 0:
        return None
    end = at + 1
    if 1 <= value <= 9 and end < len(words) and words[end] == "hundred":
        value, end = value * 100, end + 1
    while (step := _smaller(words, end, value)) > 0:
        value, end = value + _value(words, end + step - 1), end + step
    return Piece(str(value), at, end)


def _smaller(words: Sequence[str], at: int, value: int) -> int:
    """How many words add a smaller part to a number: tens or ones after hundreds, ones after tens."""
    room = 100 if value % 100 == 0 else 10 if value % 10 == 0 and value % 100 >= 20 else 0
    joined = at < len(words) and words[at] in _JOINERS and value >= 100
    part = _value(words, at + joined)
    return 1 + joined if value and 0 < part < room else 0


def _value(words: Sequence[str], at: int) -> int:
    return _VALUES.get(words[at], -1) if at < len(words) else -1


def below_hundred(number: int) -> str:
    """0 to 99 in English words."""
    if number < 20:
        return _EN[number]
    tens, ones = divmod(number, 10)
    return _EN_TENS[tens - 2] + (f" {_EN[ones]}" if ones else "")


def by_digits(digits: str, zero: str = "zero") -> str:
    """Digit by digit in English words."""
    return " ".join(zero if digit == "0" else _EN[int(digit)] for digit in digits)


def below_thousand(number: int) -> tuple[str, ...]:
    """The usual ways to say 100 to 999, commonest first: `two oh five`, `two hundred five`."""
    hundreds, rest = divmod(number, 100)
    first = _EN[hundreds]
    if rest == 0:
        return (f"{first} hundred",)
    short = f"{first} oh {_EN[rest]}" if rest < 10 else f"{first} {below_hundred(rest)}"
    return tuple(dict.fromkeys((short, f"{first} hundred {below_hundred(rest)}", by_digits(str(number)))))
