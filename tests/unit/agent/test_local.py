"""Whole conversations with the embedded agent, over the real shop."""

from __future__ import annotations

import asyncio
import socket

import pytest

from agent.local import LocalAgent
from agent.ports import Conversation, Line, Sentence
from agent.tools.registry import Registry
from agent.tools.store import StoreClient
from agent.tools.tyres import tyre_tools
from callflow.schema import AgentStep, Flow
from shop.orders import Book
from tests.unit.agent.caller import Caller

SIZE = "two oh five fifty five sixteen"


async def up_to_read_back(caller: Caller) -> str:
    await caller.enters()
    await caller.says(f"winter tyres {SIZE}")
    return await caller.says("yes")


async def test_an_order_from_the_first_question_to_the_number(caller: Caller, book: Book) -> None:
    assert await caller.enters() == "Which size, please? For example 205/55 R16."
    assert (await caller.says("I want to order tyres")).startswith("Of course.")
    assert await caller.says(SIZE) == "Which season: summer, winter or all-season?"
    offer = await caller.says("winter")
    assert offer.startswith("I have Rosava Snowgard, 205/55 R16, winter, at 1120 hryvnias each.")
    assert offer.endswith("shall I use the number you are calling from?")
    read_back = await caller.says("yes")
    assert "quantity 4; total 4480 hryvnias; we call the number you are calling from." in read_back
    assert book.confirmed() == 0
    assert caller.outcome is None
    await caller.says("yes please")
    assert caller.outcome == "ordered"
    assert caller.talk.values["order.number"] == "1001"
    assert caller.tools == ["search_tyres", "check_availability", "create_order", "confirm_order"]
    assert (book.confirmed(), len(book.orders)) == (1, 1)


async def test_all_answers_in_one_sentence(caller: Caller) -> None:
    await caller.enters()
    said = await caller.says("two winter tyres 205/55 R16, my number is 067 123 45 67")
    assert "quantity 2; total 2240 hryvnias; phone 0671234567" in said
    assert caller.talk.slots == {
        "size": "205/55 R16",
        "season": "winter",
        "phone": "0671234567",
        "quantity": "2",
    }


@pytest.mark.parametrize(
    ("size", "season", "yes"),
    [
        ("двісті п'ять п'ятдесят п'ять шістнадцять", "зимові", "так, будь ласка"),
        ("двести пять пятьдесят пять р шестнадцать", "зимние", "да, верно"),
    ],
)
async def test_ukrainian_and_russian_words(caller: Caller, size: str, season: str, yes: str) -> None:
    await caller.enters()
    await caller.says(f"{season} {size}")
    await caller.says(yes)
    await caller.says(yes)
    assert caller.outcome == "ordered"


async def test_a_number_dictated_in_two_breaths(caller: Caller) -> None:
    await caller.enters()
    await caller.says(f"winter {SIZE}")
    assert await caller.says("no") == "What is the number for the delivery call?"
    assert await caller.says("zero six seven one two three") == "I have 0 6 7 1 2 3, and the rest?"
    assert "phone 0671234567" in await caller.says("four five six seven")


async def test_nothing_suitable(caller: Caller, book: Book) -> None:
    await caller.enters()
    said = await caller.says("summer tyres two twenty five forty five seventeen")
    assert said == "I am sorry, we do not have 4 summer tyres in 225/45 R17 in stock."
    assert caller.outcome == "not_found"
    assert not book.orders


@pytest.mark.parametrize("text", ["operator please", "can I talk to a person", "оператора", "соедините"])
async def test_a_person_at_any_moment(caller: Caller, text: str) -> None:
    await up_to_read_back(caller)
    await caller.says(text)
    assert caller.outcome == "wants_human"


@pytest.mark.parametrize("text", ["don't call me again", "I am not interested", "не дзвоніть мені"])
async def test_a_refusal(caller: Caller, text: str) -> None:
    await caller.enters()
    await caller.says(text)
    assert caller.outcome == "refuses"


@pytest.mark.parametrize("text", ["no thanks", "that's all, thank you", "goodbye"])
async def test_nothing_more_is_wanted(caller: Caller, text: str) -> None:
    await caller.enters()
    await caller.says(text)
    assert caller.outcome == "answered"


