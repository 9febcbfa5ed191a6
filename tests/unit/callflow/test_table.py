"""Every state × every event; the lint of the table; random orders of events that must break no rule."""

from __future__ import annotations

import copy
import random
from typing import TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callflow import effects as do
from callflow import events as ev
from callflow.load import load
from callflow.machine import CallMachine
from callflow.table import FACTS, MACHINE, MOVES, State, trigger_of
from callflow.testing import TalkingCall
from tests.unit.callflow.conftest import FLOW

T = TypeVar("T")
SHOP = load(FLOW).flow


def clone(thing: T) -> T:
    """A deep copy that shares the flow, which is frozen."""
    return copy.deepcopy(thing, {id(SHOP): SHOP})


EXAMPLES: dict[type[ev.Event], ev.Event] = {
    ev.CallArrived: ev.CallArrived("1", "100"),
    ev.CallAnswered: ev.CallAnswered(),
    ev.CallerStarted: ev.CallerStarted(),
    ev.CallerStopped: ev.CallerStopped(),
    ev.CallerSaid: ev.CallerSaid("winter"),
    ev.KeyPressed: ev.KeyPressed("5"),
    ev.SpeechEnded: ev.SpeechEnded(1, "Good day."),
    ev.AgentSpoke: ev.AgentSpoke(1, "Which size?"),
    ev.AgentFinished: ev.AgentFinished(1),
    ev.Checked: ev.Checked("opening", "open"),
    ev.TimerFired: ev.TimerFired(ev.Timer.SILENCE),
    ev.CallLeft: ev.CallLeft(),
    ev.OperatorAnswered: ev.OperatorAnswered(),
    ev.TransferEnded: ev.TransferEnded("no_answer"),
    ev.Failed: ev.Failed(ev.Part.AGENT),
    ev.HungUp: ev.HungUp(),
}


def in_state(state: State) -> CallMachine:
    """A call that came to a state by facts alone."""
    call = TalkingCall(SHOP)
    if state is State.RINGING:
        return call.machine
    call.arrives()
    if state is State.THINKING:
        return call.machine
    call.checked("open")
    if state is State.GREETING:
        return call.machine
    call.bot_finishes()
    call.agent_finishes()
    if state is State.SPEAKING:
        call.stays_silent()
    elif state is State.TRANSFERRING:
        call.presses("0")
        call.tell(ev.TimerFired(ev.Timer.KEYS))
        call.bot_finishes()
    elif state is State.ENDED:
        call.hangs_up()
    assert call.state is state
    return call.machine


def test_every_event_has_a_row_and_an_example() -> None:
    facts = {kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)}
    assert set(FACTS) == set(EXAMPLES) == facts - {ev.Event}


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("state", State)
def test_every_state_and_event(state: State, event: ev.Event) -> None:
    machine = in_state(state)
    before = clone(machine)
    effects = machine.handle(event)
    if state in FACTS[type(event)]:
        assert machine.ignored[(state, type(event).__name__)] <= 1
        return
    assert effects == ()
    assert machine.ignored[(state, type(event).__name__)] == 1
    machine.ignored = before.ignored
    machine._effects = before._effects
    assert machine == before


@pytest.mark.parametrize("move", MOVES, ids=lambda m: f"{m['trigger']}-{m['dest'].name}")
def test_every_move_names_states_and_callbacks_that_exist(move: dict[str, object]) -> None:
    names = {state.name for state in State}
    assert {state.name for state in [*move["source"], move["dest"]]} <= names  # type: ignore[misc]
    for condition in ("conditions", "unless"):
        if condition in move:
            assert callable(getattr(CallMachine, str(move[condition])))


def test_every_fact_has_a_handler_and_every_handler_a_fact() -> None:
    handlers = {name.removeprefix("on_") for name in vars(CallMachine) if name.startswith("on_")}
    assert handlers == {trigger_of(event) for event in FACTS}
    assert set(MACHINE.events) == handlers | {str(move["trigger"]) for move in MOVES}


def test_one_machine_serves_all_calls_and_remembers_none() -> None:
    for _ in range(100):
        TalkingCall(SHOP).arrives().hangs_up()
    assert MACHINE.models == []


