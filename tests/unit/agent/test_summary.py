"""What an operator is told: short, the matter first."""

from __future__ import annotations

import pytest

from agent.notes import FAULT
from agent.ports import Conversation
from agent.slots import Known
from agent.summary import national, summary

KNOWN: Known = {"season": {"winter": ()}, "brand": {"Nokian": ()}, "product": {"tyres": ("шини",)}}
CALLER = "+380501112233"
FROM = "Calls from 050 111 22 33."
TYRES = {"size": "205/55 R16", "season": "winter"}


@pytest.mark.parametrize(
    ("slots", "reason", "said"),
    [
        ({}, "wants_human", f"Wants a person, no order yet. {FROM}"),
        (TYRES, "wants_human", f"Winter tyres 205/55 R16, wants a person, no order yet. {FROM}"),
        (TYRES, "not_found", f"Winter tyres 205/55 R16, nothing suitable found. {FROM}"),
        (
            {**TYRES, "brand": "Nokian", "quantity": "2"},
            "limit",
            f"2 winter Nokian tyres 205/55 R16, the call took too long, no order yet. {FROM}",
        ),
        ({"phone": CALLER}, "key_0", f"Pressed 0, no order yet. {FROM}"),
        ({"phone": "0501112233"}, "key_0", f"Pressed 0, no order yet. {FROM}"),
        ({"phone": "+380671234567"}, "key_0", "Pressed 0, no order yet. To be called at 067 123 45 67."),
        ({"first_name": "Olena"}, "no_key", f"First name Olena, pressed no key, no order yet. {FROM}"),
        ({}, "upset_caller", f"Upset caller, no order yet. {FROM}"),
    ],
)
def test_the_matter_what_came_of_it_and_the_number(slots: dict[str, str], reason: str, said: str) -> None:
    assert summary(Conversation("c", caller=CALLER, slots=slots), reason, KNOWN) == said


@pytest.mark.parametrize(
    ("status", "said"),
    [("new", "order 7 not confirmed yet"), ("confirmed", "order 7 confirmed"), ("", "order 7")],
)
def test_an_order(status: str, said: str) -> None:
    talk = Conversation("c", values={"order.number": "7", "order.status": status})
    assert summary(talk, "wants_human", KNOWN) == f"Wants a person, {said}."


def test_a_fault_goes_before_the_reason() -> None:
    talk = Conversation("c", caller="anonymous", notes={FAULT: "find_order failed"})
    assert summary(talk, "wants_human", {}) == "Technical fault: find order failed, no order yet."


def test_what_the_tools_do_not_know_is_told_by_its_name() -> None:
    talk = Conversation("c", slots={"size": "205/55 R16", "season": "winter"})
    assert summary(talk, "error", {}) == "205/55 R16, season winter, technical fault, no order yet."


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("+380501112233", "050 111 22 33"),
        ("380501112233", "050 111 22 33"),
        ("+48221234567", "+48221234567"),
        ("anonymous", "anonymous"),
    ],
)
def test_a_number_as_it_is_said(number: str, said: str) -> None:
    assert national(number) == said
