"""Backward chaining: which tool runs, what is asked, and what a changed answer makes stale."""

from __future__ import annotations

from agent.plan import Ask, Done, Plan, Run
from agent.ports import Conversation
from callflow.schema import AgentStep
from tests.unit.agent.fakes import FakeTool

FIND = FakeTool("find_day", needs=("doctor", "week"), gives=("day_id", "day"), optional=("hour",))
BOOK = FakeTool("book_day", needs=("day_id", "name"), gives=("visit_id",))
SEND = FakeTool("send_note", needs=("visit_id",))
COLLECT = {
    "doctor": "Ivanova or Petrenko",
    "week": "this or next",
    "name": "your name",
    "phone": "for the note",
}


def step(confirm_first: tuple[str, ...] = ()) -> AgentStep:
    return AgentStep(
        agent="Book.",
        tools=("find_day", "book_day", "send_note"),
        collect=COLLECT,
        confirm_first=confirm_first,
        outcomes={"booked": "it was booked"},
    )


def plan(talk: Conversation, *tools: FakeTool, confirm_first: tuple[str, ...] = ()) -> Plan:
    return Plan(step(confirm_first), tools or (FIND, BOOK, SEND), talk)


def run(talk: Conversation, *tools: FakeTool) -> str:
    """Run the next tool as the turn does; gives its name."""
    one = plan(talk, *tools)
    action = one.next()
    assert isinstance(action, Run)
    talk.facts.update({name: f"{name} {sorted(action.arguments.values())}" for name in action.tool.gives})
    one.ran(action)
    return action.tool.name


def test_it_asks_in_the_order_of_the_flow() -> None:
    talk = Conversation("c")
    assert plan(talk).next() == Ask("doctor")
    talk.slots["doctor"] = "Ivanova"
    assert plan(talk).next() == Ask("week")


def test_a_tool_runs_as_soon_as_its_needs_are_met() -> None:
    talk = Conversation("c", slots={"doctor": "Ivanova", "week": "next", "hour": "9"})
    assert plan(talk).next() == Run(FIND, {"doctor": "Ivanova", "week": "next", "hour": "9"})
    run(talk)
    assert plan(talk).next() == Ask("name")


def test_everything_is_collected_before_the_last_tool() -> None:
    talk = Conversation("c", slots={"doctor": "Ivanova", "week": "next", "name": "Olena"})
    assert [run(talk), run(talk)] == ["find_day", "book_day"]
    assert plan(talk).next() == Ask("phone")
    talk.slots["phone"] = "0501112233"
    assert run(talk) == "send_note"
    assert plan(talk).next() == Done()


def test_everything_is_collected_before_what_binds() -> None:
    talk = Conversation("c", slots={"doctor": "Ivanova", "week": "next", "name": "Olena"})
    run(talk)
    assert plan(talk, confirm_first=("book_day",)).next() == Ask("phone")


def test_a_changed_answer_makes_all_that_hangs_on_it_stale() -> None:
    talk = Conversation("c", slots=dict.fromkeys(COLLECT, "x"))
    assert [run(talk), run(talk), run(talk)] == ["find_day", "book_day", "send_note"]
    talk.slots["week"] = "this"
    assert [run(talk), run(talk), run(talk)] == ["find_day", "book_day", "send_note"]
    talk.slots["name"] = "Iryna"
    assert [run(talk), run(talk)] == ["book_day", "send_note"]
    assert plan(talk).next() == Done()


def test_a_tool_named_late_is_run_early_when_another_needs_it() -> None:
    talk = Conversation("c", slots=dict.fromkeys(COLLECT, "x"))
    assert run(talk, BOOK, FIND) == "find_day"
    assert run(talk, BOOK, FIND) == "book_day"


def test_tools_that_need_each_other_end_in_a_question() -> None:
    one = FakeTool("one", needs=("b",), gives=("a",))
    two = FakeTool("two", needs=("a",), gives=("b",))
    assert isinstance(plan(Conversation("c"), one, two).next(), Ask)


def test_facts_of_earlier_steps_count() -> None:
    talk = Conversation("c", facts={"visit_id": "7"}, slots=dict.fromkeys(COLLECT, "x"))
    assert plan(talk, SEND).next() == Run(SEND, {"visit_id": "7"})


def test_forget_runs_all_anew() -> None:
    talk = Conversation("c", slots=dict.fromkeys(COLLECT, "x"))
    run(talk)
    plan(talk).forget()
    assert run(talk) == "find_day"
