"""Whole calls against a fake Asterisk: the shell does what the machine orders, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.scripted import ScriptedAgent
from ari_app.main import Controller, Engines
from ari_app.settings import Settings
from callflow import decisions
from callflow import effects as do
from callflow import events as ev
from callflow.machine import CallMachine
from callflow.table import State
from media.fakes import InstantRecognizer, ToneSynthesizer
from storage.ports import Call
from tests.fakes.ari import FakeAsterisk

FLOW = """
flow: shop
start: greeting
anywhere: {key_0: operator, wants_human: operator, error: operator, limit: operator}
steps:
  greeting: {say: Hi., interruptible: false, next: seller}
  seller:
    agent: Sell.
    outcomes: {ordered: done}
    next: {not_understood: operator}
  operator: {transfer: sales, next: {no_answer: callback, failed: callback}}
ends: {ordered: Bye., callback: Later.}
"""
WAIT_S = 10.0


class Watcher:
    """Sees every fact of every call, and can wait for one."""

    def __init__(self) -> None:
        self.seen: list[tuple[ev.Event, State]] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(
        self, call_id: str, machine: CallMachine, event: ev.Event, effects: tuple[do.Effect, ...]
    ) -> None:
        self.seen.append((event, machine.state))
        task = asyncio.ensure_future(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def state(self, state: State) -> None:
        """Wait until some call is in a state."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: bool(self.seen) and self.seen[-1][1] is state)

    async def event(self, kind: type[ev.Event]) -> None:
        """Wait for a fact."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: any(isinstance(event, kind) for event, _ in self.seen))


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as fake:
        fake.world.modules.add("res_rtp_multicast")
        yield fake


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture(autouse=True)
def no_pause_after_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key pressed here is a key alone."""
    monkeypatch.setattr(decisions, "KEY_ALONE_S", 0.01)


@pytest.fixture
async def controller(asterisk: FakeAsterisk, watcher: Watcher, tmp_path: Path) -> AsyncIterator[Controller]:
    (tmp_path / "shop.yaml").write_text(FLOW)
    settings = Settings.of(
        {
            "ARI_URL": f"{asterisk.url}/ari",
            "ARI_PASSWORD": asterisk.password,
            "HTTP_PORT": "0",
            "AUDIOSOCKET_PORT": "0",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'calls.db'}",
            "FLOWS_DIR": str(tmp_path),
            "FLOW": "shop",
            "MEDIA_TRANSPORT": "rtp",
        }
    )
    engines = Engines(InstantRecognizer(), ScriptedAgent(opening="Size?"), ToneSynthesizer())
    async with Controller(settings, engines, [watcher]) as running:
        yield running


async def ended(controller: Controller, disposition: str) -> Call:
    """Wait until no call is up; the one record there is."""
    async with asyncio.timeout(WAIT_S):
        while controller.switchboard.calls or controller.switchboard.tasks:
            await asyncio.sleep(0.01)
    (brief,) = await controller.services.store.recent()
    call = await controller.services.store.get(brief.call_id)
    assert call is not None
    assert call.disposition == disposition
    return call


async def handed_over(asterisk: FakeAsterisk) -> None:
    """Wait until a caller was given to the dialplan."""
    async with asyncio.timeout(WAIT_S):
        while not asterisk.asked("continueInDialplan"):
            await asyncio.sleep(0.01)


def left_over(asterisk: FakeAsterisk) -> tuple[list[str], list[str]]:
    """Our channels and bridges that Asterisk still has."""
    ours = [name for name in asterisk.world.channels if name.startswith("callflow-")]
    return ours, list(asterisk.world.bridges)


