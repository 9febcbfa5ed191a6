"""What every store of calls must do: one suite over the fake and over the database."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from callflow.errors import StorageError
from storage.memory import MemoryStore
from storage.ports import Call, CallStore, StepVisit, ToolCall, Turn
from storage.sql import SqlStore

NINE = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
CALL = Call(
    call_id="7d9f0000-0000-4000-8000-000000000001",
    channel_id="1763629200.12",
    caller="+380501234533",
    called="100",
    direction="inbound",
    flow="tyre_shop",
    flow_version="a1b2c3",
    language="uk",
    started_at=NINE,
)
TURN = Turn(number=1, speaker="caller", text="зимові шини", step="seller", at=NINE)


def after(seconds: float) -> dt.datetime:
    return NINE + dt.timedelta(seconds=seconds)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CallStore]:
    made = MemoryStore() if request.param == "memory" else SqlStore(f"sqlite:///{tmp_path}/calls.db")
    yield made
    await made.close()


async def test_a_call_comes_back_as_it_was_stored(store: CallStore) -> None:
    full = replace(
        CALL,
        answered_at=after(1),
        ended_at=after(60.5),
        disposition="ordered",
        last_step="seller",
        transport="rtp",
        recording="2026/11/20/7d9f.wav",
        summary="Хоче зимові шини 205/55 R16.",
        slots={"size": "205/55 R16", "season": "зимові"},
        ignored_events=2,
    )
    await store.open_call(full)
    assert await store.get(CALL.call_id) == full


async def test_an_unknown_call_is_none(store: CallStore) -> None:
    assert await store.get("nobody") is None
    assert await store.recent() == ()


async def test_the_same_call_again_changes_nothing(store: CallStore) -> None:
    await store.open_call(CALL)
    await store.open_call(replace(CALL, caller="+380000000000", started_at=after(5)))
    assert await store.get(CALL.call_id) == CALL
    assert await store.recent() == (CALL,)


async def test_a_call_is_opened_without_turns(store: CallStore) -> None:
    await store.open_call(replace(CALL, turns=(TURN,)))
    assert await store.get(CALL.call_id) == CALL


async def test_fields_are_set_by_the_names_of_a_call(store: CallStore) -> None:
    await store.open_call(CALL)
    await store.update_call(CALL.call_id, caller="anonymous", ended_at=after(9), slots={"season": "winter"})
    await store.update_call(CALL.call_id, disposition="hung_up")
    assert await store.get(CALL.call_id) == replace(
        CALL, caller="anonymous", ended_at=after(9), slots={"season": "winter"}, disposition="hung_up"
    )


async def test_an_update_of_nothing_is_fine(store: CallStore) -> None:
    await store.open_call(CALL)
    await store.update_call(CALL.call_id)
    assert await store.get(CALL.call_id) == CALL


@pytest.mark.parametrize("name", ["turns", "call_id", "started_at", "caller_id", "colour"])
async def test_a_field_that_is_not_the_callers_to_set_is_a_mistake(store: CallStore, name: str) -> None:
    await store.open_call(CALL)
    with pytest.raises(TypeError, match=name):
        await store.update_call(CALL.call_id, **{name: "x"})


async def test_turns_come_back_in_the_order_of_their_numbers(store: CallStore) -> None:
    await store.open_call(CALL)
    second = Turn(
        2, "agent", "Який розмір?", "seller", after(2), interrupted=True, latency_ms={"words": 120.5}
    )
    await store.add_turn(CALL.call_id, second)
    await store.add_turn(CALL.call_id, TURN)
    found = await store.get(CALL.call_id)
    assert found is not None
    assert found.turns == (TURN, second)


async def test_a_turn_with_the_same_number_replaces_the_first_even_at_another_time(store: CallStore) -> None:
    await store.open_call(CALL)
    later = replace(TURN, at=after(3), latency_ms={"agent": 300.0, "first_audio": 450.0})
    await store.add_turn(CALL.call_id, TURN)
    await store.add_turn(CALL.call_id, replace(TURN, latency_ms={"agent": 300.0}))
    await store.add_turn(CALL.call_id, later)
    found = await store.get(CALL.call_id)
    assert found is not None
    assert found.turns == (later,)


async def test_tool_calls_are_kept_and_replaced_by_number(store: CallStore) -> None:
    await store.open_call(CALL)
    first = ToolCall(1, "search_tyres", {"size": "205/55 R16"}, "3 found", True, 12.5, after(1))
    second = ToolCall(2, "create_order", {}, "the shop does not answer", False, 5000.0, after(2))
    for each in (second, first, replace(second, result="made", ok=True)):
        await store.add_tool_call(CALL.call_id, each)
    found = await store.get(CALL.call_id)
    assert found is not None
    assert found.tool_calls == (first, replace(second, result="made", ok=True))


async def test_steps_keep_the_order_in_which_they_were_entered_also_within_one_instant(
    store: CallStore,
) -> None:
    await store.open_call(CALL)
    visits = tuple(StepVisit(step, "ok", NINE) for step in ("opening", "greeting", "seller", "greeting"))
    for visit in visits:
        await store.add_step(CALL.call_id, visit)
    found = await store.get(CALL.call_id)
    assert found is not None
    assert found.steps == visits


async def test_calls_do_not_mix(store: CallStore) -> None:
    other = replace(CALL, call_id="other")
    for call in (CALL, other):
        await store.open_call(call)
    await store.add_turn("other", TURN)
    await store.add_step("other", StepVisit("seller", "ok", NINE))
    await store.update_call("other", disposition="ordered")
    assert await store.get(CALL.call_id) == CALL


async def test_recent_calls_are_the_newest_first_and_without_turns(store: CallStore) -> None:
    for hour in (1, 3, 2):
        await store.open_call(replace(CALL, call_id=f"call-{hour}", started_at=after(3600 * hour)))
    await store.add_turn("call-3", TURN)
    newest = await store.recent(2)
    assert [call.call_id for call in newest] == ["call-3", "call-2"]
    assert newest[0].turns == ()


async def test_ids_are_found_by_how_they_begin(store: CallStore) -> None:
    for number, call_id in enumerate(["Abc-1", "abc-2", "abc-3", "a%c-4"]):
        await store.open_call(replace(CALL, call_id=call_id, started_at=after(number)))
    assert await store.ids("abc") == ("abc-3", "abc-2")
    assert await store.ids("a%") == ("a%c-4",)
    assert await store.ids("", limit=1) == ("a%c-4",)
    assert await store.ids("nobody") == ()


async def test_times_come_back_in_utc_whatever_zone_they_had(store: CallStore) -> None:
    kyiv = dt.timezone(dt.timedelta(hours=2))
    await store.open_call(replace(CALL, started_at=NINE.astimezone(kyiv)))
    found = await store.get(CALL.call_id)
    assert found is not None
    assert found.started_at == NINE
    assert found.started_at.tzinfo is not None


@pytest.mark.parametrize("what", ["update", "turn", "tool", "step"])
async def test_writing_to_a_call_that_was_never_opened_says_so(store: CallStore, what: str) -> None:
    writes = {
        "update": lambda: store.update_call("nobody", disposition="x"),
        "turn": lambda: store.add_turn("nobody", TURN),
        "tool": lambda: store.add_tool_call("nobody", ToolCall(1, "t", {}, "", True, 1.0, NINE)),
        "step": lambda: store.add_step("nobody", StepVisit("seller", "ok", NINE)),
    }
    with pytest.raises(StorageError, match="call nobody is not in the records"):
        await writes[what]()


async def test_many_calls_at_once_lose_nothing(store: CallStore) -> None:
    async def one(number: int) -> None:
        call_id = f"call-{number}"
        await store.open_call(replace(CALL, call_id=call_id))
        for turn in range(1, 6):
            await store.add_turn(call_id, replace(TURN, number=turn, text=f"{number}/{turn}"))

    await asyncio.gather(*(one(number) for number in range(20)))
    for number in range(20):
        found = await store.get(f"call-{number}")
        assert found is not None
        assert [turn.text for turn in found.turns] == [f"{number}/{turn}" for turn in range(1, 6)]


async def test_closing_twice_is_fine(store: CallStore) -> None:
    await store.open_call(CALL)
    await store.close()
    await store.close()


async def test_the_fake_can_be_taken_down_and_brought_back() -> None:
    store = MemoryStore()
    await store.open_call(CALL)
    store.down = True
    with pytest.raises(StorageError, match="down"):
        await store.add_turn(CALL.call_id, TURN)
    with pytest.raises(StorageError, match="down"):
        await store.recent()
    store.down = False
    await store.add_turn(CALL.call_id, TURN)
    found = await store.get(CALL.call_id)
    assert found is not None
    assert found.turns == (TURN,)
