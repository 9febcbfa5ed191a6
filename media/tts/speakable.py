"""Written text as a voice should read it: tyre sizes, telephone and order numbers, prices. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_DIGITS_AFTER = r"(?:(?<=number )|(?<=order )|(?<=номер )|(?<=замовлення )|(?<=заказ )|(?<=заказа ))"
_CURRENCY = r"UAH|грн\b\.?|₴|USD|\$|EUR|€"
_AMOUNT = r"\d{1,3}(?:[ ,\u00a0]\d{3})+|\d+"
_SPECIAL = re.compile(
    r"(?P<size>(?<![\w/])(?P<width>\d{3})\s?/\s?(?P<profile>\d{2})(?![\d/])(?:\s?Z?[RР]\s?(?P<inch>\d{2}\b))?)"
    r"|(?P<rim>\b[RР](?P<rim_inch>\d{2})\b)"
    rf"|(?P<price>(?<![\d.,])(?P<amount>{_AMOUNT})(?:[.,](?P<cents>\d\d))?\s?(?P<currency>{_CURRENCY}))"
    rf"|(?P<priced>(?P<sign>[$€₴])\s?(?P<signed>{_AMOUNT})(?:\.(?P<signed_cents>\d\d))?(?!\d))"
    r"|(?P<phone>\+\d[\d\s()-]{7,17}\d|(?<![\w+])\(?0\d[\d\s()-]{6,13}\d(?!\w))"
    r"|(?P<reference>(?:№|#)\s?(?P<mark>[\w-]*\d))"
    rf"|(?P<code>(?<![\w-])(?:(?P<letters>[A-ZА-ЯІЇЄҐ]{{1,4}})-)?{_DIGITS_AFTER}?(?P<digits>\d{{2,}})(?![\w.,/]*\d))"
)
_TOKEN = re.compile(rf"(?:{re.sub(r'[?]P<[a-z_]+>', '?:', _SPECIAL.pattern)}|\S)+")

_PLUS = {"en": "plus", "uk": "плюс", "ru": "плюс"}
_NUMBER = {"en": "number", "uk": "номер", "ru": "номер"}
_RIM = {"en": "R", "uk": "ер", "ru": "эр"}
_MONEY: dict[str, dict[str, tuple[str, str, str]]] = {  # the forms after 1, after 2…4, after 5
    "en": {
        "₴": ("hryvnia", "hryvnias", "hryvnias"),
        "$": ("dollar", "dollars", "dollars"),
        "€": ("euro", "euros", "euros"),
    },
    "uk": {
        "₴": ("гривня", "гривні", "гривень"),
        "$": ("долар", "долари", "доларів"),
        "€": ("євро", "євро", "євро"),
    },
    "ru": {
        "₴": ("гривна", "гривны", "гривен"),
        "$": ("доллар", "доллара", "долларов"),
        "€": ("евро", "евро", "евро"),
    },
}