async def test_a_call_is_greeted_recorded_and_released(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1", caller="380671112233")
    await watcher.state(State.LISTENING)
    await asterisk.hang_up("1.1")
    call = await ended(controller, "hung_up")
    assert [turn.text for turn in call.turns] == ["Hi.", "Size?"]
    assert [visit.step for visit in call.steps] == ["greeting", "seller"]
    assert (call.caller, call.transport, call.flow) == ("380671112233", "rtp", "shop")
    assert left_over(asterisk) == ([], [])


async def test_a_hang_up_in_mid_sentence_keeps_the_words_that_were_heard(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1")
    await watcher.state(State.GREETING)
    await asterisk.hang_up("1.1")
    call = await ended(controller, "hung_up")
    assert all(turn.interrupted for turn in call.turns)
    assert left_over(asterisk) == ([], [])


async def test_a_caller_who_presses_zero_goes_to_the_queue_with_word_for_the_operator(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1", caller="380671112233")
    await watcher.state(State.LISTENING)
    await asterisk.press("1.1", "0")
    await watcher.event(ev.CallLeft)
    names = {request["variable"] for request in asterisk.asked("setChannelVar")}
    assert {"__CALLFLOW_CALL_ID", "__CALLFLOW_SHORT", "__CALLFLOW_SUMMARY_ID", "CALLFLOW_INTENT"} <= names
    assert asterisk.asked("continueInDialplan")[-1]["context"] == "transfer-to-operator"
    await asterisk.hang_up("1.1")
    call = await ended(controller, "abandoned")
    assert call.summary == "Caller 380671112233; reason: key_0."


async def test_an_operator_who_takes_the_call_ends_it_for_us(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1")
    await watcher.state(State.LISTENING)
    await asterisk.press("1.1", "0")
    await watcher.event(ev.CallLeft)
    channel = {"id": "1.1"}
    await asterisk.send_event("ChannelVarset", channel=channel, variable="CALLFLOW_OPERATOR", value="201")
    await ended(controller, "transferred")


async def test_a_caller_whom_the_queue_gives_back_hears_the_end(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1")
    await watcher.state(State.LISTENING)
    await asterisk.press("1.1", "0")
    await watcher.event(ev.CallLeft)
    (call,) = controller.switchboard.calls
    await asterisk.call("1.1", args=("returned", call.call_id, "no_answer"))
    record = await ended(controller, "callback")
    assert record.turns[-1].text == "Later."
    assert left_over(asterisk) == ([], [])


async def test_media_that_cannot_be_opened_sends_the_caller_to_people(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    asterisk.fail("externalMedia", 500)
    await asterisk.call("1.1")
    await watcher.event(ev.CallLeft)
    assert asterisk.asked("continueInDialplan")
    await asterisk.hang_up("1.1")
    await ended(controller, "abandoned")


async def test_a_fault_of_ours_sends_the_caller_to_people(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: CallMachine, event: ev.Event) -> tuple[do.Effect, ...]:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(CallMachine, "handle", broken)
    await asterisk.call("1.1")
    await handed_over(asterisk)
    await ended(controller, "error")


async def test_odd_events_are_counted_and_harm_nobody(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.send_text("not json")
    await asterisk.send_text('{"type": "NeverHeardOf", "x": 1}')
    await asterisk.send_event("ChannelDtmfReceived", channel={"id": "nobody"}, digit="5", duration_ms=100)
    await asterisk.call("1.1")
    await watcher.state(State.LISTENING)
    assert controller.switchboard.ignored["ChannelDtmfReceived"] == 1
    await asterisk.hang_up("1.1")
    await ended(controller, "hung_up")


async def test_a_lost_event_stream_is_found_again_and_who_left_meanwhile_is_noticed(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1")
    await watcher.state(State.LISTENING)
    await asterisk.cut()
    await asterisk.wait_left()
    await asterisk.hang_up("1.1")
    await asterisk.wait_connected()
    await ended(controller, "hung_up")
    assert left_over(asterisk) == ([], [])


async def test_a_lonely_caller_is_handed_to_people(controller: Controller, asterisk: FakeAsterisk) -> None:
    controller.switchboard.draining = True
    await asterisk.call("9.9")
    await handed_over(asterisk)


async def test_draining_hands_over_who_is_left(
    controller: Controller, asterisk: FakeAsterisk, watcher: Watcher
) -> None:
    await asterisk.call("1.1")
    await watcher.state(State.LISTENING)
    draining = asyncio.create_task(controller.drain(0.05))
    await watcher.event(ev.CallLeft)
    channel = {"id": "1.1"}
    await asterisk.send_event("ChannelVarset", channel=channel, variable="CALLFLOW_OPERATOR", value="201")
    await draining
    await ended(controller, "transferred")
