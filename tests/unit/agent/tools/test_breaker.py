"""The circuit breaker, with time as data."""

from __future__ import annotations

from agent.tools.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(5):
        assert breaker.allows()
        breaker.failed()
    return breaker, clock


def test_five_failures_in_a_row_open_it_for_half_a_minute() -> None:
    breaker, clock = opened()
    clock.now += 29.9
    assert not breaker.allows()
    assert breaker.is_open


def test_a_success_between_starts_the_count_anew() -> None:
    breaker = Breaker(Clock())
    for _ in range(4):
        breaker.failed()
    breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    assert breaker.allows()


def test_one_may_try_and_its_success_closes_it() -> None:
    breaker, clock = opened()
    clock.now += 30
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert breaker.allows()
    assert not breaker.is_open


def test_a_failed_try_keeps_it_open_as_long_again() -> None:
    breaker, clock = opened()
    clock.now += 30
    assert breaker.allows()
    breaker.failed()
    clock.now += 29.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.allows()
