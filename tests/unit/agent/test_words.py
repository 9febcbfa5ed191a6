"""Closed lists: whole words, any of three languages."""

from __future__ import annotations

import pytest

from agent.words import DONE, HUMAN, NO, YES, consists_of, listed, mentions, phrases, squeezed, tokens


def test_tokens() -> None:
    assert tokens("П’ять шин 205/55R16, that's all!") == [
        "п'ять",
        "шин",
        "205",
        "55",
        "r",
        "16",
        "that's",
        "all",
    ]


@pytest.mark.parametrize("text", ["Yes!", "okay, go ahead please", "ТАК", "да да"])
def test_a_clear_yes(text: str) -> None:
    assert consists_of(text, YES)


@pytest.mark.parametrize("text", ["", "please", "yes and no", "yes, four", "ok computer"])
def test_not_a_clear_yes(text: str) -> None:
    assert not consists_of(text, YES)


def test_mentions_are_whole_words() -> None:
    assert mentions("I would like to speak to a person now", HUMAN)
    assert not mentions("cooperator", HUMAN)
    assert not mentions("know", NO)
    assert mentions("well that's all then", DONE)


def test_phrases_of_a_language_it_lacks_are_english() -> None:
    assert phrases(YES, "uk")[0] == "так"
    assert phrases(YES, "pl") == YES["en"]


def test_small_ones() -> None:
    assert squeezed("205/55 R16") == squeezed("205 55r16")
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert listed(["a"]) == "a"
    assert listed([]) == ""
