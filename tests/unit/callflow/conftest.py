"""A small flow that has every kind of step, and a call that runs it."""

from __future__ import annotations

import pytest

from callflow.load import load
from callflow.schema import Flow
from callflow.testing import TalkingCall

FLOW = """
flow: shop
start: opening
hours: {timezone: Europe/Kyiv, mon-fri: "09:00-19:00"}
limits: {call: 10m, turns: 3}
silence:
  after: 7s
  say: [Are you still there?, I cannot hear you.]
  next: keypad
anywhere: {key_0: operator, wants_human: operator, limit: operator, error: operator}
steps:
  opening: {check: hours, next: {open: greeting, closed: after_hours}}
  greeting: {say: "Good day, this call is processed automatically.", interruptible: false, next: seller}
  seller:
    agent: Sell tyres.
    outcomes: {ordered: the order was confirmed, not_found: no such tyre}
    next: {not_found: operator, not_understood: keypad}
  keypad:
    menu: Press one.
    keys: {1: seller}
    retries: 1
    next: {no_key: operator, wrong_key: operator}
  operator: {say: One moment., transfer: sales, next: {no_answer: callback, failed: callback}}
ends:
  ordered: "Your order is {{order.number}}. Goodbye!"
  callback: We will call you back.
  after_hours: We are closed.
"""


@pytest.fixture(scope="session")
def flow() -> Flow:
    return load(FLOW).flow


@pytest.fixture
def call(flow: Flow) -> TalkingCall:
    return TalkingCall(flow)


@pytest.fixture
def seller(call: TalkingCall) -> TalkingCall:
    """A call in which the agent has asked its first question, and the caller has the floor."""
    call.arrives().reaches("seller")
    call.agent_says("Which size?")
    call.agent_finishes()
    call.bot_finishes()
    return call