async def test_three_misses_in_other_words_each(caller: Caller) -> None:
    first = await caller.enters()
    second = await caller.says("the weather is nice")
    assert second == f"Sorry, I did not catch that. {first}"
    third = await caller.says("")
    assert third == "Sorry, I did not catch that. Please say only the size, like 205/55 R16."
    await caller.says("la la la")
    assert caller.outcome == "not_understood"


async def test_an_answer_ends_the_row_of_misses(caller: Caller) -> None:
    await caller.enters()
    for text in ("what", "who", SIZE, "what", "who"):
        await caller.says(text)
        assert caller.outcome is None
    await caller.says("why")
    assert caller.outcome == "not_understood"


async def test_the_question_is_said_again_on_demand(caller: Caller) -> None:
    read_back = await up_to_read_back(caller)
    assert await caller.says("say that again") == read_back
    await caller.says("yes")
    assert caller.outcome == "ordered"


async def test_a_no_at_the_read_back_offers_to_change(caller: Caller, book: Book) -> None:
    await up_to_read_back(caller)
    said = await caller.says("no")
    assert said == "What shall I change: size, season, phone, brand or quantity? Or say: that is all."
    assert await caller.says("the quantity") == "How many, please?"
    assert "quantity 2; total 2240 hryvnias" in await caller.says("two")
    await caller.says("correct")
    assert caller.outcome == "ordered"
    assert [order.quantity for order in book.orders.values() if order.status == "confirmed"] == [2]


async def test_a_no_and_nothing_else(caller: Caller, book: Book) -> None:
    await up_to_read_back(caller)
    await caller.says("no")
    await caller.says("no thank you, that is all")
    assert caller.outcome == "answered"
    assert book.confirmed() == 0


async def test_a_yes_with_a_change_is_read_back_anew(caller: Caller, book: Book) -> None:
    await up_to_read_back(caller)
    assert "Nokian" in await caller.says("yes but Nokian")
    assert book.confirmed() == 0
    await caller.says("yes")
    (order,) = [order for order in book.orders.values() if order.status == "confirmed"]
    assert order.tyre.brand == "Nokian"


async def test_an_unclear_answer_confirms_nothing(caller: Caller, book: Book) -> None:
    read_back = await up_to_read_back(caller)
    assert (await caller.says("well maybe I do not know yet, yes?")).endswith(read_back)
    assert book.confirmed() == 0


async def test_a_yes_to_words_that_were_cut_off(caller: Caller, book: Book) -> None:
    await caller.enters()
    await caller.says(f"winter tyres {SIZE}")
    await caller.says("yes", hears=0)
    assert (await caller.says("yes")).startswith("To be sure, once more. Let me read that back")
    assert book.confirmed() == 0
    await caller.says("yes")
    assert caller.outcome == "ordered"


async def test_a_yes_to_are_you_still_there(caller: Caller, book: Book) -> None:
    await up_to_read_back(caller)
    caller.talk.lines.append(Line("agent", "Are you still there?"))
    await caller.says("yes")
    assert caller.outcome is None
    assert book.confirmed() == 0


async def test_more_than_the_shop_sells_goes_to_a_person(caller: Caller) -> None:
    await caller.enters()
    assert "colleague" in await caller.says(f"forty winter tyres {SIZE}")
    assert caller.outcome == "not_found"


async def test_finding_an_order(caller: Caller) -> None:
    await up_to_read_back(caller)
    await caller.says("yes")
    other = Caller(caller.agent, caller.flow, talk=Conversation("call-2", caller="+380501112233"))
    assert await other.enters("order_status") == "Shall I use the number you are calling from?"
    said = await other.says("yes")
    assert said == "Your order 1001 is confirmed: 4 of Rosava Snowgard, 205/55 R16, winter."
    assert other.outcome == "answered"


@pytest.mark.parametrize("number", ["", "anonymous", "201"])
async def test_no_such_order(caller: Caller, number: str) -> None:
    """And what is no number of the public network is not offered to be called."""
    caller.talk.caller = number
    assert await caller.enters("order_status") == "Which phone number, please?"
    assert caller.expects().digits
    assert await caller.says("0991234567") == "I find no order for this number."
    assert caller.outcome == "not_found"


async def test_a_step_entered_again_starts_afresh(caller: Caller) -> None:
    await caller.enters()
    await caller.says("what")
    await caller.says("what")
    assert await caller.enters() == "Which size, please? For example 205/55 R16."
    await caller.says("what")
    assert caller.outcome is None


