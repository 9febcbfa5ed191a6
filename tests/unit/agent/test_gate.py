"""The gate cannot be passed without a clear yes to exactly what was read back."""

from __future__ import annotations

import pytest

from agent.gate import Gate, NotConfirmed, Permit, Verdict
from agent.ports import Line
from agent.tools.registry import Registry

ORDER = {"order_id": "O1", "quantity": "4", "total": "4480 hryvnias"}
WORDS, QUESTION = "Let me read that back: quantity 4; total 4480 hryvnias.", "Shall I confirm the order?"
HEARD = [Line("agent", f"{WORDS} {QUESTION}")]


def gate(notes: dict[str, str] | None = None) -> Gate:
    return Gate({} if notes is None else notes, ["confirm_order"])


def offered(notes: dict[str, str] | None = None) -> Gate:
    one = gate(notes)
    one.offer("confirm_order", ORDER, WORDS, QUESTION)
    return one


def is_open(one: Gate, arguments: dict[str, str] = ORDER, tool: str = "confirm_order") -> bool:
    try:
        permit = one.permit(tool, arguments)
    except NotConfirmed:
        return False
    return (permit.tool, permit.arguments) == (tool, arguments)


def test_a_tool_that_binds_nobody_passes() -> None:
    assert is_open(gate(), tool="search_tyres")


def test_nothing_offered_nothing_granted() -> None:
    one = gate()
    assert one.hear("yes", HEARD) is Verdict.NONE
    assert not is_open(one)


def test_a_clear_yes_opens_it_once() -> None:
    one = offered()
    assert one.hear("yes please", HEARD) is Verdict.YES
    assert is_open(one)
    assert not is_open(one)


def test_the_offer_alone_opens_nothing() -> None:
    assert not is_open(offered())


@pytest.mark.parametrize("other", [{**ORDER, "quantity": "5"}, {**ORDER, "total": "1"}, {}])
def test_other_arguments_are_refused_and_the_grant_is_gone(other: dict[str, str]) -> None:
    one = offered()
    one.hear("yes", HEARD)
    assert not is_open(one, other)
    assert not is_open(one)


def test_another_tool_is_refused() -> None:
    one = Gate({}, ["confirm_order", "create_order"])
    one.offer("create_order", ORDER, WORDS, QUESTION)
    one.hear("yes", HEARD)
    assert not is_open(one)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("yes", Verdict.YES),
        ("Yes, that's right, thank you.", Verdict.YES),
        ("так, будь ласка", Verdict.YES),
        ("да, верно", Verdict.YES),
        ("no", Verdict.NO),
        ("ні, не треба", Verdict.NO),
        ("that is not right", Verdict.UNCLEAR),
        ("yes but two", Verdict.UNCLEAR),
        ("yes no", Verdict.UNCLEAR),
        ("maybe", Verdict.UNCLEAR),
        ("", Verdict.UNCLEAR),
        ("yesterday", Verdict.UNCLEAR),
    ],
)
def test_what_counts_as_a_yes(text: str, verdict: Verdict) -> None:
    one = offered()
    assert one.hear(text, HEARD) is verdict
    assert is_open(one) is (verdict is Verdict.YES)


def test_an_offer_lives_for_one_utterance() -> None:
    one = offered()
    one.hear("what was that", HEARD)
    assert one.hear("yes", HEARD) is Verdict.NONE
    assert not is_open(one)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line("agent", "Let me read that back: quantity 4;")],
        [Line("agent", f"{WORDS} {QUESTION}"), Line("caller", "hm"), Line("agent", "Which size, please?")],
        [Line("agent", f"{WORDS} {QUESTION}"), Line("agent", "Are you still there?")],
    ],
)
def test_a_yes_to_other_words_than_the_read_back(lines: list[Line]) -> None:
    one = offered()
    assert one.hear("yes", lines) is Verdict.UNHEARD
    assert not is_open(one)


@pytest.mark.parametrize(
    "heard", [WORDS, f"{WORDS} Shall I", f"hello {WORDS} {QUESTION}", WORDS.replace(":", "")]
)
def test_a_yes_that_cuts_only_the_closing_question(heard: str) -> None:
    one = offered()
    assert one.hear("yes", [Line("agent", heard), Line("caller", "yes")]) is Verdict.YES


def test_the_grant_survives_in_the_notes_and_reset_withdraws_it() -> None:
    notes: dict[str, str] = {}
    offered(notes).hear("yes", HEARD)
    gate(notes).reset()
    assert not is_open(gate(notes))
    offered(notes).hear("yes", HEARD)
    assert is_open(gate(notes))


async def test_a_permit_cannot_be_made_by_hand() -> None:
    with pytest.raises(NotConfirmed, match="comes from the gate"):
        Permit("confirm_order", ORDER, object())
    with pytest.raises(NotConfirmed):
        await Registry([]).run(gate().permit("confirm_order", ORDER), idempotency_key="k")


def test_a_permit_keeps_its_own_arguments() -> None:
    arguments = dict(ORDER)
    permit = gate().permit("search_tyres", arguments)
    arguments["quantity"] = "20"
    assert permit.arguments == ORDER
