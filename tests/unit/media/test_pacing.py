"""Pacing: deadlines that do not drift, bounded catching up, and callers that cannot hurt each other."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.pacing import SUBTICK_S, Lateness, Schedule, Ticker


def test_each_subtick_is_due_once_at_its_deadline() -> None:
    schedule = Schedule(100.0)
    for number in range(1000):
        now = 100.0 + number * 0.005
        assert schedule.next_deadline == pytest.approx(now)
        assert schedule.due(now) == (range(number, number), range(number, number + 1))
        assert not schedule.due(now)[1]


def test_a_late_wake_up_does_not_move_the_deadlines() -> None:
    schedule = Schedule(0.0)
    schedule.due(0.0)
    assert schedule.due(0.0118)[1] == range(1, 3)
    assert schedule.next_deadline == pytest.approx(0.015)


def test_woken_too_early_there_is_nothing_to_do() -> None:
    schedule = Schedule(0.0)
    schedule.due(0.0)
    assert schedule.due(0.0035) == (range(1, 1), range(1, 1))
    assert schedule.next_deadline == pytest.approx(0.005)


def test_after_a_stall_three_frames_are_made_up_and_the_others_skipped() -> None:
    schedule = Schedule(0.0)
    schedule.due(0.0)
    skipped, due = schedule.due(1.0)
    assert skipped == range(1, 189)
    assert due == range(189, 201)


@given(st.lists(st.floats(0, 0.5), max_size=50))
def test_every_subtick_is_given_once_and_in_order(pauses: list[float]) -> None:
    schedule, now, given_ = Schedule(0.0), 0.0, []
    for pause in [0.0, *pauses]:
        now += pause
        skipped, due = schedule.due(now)
        assert len(due) <= 12
        given_ += [*skipped, *due]
    assert given_ == list(range(len(given_)))
    assert schedule.next_deadline > now


def test_lateness_knows_its_quantiles_and_what_was_too_late() -> None:
    lateness = Lateness()
    for _ in range(98):
        lateness.add(0.0011)
    lateness.add(0.012)
    lateness.add(5.0)
    assert lateness.quantile(0.5) == pytest.approx(0.00125)
    assert lateness.quantile(0.99) == pytest.approx(0.01225)
    assert lateness.quantile(1.0) == pytest.approx(0.064)
    assert (lateness.count, lateness.late) == (100, 2)


def test_without_service_there_is_no_lateness() -> None:
    assert Lateness().quantile(0.99) == 0.0
    assert Ticker().stats.late_ratio == 0.0


def test_calls_are_spread_over_the_subticks() -> None:
    ticker = Ticker()
    slots = [ticker.add(lambda now: None) for _ in range(8)]
    sizes = [len(subtick) for subtick in ticker._subticks]
    assert sizes == [2, 2, 2, 2]
    slots[3].remove()
    assert not slots[3].active
    ticker.add(lambda now: None)
    assert [len(subtick) for subtick in ticker._subticks] == sizes


class Clock:
    """Stands in for `time.monotonic` and the loop's timers, so that a test decides what time it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ticker: Ticker) -> None:
        self.now = 50.0
        self._ticker = ticker
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        ticker.start()

    def wake_at(self, seconds: float) -> None:
        """Wake the ticker so long after its start."""
        self.now = 50.0 + seconds
        schedule = self._ticker._schedule
        assert schedule is not None
        assert self._ticker._timer is not None
        self._ticker._timer.cancel()
        self._ticker._wake(schedule)


@pytest.fixture
async def ticker() -> Ticker:
    return Ticker()


async def test_a_call_is_served_every_20_ms(ticker: Ticker, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[float] = []
    ticker.add(served.append)
    clock = Clock(monkeypatch, ticker)
    for subtick in range(20):
        clock.wake_at(subtick * SUBTICK_S)
    ticker.stop()
    assert served == pytest.approx([50.0, 50.02, 50.04, 50.06, 50.08])
    assert ticker.stats.served == 5


async def test_the_subtick_callback_comes_after_its_calls(
    ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in "abcd":
        ticker.add(lambda now, name=name: order.append(name))  # type: ignore[misc]
    ticker.every_subtick(lambda now: order.append("-"))
    clock = Clock(monkeypatch, ticker)
    for subtick in range(4):
        clock.wake_at(subtick * SUBTICK_S)
    ticker.stop()
    assert "".join(order) == "a-b-c-d-"


async def test_a_stall_is_made_up_by_three_frames_and_counted(
    ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[float] = []
    for _ in range(4):
        ticker.add(served.append)
    clock = Clock(monkeypatch, ticker)
    clock.wake_at(0.0)
    clock.wake_at(0.995)
    ticker.stop()
    assert len(served) == 1 + 12
    assert ticker.stats.skipped == 199 - 12
    assert ticker.stats.late_ratio == pytest.approx(9 / 13)


async def test_one_failing_call_hurts_no_other(ticker: Ticker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(now: float) -> None:
        raise RuntimeError("this call is broken")

    served: list[float] = []
    for _ in range(4):
        ticker.add(fail)
        ticker.add(served.append)
    clock = Clock(monkeypatch, ticker)
    for subtick in range(8):
        clock.wake_at(subtick * SUBTICK_S)
    ticker.stop()
    assert len(served) == 8
    assert ticker.stats.failed == 8


async def test_a_slot_removed_by_another_is_not_served_any_more(
    ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[float] = []
    ticker.add(lambda now: victim.remove())
    for _ in range(3):
        ticker.add(lambda now: None)
    victim = ticker.add(served.append)
    Clock(monkeypatch, ticker).wake_at(0.0)
    victim.remove()
    ticker.stop()
    assert served == []
    assert ticker.stats.calls == 4


async def test_a_callback_may_stop_the_ticker(ticker: Ticker, monkeypatch: pytest.MonkeyPatch) -> None:
    ticker.add(lambda now: ticker.stop())
    Clock(monkeypatch, ticker).wake_at(0.0)
    assert ticker._timer is not None
    assert ticker._timer.cancelled()
    assert ticker.stats.served == 1


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_it_runs_on_both_loops(loop_name: str) -> None:
    async def serve_five_times() -> int:
        ticker, done, served = Ticker(), asyncio.Event(), []

        def serve(now: float) -> None:
            served.append(now)
            if len(served) == 5:
                done.set()

        ticker.add(serve)
        ticker.start()
        ticker.start()
        await done.wait()
        ticker.stop()
        ticker.stop()
        return len(served)

    factory = None
    if loop_name == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(serve_five_times()) == 5
