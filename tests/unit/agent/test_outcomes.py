"""One word of the closed list, from the flow's own words."""

from __future__ import annotations

from agent import outcomes
from callflow.schema import AgentStep, Flow


def step(**names: str) -> AgentStep:
    return AgentStep(agent="x", outcomes=names)


def seller(flow: Flow) -> AgentStep:
    found = flow.steps["seller"]
    assert isinstance(found, AgentStep)
    return found


def test_success_is_what_the_tools_are_about(flow: Flow) -> None:
    one = seller(flow)
    assert outcomes.success(one, one.tools) == "ordered"
    assert outcomes.success(step(answered="told", booked="the visit was booked"), ["book_visit"]) == "booked"


def test_success_is_never_negative_while_there_is_another() -> None:
    assert outcomes.success(step(not_found="no such order", answered="told"), ["find_order"]) == "answered"
    assert outcomes.success(step(not_found="no such order"), ["find_order"]) == "not_found"


def test_success_is_the_first_when_nothing_else_tells() -> None:
    assert outcomes.success(step(one="a", two="b"), []) == "one"


def test_what_an_answer_means() -> None:
    survey = step(interested="a", not_interested="b", call_later="c", not_found="d")
    assert outcomes.by_words(survey, "I am not interested") == "not_interested"
    assert outcomes.by_words(survey, "interested") == "interested"
    assert outcomes.by_words(survey, "no") == "not_interested"
    assert outcomes.by_words(survey, "так") == "interested"
    assert outcomes.by_words(survey, "green") is None
    assert outcomes.by_words(step(not_found="d"), "no") is None


def test_ends_that_a_flow_may_lack(flow: Flow) -> None:
    assert outcomes.nothing_more(seller(flow)) == "answered"
    assert outcomes.nothing_more(step(a="b")) == "refuses"
    assert outcomes.nothing_found(seller(flow)) == "not_found"
    assert outcomes.nothing_found(step(a="b")) == "wants_human"
