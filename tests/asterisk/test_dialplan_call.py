"""Calls that the dialplan's `AudioSocket()` brings, without Stasis: 8 kHz, and the same conversation."""

from __future__ import annotations

import asyncio
import time

import pytest

from asterisk.lab.phone_call import PhoneCall
from callflow.table import State
from tests.asterisk.scene import GREETING, Scene, spoken_ms

BARE = {"values": {"trunk-context": "callflow-audiosocket"}}
"""The trunk's calls go to the controller by AudioSocket alone."""


async def greeted(scene: Scene) -> PhoneCall:
    """A call whose caller has heard the greeting, whole and at its own pitch."""
    call = await scene.phones.dial("100")
    await scene.reaches(State.LISTENING)
    first, last = call.heard.first_audible(), call.heard.last_audible()
    assert first is not None
    assert last is not None
    assert (last - first) * 1000 == pytest.approx(spoken_ms(GREETING), abs=80)
    assert call.heard.sound(first, last).pitch_hz == pytest.approx(440, abs=2)
    return call


async def test_a_whole_conversation_ends_with_a_hang_up() -> None:
    async with Scene(lab=BARE, words=("winter", "order")) as scene:
        call = await greeted(scene)
        await call.says("winter tyres please")
        await call.hears_speech()
        await call.hears_silence(0.7)
        await call.says("order them please")
        await call.hung_up(15)
        record = await scene.ended()
        assert (record.disposition, record.transport, record.ignored_events) == ("ordered", "audiosocket", 0)
        assert [turn.text for turn in record.turns if turn.speaker == "caller"] == ["winter", "order"]
        assert call.heard.last_audible(call.last_spoke_end or 0) is not None  # the goodbye was heard
        assert scene.phones.extension("201").calls == []
        await scene.nothing_left()


async def test_who_asks_for_people_gets_them() -> None:
    async with Scene(lab=BARE, words=("person",)) as scene:
        operator = scene.phones.extension("201").answers(0.2)
        call = await greeted(scene)
        await call.says("a person please")
        taken = await operator.takes()
        assert taken.caller == call.caller
        record = await scene.ended()
        assert (record.disposition, record.last_step) == ("transferred", "operator")
        began = time.monotonic()
        await taken.says("good day")
        await call.hears_speech(since_s=began)
        await call.hang_up()
        await taken.hung_up()
        await scene.nothing_left()


async def test_she_may_hang_up_at_any_moment() -> None:
    async with Scene(lab=BARE) as scene:
        first = await scene.phones.dial("100")
        await first.hears_speech()
        await first.hang_up()
        record = await scene.ended()
        assert (record.disposition, record.last_step, record.ignored_events) == ("hung_up", "greeting", 0)
        since = len(scene.facts)
        second = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING, since=since)
        await second.hang_up()
        assert (await scene.ended(2)).disposition == "hung_up"
        await scene.nothing_left()


async def test_keys_are_heard() -> None:
    async with Scene(lab=BARE) as scene:
        operator = scene.phones.extension("201").answers(0.1)
        call = await greeted(scene)
        await call.press("0")
        taken = await operator.takes()
        record = await scene.ended()
        assert record.steps[-1].reason == "key_0"
        await call.hang_up()
        await taken.hung_up()
        await scene.nothing_left()


async def test_she_may_cut_in() -> None:
    async with Scene(lab=BARE, words=("one two three four five six seven eight nine",)) as scene:
        call = await greeted(scene)
        await call.says("winter tyres please")
        begins = await call.hears_speech()
        await asyncio.sleep(0.4)
        await call.says("wait a moment please")
        cut = call.heard.spans(begins - 0.05, join_ms=60)[0]
        assert cut.ms < 1500
        await call.hears_speech()
        await call.hang_up()
        record = await scene.ended()
        assert [turn.interrupted for turn in record.turns if turn.speaker == "agent"][1] is True
        await scene.nothing_left()


async def test_a_controller_that_dies_drops_nobody() -> None:
    async with Scene(lab=BARE, controller=False) as scene:
        operator = scene.phones.extension("201").answers(0.1)
        async with scene.new_controller():
            call = await scene.phones.dial("100")
            await scene.reaches(State.LISTENING)
        taken = await operator.takes()
        assert taken.caller == call.caller
        await call.hang_up()
        await taken.hung_up()
