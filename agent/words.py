"""Closed lists of what callers say, in English, Ukrainian and Russian, and how a text is cut into words.

A list is a mapping of language to phrases; matching uses all languages at once, because callers mix them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

Phrasebook = Mapping[str, tuple[str, ...]]

YES: Phrasebook = {
    "en": (
        "yes", "yes please", "yeah", "yep", "sure", "correct", "right", "that is right", "that's right",
        "that is correct", "that's correct", "go ahead", "of course", "okay", "ok", "i agree", "i confirm",
        "confirm", "please do", "do it", "all right", "exactly",
    ),
    "uk": (
        "так", "авжеж", "звичайно", "згоден", "згодна", "добре", "правильно", "вірно", "підтверджую",
        "ага", "все вірно",
    ),
    "ru": (
        "да", "конечно", "согласен", "согласна", "хорошо", "правильно", "верно", "подтверждаю", "всё верно",
        "все верно",
    ),
}  # fmt: skip
NO: Phrasebook = {
    "en": (
        "no", "no thanks", "no thank you", "nope", "wrong", "not right", "that is wrong", "that's wrong",
        "cancel", "don't", "do not", "not that", "incorrect",
    ),
    "uk": ("ні", "не треба", "не потрібно", "неправильно", "невірно", "скасуйте", "не згоден", "не згодна"),
    "ru": ("нет", "не надо", "не нужно", "неправильно", "неверно", "отмените", "не согласен", "не согласна"),
}  # fmt: skip
HUMAN: Phrasebook = {
    "en": (
        "operator", "operator please", "a person please", "a person", "a human", "human", "real person",
        "speak to a person", "talk to a person", "somebody", "a manager", "manager", "a colleague",
        "put me through", "live agent", "representative",
    ),
    "uk": ("оператор", "оператора", "оператором", "людина", "людину", "людиною", "менеджер", "менеджера",
           "менеджером", "живою людиною", "з'єднайте"),
    "ru": ("оператор", "оператора", "оператором", "человек", "человека", "человеком", "менеджер",
           "менеджера", "менеджером", "соедините"),
}  # fmt: skip
REFUSES: Phrasebook = {
    "en": (
        "not interested", "stop calling", "do not call", "don't call", "leave me alone", "remove my number",
        "take me off", "i refuse",
    ),
    "uk": ("не цікаво", "не цікавить", "не дзвоніть", "більше не телефонуйте", "відмовляюся"),
    "ru": ("не интересно", "неинтересно", "не интересует", "не звоните", "отказываюсь"),
}  # fmt: skip
DONE: Phrasebook = {
    "en": (
        "that's all", "that is all", "nothing else", "nothing", "goodbye", "bye", "no thanks that's all",
        "forget it", "never mind", "no thank you that is all", "no more",
    ),
    "uk": ("це все", "більше нічого", "нічого", "до побачення", "дякую це все"),
    "ru": ("это всё", "это все", "больше ничего", "ничего", "до свидания", "спасибо это всё"),
}  # fmt: skip
AGAIN: Phrasebook = {
    "en": ("say that again", "repeat", "repeat please", "pardon", "what did you say", "again please"),
    "uk": ("повторіть", "ще раз", "не почув", "не почула"),
    "ru": ("повторите", "ещё раз", "еще раз", "не расслышал", "не расслышала"),
}
WANTS: Phrasebook = {
    "en": (
        "i want",
        "i would like",
        "i'd like",
        "i need",
        "to order",
        "to buy",
        "order",
        "hello",
        "good day",
    ),
    "uk": ("хочу", "потрібні", "потрібно", "замовити", "купити", "добрий день"),
    "ru": ("хочу", "нужны", "нужно", "заказать", "купить", "здравствуйте", "добрый день"),
}
POLITE: Phrasebook = {
    "en": ("please", "thank you", "thanks", "well", "um", "uh", "it is", "that", "is", "very", "much", "so"),
    "uk": ("будь ласка", "дякую", "ну", "це", "все"),
    "ru": ("пожалуйста", "спасибо", "ну", "это", "всё"),
}
"""Words that change nothing about a yes or a no."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+")


def tokens(text: str) -> list[str]:
    """Small letters; words and numbers apart: `205/55R16` is `205 55 r 16`."""
    return _WORD.findall(text.lower().replace("\u2019", "'").replace("\u02bc", "'"))


def squeezed(text: str) -> str:
    """Letters and digits alone: texts are the same when only spaces, case and punctuation differ."""
    return "".join(char for char in text.lower() if char.isalnum())


def phrases(book: Phrasebook, language: str) -> tuple[str, ...]:
    """The phrases of one language; of English where the list has none of it."""
    return book.get(language, book["en"])


def mentions(text: str, book: Phrasebook) -> bool:
    """Whether any phrase of the list, in any language, stands in the text as whole words."""
    words = tokens(text)
    return any(find(words, tokens(phrase)) >= 0 for phrase in chain.from_iterable(book.values()))


def consists_of(text: str, book: Phrasebook) -> bool:
    """Whether the text is phrases of the list and polite words, and nothing else: a clear answer."""
    words = tokens(text)
    rest = _without(_without(words, book), POLITE)
    return not rest and bool(words) and mentions(text, book)


def find(words: Sequence[str], part: Sequence[str]) -> int:
    """Where `part` begins within `words`, or -1."""
    size = len(part)
    starts = range(len(words) - size + 1) if size else range(0)
    return next((at for at in starts if list(words[at : at + size]) == list(part)), -1)


def _without(words: list[str], book: Phrasebook) -> list[str]:
    """What is left when the phrases are taken out, longest first. A gap stays, so that no phrase is made."""
    left = list(words)
    for part in sorted((tokens(p) for p in chain.from_iterable(book.values())), key=len, reverse=True):
        while (at := find(left, part)) >= 0:
            left[at : at + len(part)] = [""]
    return [word for word in left if word]


def listed(names: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, end = list(names) or [""]
    return f"{', '.join(first)} {last} {end}" if first else end
