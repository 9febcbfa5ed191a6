"""The agent's sentences, from the flow's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import questions
from agent.questions import MAX_SENTENCE, question, read_back, sentences, shall_i
from agent.slots import slot
from tests.unit.agent.fakes import FakeTool


@pytest.mark.parametrize(
    ("name", "hint", "first", "third"),
    [
        ("day", "one or two", "Which day: one or two?", "Please say one of these: one or two."),
        ("phone", "", "Which phone number, please?",
         "Please say the number slowly, digit by digit, all in one go."),
        ("quantity", "", "How many, please?", "Please say just the number."),
        ("order_number", "", "Which order number, please?", "Please say only the order number."),
        ("name", "your name", "Please tell me: your name.", "Please tell me only this: your name."),
    ],
)  # fmt: skip
def test_questions(name: str, hint: str, first: str, third: str) -> None:
    assert question(slot(name, hint)) == question(slot(name, hint), 1) == first
    assert question(slot(name, hint), 2) == third


def test_a_read_back_leaves_ids_out_unless_there_is_nothing_else() -> None:
    assert read_back({"order_id": "O1", "total": "5"}) == "Let me read that back: total 5."
    assert read_back({"order_id": "O1"}) == "Let me read that back: order id O1."


@pytest.mark.parametrize(
    ("arguments", "caller", "said"),
    [
        ({"phone": "+380501112233"}, "+380501112233", "we call the number you are calling from"),
        ({"phone": "0671234567"}, "+380501112233", "phone 0671234567"),
        ({"phone": "+380501112233"}, "", "phone +380501112233"),
        ({"phone": "201"}, "201", "phone 201"),
        ({"total": "0501112233"}, "0501112233", "total 0501112233"),
    ],
)
def test_a_read_back_spells_no_number_that_the_caller_calls_from(
    arguments: dict[str, str], caller: str, said: str
) -> None:
    assert read_back(arguments, caller) == f"Let me read that back: {said}."


def test_a_long_read_back_is_several_sentences_and_all_of_it() -> None:
    arguments = {f"field_{n}": f"value {n}" for n in range(30)}
    parts = sentences(read_back(arguments))
    assert all(len(part) <= MAX_SENTENCE for part in parts)
    assert all(value in " ".join(parts) for value in arguments.values())


def test_a_closing_question_for_any_tool() -> None:
    assert shall_i(FakeTool("x", description="confirm the order")) == "Shall I confirm the order?"
    assert shall_i(FakeTool("x", description="Books. And more.")) == "Shall I go ahead?"


@given(st.text(max_size=900))
def test_no_sentence_is_too_long_and_no_letter_is_lost(text: str) -> None:
    parts = sentences(text)
    assert all(0 < len(part) <= MAX_SENTENCE for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_all_fixed_sentences_are_short() -> None:
    fixed = (questions.SORRY, questions.OF_COURSE, questions.ONE_MOMENT, questions.ONCE_MORE, questions.AWAY)
    assert all(sentences(text) == [text] for text in fixed)
