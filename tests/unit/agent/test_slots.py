"""What a sentence holds, in three languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.numbers import pieces
from agent.phrases import spoken_size
from agent.slots import Kind, extract, slot
from agent.words import tokens

KNOWN = {"season": {"winter": ("зимові",), "all-season": ("всесезонні",)}, "brand": {"Nokian": ("нокіан",)}}
SIZE = slot("size", "for example 205/55 R16, or make, model and year of the car")
SEASON = slot("season", "summer, winter or all-season", KNOWN)
PHONE = slot("phone", "number for the delivery call")
COUNT = slot("quantity")
BRAND = slot("brand", "", KNOWN)
ALL = [SIZE, SEASON, PHONE, COUNT, BRAND]


@pytest.mark.parametrize(
    ("name", "hint", "kind"),
    [
        ("size", "for example 205/55 R16", Kind.SIZE),
        ("season", "summer, winter or all-season", Kind.CHOICE),
        ("answer", "yes or no", Kind.CHOICE),
        ("phone", "", Kind.PHONE),
        ("order_number", "", Kind.NUMBER),
        ("quantity", "", Kind.COUNT),
        ("name", "your name", Kind.TEXT),
        ("wish", "tell us, in a few words, what you want or do not want of this", Kind.TEXT),
    ],
)
def test_the_shape_is_read_from_the_words(name: str, hint: str, kind: Kind) -> None:
    assert slot(name, hint).kind is kind


def test_the_choices_are_the_flows_own() -> None:
    assert list(SEASON.choices) == ["summer", "winter", "all-season"]
    assert SEASON.choices["winter"] == ("зимові",)
    assert SIZE.example == "205/55 R16"


@pytest.mark.parametrize(
    "text",
    [
        "205/55 R16",
        "205/55r16",
        "2055516",
        "two oh five fifty five sixteen",
        "two zero five, five five, one six",
        "two hundred five, fifty five, R sixteen",
        "two hundred and five slash fifty five by sixteen",
        "двісті п'ять на п'ятдесят п'ять шістнадцять",
        "двести пять пятьдесят пять эр шестнадцать",
        "I need four winter tyres two oh five fifty five sixteen please",
    ],
)
def test_sizes(text: str) -> None:
    assert extract(text, ALL)["size"] == "205/55 R16"


@pytest.mark.parametrize("text", ["205 55", "999/99 R99", "two five", "my number is 067 205 55 16"])
def test_no_sizes(text: str) -> None:
    assert "size" not in extract(text, ALL)


@given(
    st.integers(12, 35).map(lambda n: n * 10 + 5),
    st.integers(5, 18).map(lambda n: n * 5),
    st.integers(12, 24),
)
def test_a_size_is_understood_in_all_its_spoken_forms(width: int, profile: int, rim: int) -> None:
    size = f"{width}/{profile} R{rim}"
    assert spoken_size(size)
    for form in (size, *spoken_size(size)):
        assert extract(form, [SIZE]) == {"size": size}, form


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("050 111 22 33", "0501112233"),
        ("+380 50 111-22-33", "+380501112233"),
        ("380501112233", "+380501112233"),
        ("zero five zero, triple one, double two, thirty three", "0501112233"),
        ("нуль п'ятдесят сто одинадцять двадцять два тридцять три", "0501112233"),
        ("my phone is oh five oh one one one two two three three thanks", "0501112233"),
    ],
)
def test_phones(text: str, phone: str) -> None:
    assert extract(text, ALL) == {"phone": phone}


@pytest.mark.parametrize("text", ["050 111", "1" * 16])
def test_no_phones(text: str) -> None:
    assert extract(text, [PHONE], "phone") == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("four winter tyres", "4"),
        ("make it two", "2"),
        ("шість шин", "6"),
        ("three pieces", "3"),
        ("I want two", "2"),
    ],
)
def test_counts(text: str, count: str) -> None:
    assert extract(text, ALL, None, ("tyres", "шин"))["quantity"] == count


def test_a_bare_number_counts_only_when_asked_for() -> None:
    assert extract("two", ALL) == {}
    assert extract("two", ALL, "quantity") == {"quantity": "2"}
    assert extract("zero", ALL, "quantity") == {}


def test_two_choices_are_none() -> None:
    assert extract("winter or summer, I do not know", [SEASON]) == {}
    assert extract("all season tyres", [SEASON]) == {"season": "all-season"}
    assert extract("всесезонні нокіан", ALL) == {"season": "all-season", "brand": "Nokian"}


def test_free_text_is_taken_only_for_what_was_asked() -> None:
    name = slot("name", "your name")
    assert extract("Olena Kovalenko", [name]) == {}
    assert extract("Olena Kovalenko", [name], "name") == {"name": "Olena Kovalenko"}
    assert len(extract("a" * 5000, [name], "name")["name"]) == 200


@given(st.text(max_size=200))
def test_nothing_a_caller_says_breaks_it(text: str) -> None:
    for asked in (None, "phone", "quantity", "size"):
        found = extract(text, ALL, asked, ("tyres",))
        assert found.keys() <= {one.name for one in ALL}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("two oh five", ["2", "0", "5"]),
        ("two hundred", ["200"]),
        ("one hundred and ninety five sixty five", ["195", "65"]),
        ("twenty two three", ["22", "3"]),
        ("сто двадцять п'ять", ["125"]),
        ("double", []),
        ("no numbers", []),
    ],
)
def test_numbers(text: str, numbers: list[str]) -> None:
    assert [piece.digits for piece in pieces(tokens(text))] == numbers
