"""A call without telephony, for tests: short methods play the world, the machine is the real one."""

from __future__ import annotations

from collections.abc import Mapping

from callflow import effects as do
from callflow import events as ev
from callflow.machine import CallMachine
from callflow.schema import Flow
from callflow.table import State


class TalkingCall:
    """Drives a `CallMachine`. Each method tells it what happened and returns the effects, in order.

    The driver remembers what the machine asked for, so that it can answer with the right numbers: which
    utterance is running, which turn the agent thinks about, which timers run.
    """

    __test__ = False  # not a test case, whatever its module is called

    def __init__(self, flow: Flow, language: str = "") -> None:
        self.machine = CallMachine(flow, language)
        self.effects: list[do.Effect] = []
        self.speech = 0
        self.saying = ""
        self.turn = 0
        self.asked = ""
        self.timers: dict[ev.Timer, float] = {}
        self.visited: list[str] = []

    @property
    def state(self) -> State:
        """The machine's state."""
        return self.machine.state

    @property
    def step(self) -> str:
        """The flow's step."""
        return self.machine.step

    def tell(self, event: ev.Event) -> tuple[do.Effect, ...]:
        """Hand the machine any fact."""
        effects = self.machine.handle(event)
        for effect in effects:
            self._note(effect)
        self.effects.extend(effects)
        return effects

    def _note(self, effect: do.Effect) -> None:
        match effect:
            case do.Say(speech=speech, text=text):
                self.speech, self.saying = speech, text
            case do.SayMore(text=text):
                self.saying = f"{self.saying} {text}".strip()
            case do.StopSpeaking():
                self.speech = 0
            case do.AskAgent(turn=turn, text=text):
                self.turn, self.asked = turn, text
            case do.CancelAgent():
                self.turn = 0
            case do.StartTimer(timer=timer, after_s=after_s):
                self.timers[timer] = after_s
            case do.StopTimer(timer=timer):
                self.timers.pop(timer, None)
            case do.RecordStep(step=step):
                self.visited.append(step)

    def arrives(self, caller: str = "+380501112233", called: str = "100") -> TalkingCall:
        """The call comes in and is answered."""
        self.tell(ev.CallArrived(caller, called))
        self.tell(ev.CallAnswered())
        return self

    def checked(self, outcome: str) -> tuple[do.Effect, ...]:
        """The running check has its answer."""
        return self.tell(ev.Checked(self.step, outcome))

    def bot_finishes(self) -> tuple[do.Effect, ...]:
        """The running utterance is played to its end."""
        speech, self.speech = self.speech, 0
        return self.tell(ev.SpeechEnded(speech, self.saying))

    def agent_says(self, text: str) -> tuple[do.Effect, ...]:
        """The agent has a sentence."""
        return self.tell(ev.AgentSpoke(self.turn, text))

    def agent_finishes(
        self, outcome: str | None = None, values: Mapping[str, str] | None = None
    ) -> tuple[do.Effect, ...]:
        """The agent's turn is over."""
        return self.tell(ev.AgentFinished(self.turn, outcome, {}, values or {}))

    def says(self, text: str) -> tuple[do.Effect, ...]:
        """The caller speaks a whole utterance."""
        return (
            *self.tell(ev.CallerStarted()),
            *self.tell(ev.CallerStopped()),
            *self.tell(ev.CallerSaid(text)),
        )

    def presses(self, key: str) -> tuple[do.Effect, ...]:
        """The caller presses a key."""
        return self.tell(ev.KeyPressed(key))

    def stays_silent(self) -> tuple[do.Effect, ...]:
        """The silence timer runs out."""
        return self.tell(ev.TimerFired(ev.Timer.SILENCE))

    def hangs_up(self) -> tuple[do.Effect, ...]:
        """The caller hangs up."""
        return self.tell(ev.HungUp())

    def reaches(self, step: str, limit: int = 20) -> TalkingCall:
        """Let the agent's own speech and checks run (as open) until the call is in `step` and quiet.

        Raises AssertionError when it does not get there."""
        for _ in range(limit):
            if self.step == step and not self.speech:
                return self
            if self.speech:
                self.bot_finishes()
            elif self.state is State.THINKING and not self.machine.turn:
                self.checked("open")
            else:
                break
        if self.step != step:
            raise AssertionError(f"the call is in {self.step!r} ({self.state}), not in {step!r}")
        return self
