"""What a caller may say, as a graph of words."""

import pytest

from media.stt.grammar import DIGITS, Graph, graph, meaning, words


def _accepts(whole: Graph, *spoken: str) -> bool:
    """Whether the graph leads from its begin to its end by exactly these words."""

    def silent(states: set[int]) -> set[int]:
        more = {end for begin, end, _, word in whole.arcs if word is None and begin in states} - states
        return silent(states | more) if more else states

    states = silent({0})
    for said in spoken:
        states = silent({end for begin, end, _, word in whole.arcs if word == said and begin in states})
    return 1 in states


@pytest.mark.parametrize(
    ("phrase", "spoken"),
    [
        ("Winter", ("winter",)),
        ("All-season, please!", ("all", "season", "please")),
        ("I don’t know", ("i", "don't", "know")),
        ("дев'ять", ("дев'ять",)),
        ("205/55 R16", ("205", "55", "r16")),
        ("…", ()),
    ],
)
def test_a_phrase_is_the_words_that_are_spoken(phrase: str, spoken: tuple[str, ...]) -> None:
    assert words(phrase) == spoken


def test_whole_phrases_are_accepted_and_parts_are_not() -> None:
    whole = graph([("winter",), ("winter", "tyres"), ("all", "season")], digits=False, language="en")
    assert _accepts(whole, "winter")
    assert _accepts(whole, "winter", "tyres")
    assert _accepts(whole, "all", "season")
    assert not _accepts(whole, "all")
    assert not _accepts(whole, "tyres")
    assert not _accepts(whole)
    assert not _accepts(whole, "please")


def test_words_of_courtesy_may_stand_around_a_phrase() -> None:
    whole = graph([("winter",)], digits=False, language="en")
    assert _accepts(whole, "um", "winter", "please")
    assert not _accepts(whole, "winter", "um")


def test_digits_come_in_any_number() -> None:
    whole = graph([("yes",)], digits=True, language="en")
    assert _accepts(whole, "yes")
    assert _accepts(whole, "five")
    assert _accepts(whole, *DIGITS["en"].split())
    assert not _accepts(whole, "yes", "five")


def test_beginnings_in_common_are_shared() -> None:
    whole = graph([("two", "oh", "five"), ("two", "oh", "six")], digits=False, language="pl")
    assert sum(word == "two" for *_, word in whole.arcs) == 1
    assert whole.words == {"two", "oh", "five", "six"}


def test_what_leaves_a_state_is_equally_likely_but_for_digits() -> None:
    whole = graph([("yes",), ("no",)], digits=True, language="en")
    likely = {word: weight for _, _, weight, word in whole.arcs if word in ("yes", "no", "five")}
    assert likely["yes"] == likely["no"]
    assert likely["five"] < likely["yes"] / 1e6


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("um winter please", "winter"),
        ("yes please", "yes please"),
        ("well yes please", "yes please"),
        ("um five please", "five"),
        ("um", ""),
    ],
)
def test_courtesy_is_left_out_unless_it_belongs_to_a_phrase(heard: str, meant: str) -> None:
    phrases = frozenset({("winter",), ("yes", "please")})
    assert " ".join(meaning(tuple(heard.split()), phrases, "en")) == meant


def test_courtesy_of_two_words_is_left_out() -> None:
    assert meaning(("так", "будь", "ласка"), frozenset({("так",)}), "uk") == ("так",)


@pytest.mark.parametrize("language", DIGITS)
def test_digits_are_plain_words(language: str) -> None:
    assert all(words(digit) == (digit,) for digit in DIGITS[language].split())