async def test_the_store_is_away(flow: Flow) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api/v1"
    tools = tyre_tools(StoreClient(url, timeout_s=1.0, sleep=lambda _: asyncio.sleep(0)))
    caller = Caller(LocalAgent(tools), flow)
    await caller.enters()
    said = await caller.says("winter tyres 205/55 R16")
    assert said == "I am sorry, I cannot look that up just now."
    assert caller.outcome == "wants_human"
    assert [(use.tool, use.ok) for use in caller.used] == [("search_tyres", False)]
    assert caller.used[0].result.startswith("store-unreachable: ")
    assert "technical fault: search tyres failed" in await caller.agent.summarize(caller.talk, "wants_human")
    await caller.agent.close()


async def test_a_tool_that_nobody_has(registry: Registry) -> None:
    step = AgentStep(agent="Sell.", tools=("sell_boats",), outcomes={"sold": "it was sold"})
    talk = Conversation("call-1")
    events = [event async for event in LocalAgent(registry).reply("s", step, "", talk)]
    assert events[0] == Sentence("I am sorry, I cannot look that up just now.")
    assert LocalAgent(registry).expects("s", step, talk).phrases == ()


async def test_the_summary_for_the_operator(caller: Caller) -> None:
    await up_to_read_back(caller)
    assert await caller.agent.summarize(caller.talk, "key_0") == (
        "Winter tyres 205/55 R16, pressed 0, order 1001 not confirmed yet. Calls from 050 111 22 33."
    )


async def test_what_the_caller_may_say_now(caller: Caller) -> None:
    await caller.enters()
    opening = caller.expects()
    assert {SIZE, "two hundred five fifty five sixteen", "winter", "winter tyres", "operator"} <= set(
        opening.phrases
    )
    assert f"winter {SIZE}" in opening.phrases
    assert not opening.digits
    assert "yes" not in opening.phrases
    await caller.says(f"winter {SIZE}")
    assert caller.expects().digits
    assert {"yes", "no", "a person please"} <= set(caller.expects().phrases)
    await caller.says("yes")
    assert {"yes please", "no", "make it two", "summer", "quantity"} <= set(caller.expects().phrases)
    assert SIZE not in caller.expects().phrases


async def test_every_expected_phrase_is_understood(caller: Caller) -> None:
    """What the recogniser may return is never a miss."""
    await caller.enters()
    for phrase in caller.expects().phrases:
        fresh = Caller(caller.agent, caller.flow, talk=Conversation("call-x", caller="+380501112233"))
        await fresh.enters()
        said = await fresh.says(phrase)
        assert "Sorry" not in said, phrase
        assert fresh.talk.slots or fresh.outcome or said.endswith("205/55 R16."), phrase


async def test_another_flow_without_tools(registry: Registry) -> None:
    """A survey: its outcomes are what the caller answers."""
    step = AgentStep(
        agent="Ask.",
        say="Are you interested in winter tyres?",
        outcomes={"interested": "yes", "not_interested": "no", "call_later": "later"},
    )
    for text, outcome in {
        "yes please": "interested",
        "no": "not_interested",
        "I am not interested": "not_interested",
        "please call later": "call_later",
        "green": None,
    }.items():
        caller = Caller(LocalAgent(registry), _one_step(step), step="ask")
        assert await caller.enters("ask") == ""
        await caller.says(text)
        assert caller.outcome == outcome, text
    assert caller.said[-1] == "Please say one of these: interested, not interested or call later."


async def test_another_flow_that_only_collects(registry: Registry) -> None:
    step = AgentStep(
        agent="Ask.",
        collect={
            "wish": "interested, not interested or call later",
            "comment": "anything else we should know",
        },
        outcomes={"interested": "wants tyres", "not_interested": "wants none", "call_later": "not now"},
    )
    caller = Caller(LocalAgent(registry), _one_step(step), step="ask")
    assert await caller.enters("ask") == "Which wish: interested, not interested or call later?"
    assert await caller.says("call later") == "Please tell me: anything else we should know."
    await caller.says("after six o'clock")
    assert caller.outcome == "call_later"
    assert caller.talk.slots["comment"] == "after six o'clock"


def _one_step(step: AgentStep) -> Flow:
    return Flow(flow="survey", start="ask", steps={"ask": step}, ends={"bye": "Bye."})
