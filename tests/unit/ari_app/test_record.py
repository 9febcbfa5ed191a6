"""The record of a call is written in order, and never in the caller's way for long."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from agent.ports import ToolUsed
from ari_app import record as record_module
from ari_app.record import CallRecord
from callflow.effects import Speaker
from storage.memory import MemoryStore
from storage.ports import Call, Turn

CALL = Call("c1", "1.1", "380", "100", "inbound", "shop", "v1", "en", dt.datetime.now(dt.UTC))


async def test_all_is_stored_in_order() -> None:
    store = MemoryStore()
    record = CallRecord(store, CALL)
    record.step("greeting", "answered")
    await record.turn(Speaker.AGENT, "Hi.", "greeting", interrupted=False, latency_ms={})
    await record.turn(Speaker.CALLER, "winter", "seller", interrupted=False, latency_ms={"words": 1.0})
    record.tool(ToolUsed("search_tyres", {"size": "x"}, "two tyres", True, 3.0))
    record.update(disposition="ordered")
    await record.close()
    call = await store.get("c1")
    assert call is not None
    assert [(t.number, t.speaker, t.text) for t in call.turns] == [
        (1, "agent", "Hi."),
        (2, "caller", "winter"),
    ]
    assert call.tool_calls[0].tool == "search_tyres"
    assert (call.steps[0].step, call.disposition) == ("greeting", "ordered")


async def test_a_store_that_is_away_costs_the_record_and_not_the_call() -> None:
    store = MemoryStore()
    store.down = True
    record = CallRecord(store, CALL)
    await record.turn(Speaker.AGENT, "Hi.", "greeting", interrupted=False, latency_ms={})
    await record.close()
    store.down = False
    assert await store.get("c1") is None


async def test_a_slow_store_is_not_waited_for_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "PATIENCE_S", 0.01)
    opened = asyncio.Event()

    class SlowStore(MemoryStore):
        async def add_turn(self, call_id: str, turn: Turn) -> None:
            await opened.wait()
            await super().add_turn(call_id, turn)

    store = SlowStore()
    record = CallRecord(store, CALL)
    await record.turn(Speaker.AGENT, "Hi.", "greeting", interrupted=False, latency_ms={})
    opened.set()
    await record.close()
    call = await store.get("c1")
    assert call is not None
    assert [turn.text for turn in call.turns] == ["Hi."]
