"""What a recogniser is told to expect."""

from __future__ import annotations

import pytest

from agent.phrases import MAX_PHRASES, expected, spoken_size
from agent.slots import slot

KNOWN = {"size": {f"{width}/55 R16": () for width in range(135, 355, 10)}, "product": {"tyres": ()}}


def test_the_usual_ways_to_say_a_size() -> None:
    assert spoken_size("205/55 R16") == (
        "two oh five fifty five sixteen",
        "two hundred five fifty five sixteen",
        "two zero five fifty five sixteen",
        "two oh five fifty five r sixteen",
        "two hundred five fifty five r sixteen",
    )
    assert spoken_size("225/45 R17")[0] == "two twenty five forty five seventeen"


@pytest.mark.parametrize("text", ["", "big", "205/55", "5/5 R5", "205/155 R16"])
def test_what_is_no_size_is_not_said(text: str) -> None:
    assert spoken_size(text) == ()


def test_phrases_are_plain_words_each_once_and_bounded() -> None:
    slots = [slot("size", "", KNOWN), slot("season", "summer, winter, or all-season", KNOWN)]
    phrases = expected(slots, KNOWN, "en", yes_no=True).phrases
    assert len(phrases) == len(set(phrases)) <= MAX_PHRASES
    assert all(
        phrase.replace(" ", "").replace("'", "").isalpha() and phrase == phrase.lower() for phrase in phrases
    )
    assert "all season tyres" in phrases


def test_another_language_has_the_closed_lists_only() -> None:
    told = expected([slot("season", "summer or winter")], KNOWN, "uk", yes_no=True)
    assert {"так", "ні", "оператор"} <= set(told.phrases)
    assert "winter" not in told.phrases


def test_digits_are_for_numbers() -> None:
    assert expected([slot("phone")], {}, "en", yes_no=False).digits
    assert expected([slot("order_number")], {}, "en", yes_no=False).digits
    assert not expected([slot("quantity")], {}, "en", yes_no=False).digits