class RandomCalls(RuleBasedStateMachine):
    """Any order of facts, right ones and late ones: the rules of a call hold all the same."""

    @initialize()
    def start(self) -> None:
        self.call = TalkingCall(SHOP)
        self.speaking = 0
        self.closed = False

    def see(self, effects: tuple[do.Effect, ...]) -> None:
        assert not (self.closed and effects), "nothing happens after the end"
        for effect in effects:
            match effect:
                case do.Say(speech=speech):
                    assert self.speaking == 0, "one speech at a time"
                    self.speaking = speech
                case do.SayMore(speech=speech):
                    assert speech == self.speaking
                case do.StopSpeaking(speech=speech):
                    assert speech == self.speaking
                    self.speaking = 0
                case do.CloseCall():
                    assert not self.closed, "a call is closed once"
                    self.closed = True
                    self.speaking = 0

    def tell(self, event: ev.Event) -> None:
        if isinstance(event, ev.SpeechEnded) and event.speech == self.speaking:
            self.speaking = 0
        self.see(self.call.tell(event))

    @rule(event=st.sampled_from(list(EXAMPLES.values())))
    def anything(self, event: ev.Event) -> None:
        self.tell(event)

    @rule(timer=st.sampled_from(ev.Timer))
    def a_timer_fires(self, timer: ev.Timer) -> None:
        self.tell(ev.TimerFired(timer))

    @rule(part=st.sampled_from(ev.Part))
    def a_part_fails(self, part: ev.Part) -> None:
        self.tell(ev.Failed(part))

    @rule(key=st.sampled_from("0123456789*#"))
    def a_key_is_pressed(self, key: str) -> None:
        self.tell(ev.KeyPressed(key))

    @rule(text=st.sampled_from(["", "winter", "yes"]))
    def the_caller_speaks(self, text: str) -> None:
        self.tell(ev.CallerStarted())
        self.tell(ev.CallerStopped())
        self.tell(ev.CallerSaid(text))

    @precondition(lambda self: self.speaking)
    @rule(complete=st.booleans())
    def the_speech_ends(self, complete: bool) -> None:
        self.tell(ev.SpeechEnded(self.speaking, "words", complete))

    @rule(
        outcome=st.sampled_from([None, "ordered", "not_found", "not_understood", "wants_human", "nonsense"])
    )
    def the_agent_answers(self, outcome: str | None) -> None:
        self.tell(ev.AgentSpoke(self.call.turn, "A sentence."))
        self.tell(ev.AgentFinished(self.call.turn, outcome))

    @rule(outcome=st.sampled_from(["open", "closed"]))
    def the_check_answers(self, outcome: str) -> None:
        self.tell(ev.Checked(self.call.step, outcome))

    @invariant()
    def the_machine_agrees_about_speech(self) -> None:
        assert self.call.machine.speech == self.speaking

    @invariant()
    def the_state_agrees_with_what_runs(self) -> None:
        machine = self.call.machine
        assert (machine.disposition is not None) == (machine.state is State.ENDED) == self.closed
        if machine.state in (State.GREETING, State.SPEAKING):
            assert machine.speech
        if machine.state is State.LISTENING:
            assert not machine.speech
            assert not machine.turn

    @invariant()
    def the_end_can_still_be_reached(self) -> None:
        probe = clone(self.call)
        probe.hangs_up()
        assert probe.state is State.ENDED

    def teardown(self) -> None:
        """Left alone by the caller, but served by the world, the call comes to its end by itself."""
        for _ in range(200):
            if self.call.state is State.ENDED:
                return
            self.serve()
        raise AssertionError(f"the call hangs in {self.call.state}, step {self.call.step}")

    def serve(self) -> None:
        machine = self.call.machine
        if machine.speech:
            self.tell(ev.SpeechEnded(machine.speech, "words"))
        elif machine.turn:
            self.tell(ev.AgentFinished(machine.turn))
        elif machine.state is State.THINKING:
            self.tell(ev.Checked(machine.step, "open"))
        elif machine.state is State.LISTENING:
            self.tell(ev.TimerFired(ev.Timer.SILENCE))
        elif machine.state is State.TRANSFERRING:
            self.tell(random.choice([ev.TimerFired(ev.Timer.TRANSFER), ev.TransferEnded("failed")]))
            self.tell(ev.CallAnswered())
        else:
            self.tell(ev.CallArrived())
            self.tell(ev.CallAnswered())


RandomCalls.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestRandomCalls = RandomCalls.TestCase
