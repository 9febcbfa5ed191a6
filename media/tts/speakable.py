"""Written text as a voice should read it: tyre sizes, telephone and order numbers, prices. Pure.

Only what voices read wrongly is rewritten; plain words and numbers stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PLUS = {"en": "plus", "uk": "плюс", "ru": "плюс"}
_NUMBER = {"en": "number", "uk": "номер", "ru": "номер"}
_RIM = {"en": "R", "uk": "ер", "ru": "эр"}
_SIGNS = {"uah": "₴", "грн": "₴", "грн.": "₴", "usd": "$", "eur": "€"}
_MONEY = {  # the forms after 1, after 2…4 and after 5
    "en": {"₴": "hryvnia hryvnias hryvnias", "$": "dollar dollars dollars", "€": "euro euros euros"},
    "uk": {"₴": "гривня гривні гривень", "$": "долар долари доларів", "€": "євро євро євро"},
    "ru": {"₴": "гривна гривны гривен", "$": "доллар доллара долларов", "€": "евро евро евро"},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a voice gets to read, and where in it each written word begins.

    `words` holds `(offset in text, the word as written)`, punctuation included; a number written in several
    parts (`+380 50 123 45 67`) is one word.
    """

    text: str
    words: tuple[tuple[int, str], ...]


def speakable(text: str, language: str) -> Reading:
    """`text` as a voice of `language` (`en`, `uk`, `ru`) should read it."""
    specials = list(_specials(text))
    spoken: list[str] = []
    words: list[tuple[int, str]] = []
    length = 0
    for start, end in _tokens(text, [match.span() for match, _ in specials]):
        inside = [special for special in specials if start <= special[0].start() < end]
        words.append((length, text[start:end]))
        spoken.append(_read(text, start, end, inside, language))
        length += len(spoken[-1]) + 1
    return Reading(" ".join(spoken), tuple(words))


def _read(text: str, start: int, end: int, specials: list[_Special], language: str) -> str:
    parts = []
    for match, read in specials:
        parts += [text[start : match.start()], read(match, language)]
        start = match.end()
    return "".join(parts) + text[start:end]


def _tokens(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The words of the text; a space inside one of the spans does not part them."""
    start = 0
    for space in re.finditer(r"\s+|\Z", text):
        if any(first < space.start() < last for first, last in spans):
            continue
        if space.start() > start:
            yield start, space.start()
        start = space.end()


def _specials(text: str) -> Iterator[_Special]:
    """What is to be read otherwise, from left to right; of two that begin together the first form wins."""
    position = 0
    while position < len(text):
        found = [(match, read) for form, read in _FORMS if (match := form.search(text, position))]
        if not found:
            return
        first = min(found, key=lambda special: special[0].start())
        yield first
        position = first[0].end()


def _size(match: re.Match[str], language: str) -> str:
    inch = f" {_RIM[language]} {match['inch']}" if match["inch"] else ""
    return f"{match['width']} {match['profile']}{inch}"


def _rim(match: re.Match[str], language: str) -> str:
    return f"{_RIM[language]} {match['inch']}"


def _price(match: re.Match[str], language: str) -> str:
    """`3,450.50 UAH` as `3450.50 hryvnias`: whole amounts without separators, then the currency's word."""
    whole = re.sub(r"\D", "", match["amount"])
    sign = _SIGNS.get(match["currency"].lower(), match["currency"])
    one, few, many = _MONEY[language][sign].split()
    if match["cents"] and int(match["cents"]):
        return f"{whole}{'.' if language == 'en' else ','}{match['cents']} {few}"
    return f"{whole} {(one, few, many)[_plural(int(whole), language)]}"


def _plural(number: int, language: str) -> int:
    """Which form follows a number: 0 as after 1, 1 as after 2, 2 as after 5."""
    if language == "en":
        return 0 if number == 1 else 1
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2


def _phone(match: re.Match[str], language: str) -> str:
    """Digit by digit, with a pause between groups: as written, or …3, 3, 2, 2 when written in one."""
    groups = re.findall(r"\d+", match.group())
    if len(groups) == 1:
        groups = _groups(groups[0])
    plus = f"{_PLUS[language]} " if match.group().startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def _groups(digits: str) -> list[str]:
    groups = [digits[-4:-2], digits[-2:]]
    rest = digits[:-4]
    while rest:
        groups.insert(0, rest[-3:])
        rest = rest[:-3]
    return groups


def _reference(match: re.Match[str], language: str) -> str:
    return f"{_NUMBER[language]} {_spelled(match['mark'])}"


def _code(match: re.Match[str], language: str) -> str:
    return _spelled(match["mark"])


def _spelled(mark: str) -> str:
    return " ".join(mark.replace("-", ""))


_Reader = Callable[[re.Match[str], str], str]
_Special = tuple[re.Match[str], _Reader]

_AMOUNT = r"(?P<amount>\d{1,3}(?:[ ,\u00a0]\d{3})+(?!\d)|\d+)"
_CURRENCY = r"(?P<currency>UAH\b|USD\b|EUR\b|грн\b\.?|[₴$€])"
_INCH = r"[RР]\s?(?P<inch>\d\d)\b"
_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(form, re.IGNORECASE), read)
    for form, read in (
        (rf"(?<![\w/])(?P<width>\d{{3}})\s?/\s?(?P<profile>\d\d)(?![\d/])(?:\s?Z?{_INCH})?", _size),
        (rf"(?<!\w){_INCH}", _rim),
        (rf"(?<![\d.,]){_AMOUNT}(?:[.,](?P<cents>\d\d))?\s?{_CURRENCY}", _price),
        (rf"(?P<currency>[₴$€])\s?{_AMOUNT}(?:\.(?P<cents>\d\d)(?!\d))?", _price),
        (r"\+\d[\d\s()-]{7,17}\d|(?<![\w+(-])\(?0\d[\d\s()-]{6,13}\d(?!\w)", _phone),
        (r"[№#]\s?(?P<mark>(?:[^\W\d]{1,4}-?)?\d+)", _reference),
        (r"(?<![\w-])(?P<mark>[^\W\d_]{1,4}-\d{3,})(?!\w)", _code),
        (r"(?:(?<=number )|(?<=order )|(?<=номер )|(?<=замовлення )|(?<=заказ )|(?<=заказа ))"
         r"(?P<mark>\d{3,})(?![\w/]|[.,]\d)", _code),
        (r"(?<![\w.,/+-])(?P<mark>\d{5,})(?![\w/]|[.,]\d)", _code),
    )
)  # fmt: skip
