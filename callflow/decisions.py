"""What follows from the facts of a call: where it goes, who has the floor, what is said.

`machine.CallMachine` takes these decisions when a fact comes in. Each may change the memory, move the state
and append effects; none of them knows which fact it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from callflow import effects as do
from callflow import events as ev
from callflow.memory import CallMemory, Then
from callflow.schema import (
    AgentStep,
    CheckStep,
    MenuStep,
    SayStep,
    Silence,
    Text,
    TransferStep,
    spoken,
)
from callflow.table import MACHINE, State

TRANSFER_CONFIRM_S = 5.0
"""Asterisk confirms a hand-over by `StasisEnd` in milliseconds; after this long it will not."""
KEYS_PAUSE_S = 3.0
"""A number dictated by keys is complete after this pause, or at `#`."""
KEY_ALONE_S = 1.5
"""`0` may ask for a person or begin a telephone number: after this pause it was alone."""
KEY_EVENTS = {"*": "star", "#": "hash"}
KEYS_PAUSE_S = 3.0
"""A number dictated by keys is complete after this pause, or at `#`."""
KEY_ALONE_S = 1.5
"""`0` may ask for a person or begin a telephone number: after this pause it was alone."""
KEY_EVENTS = {"*": "star", "#": "hash"}
MAX_HOPS = 50
"""So many steps without the caller having the floor are a loop."""
MAX_ERRORS = 3
"""At this many failures the call goes to a person without further words."""


MAX_HOPS = 50
"""So many steps without the caller having the floor are a loop."""
MAX_ERRORS = 3
"""At this many failures the call goes to a person without further words."""


MAX_ERRORS = 3
"""At this many failures the call goes to a person without further words."""


@dataclass
class Decisions(CallMemory):
    """A call that can decide. `CallMachine` is what tells it the facts."""

    _effects: list[do.Effect] = field(default_factory=list, repr=False)

    def had_floor(self, *_: object) -> bool:
        """Whether the caller has had the floor: until then the agent's words are the greeting."""
        return self.floor_given

    @property
    def at_end(self) -> bool:
        """Whether the last words are being said."""
        return self.step in self.flow.ends

    def _do(self, *effects: do.Effect) -> None:
        self._effects.extend(effects)

    def _move(self, move: str) -> None:
        MACHINE.events[move].trigger(self)

    # --- decisions: where to go ----------------------------------------------------------------------

    @property
    def _current(self) -> SayStep | CheckStep | AgentStep | MenuStep | TransferStep | None:
        return self.flow.steps.get(self.step)

    def _enter(self, name: str, reason: str) -> None:
        """Go to a step or an end. What the agent was doing stops."""
        self.hops += 1
        if self.hops > MAX_HOPS:
            self._give_up()
            return
        self._fall_silent()
        self.step, self.reason = name, reason
        self.silences, self.misses, self.digits = 0, 0, ""
        self._do(do.RecordStep(name, reason))
        self._open()

    def _open(self) -> None:
        """Say the step's own words, if it has any, then do its work."""
        step = self._current
        if step is None:
            self._say(self.flow.ends[self.step], self.step, Then.HANG_UP, interruptible=False)
        elif isinstance(step, SayStep):
            self.outcome = "next"
            self._say(step.say, self.step, Then.LEAVE, interruptible=step.interruptible)
        elif isinstance(step, MenuStep):
            self._say(step.menu, self.step, Then.LISTEN, interruptible=step.interruptible)
        elif isinstance(step, AgentStep | TransferStep) and step.say is not None:
            listens = isinstance(step, AgentStep) and step.interruptible
            self._say(step.say, self.step, Then.WORK, interruptible=listens)
        else:
            self._work()

    def _work(self) -> None:
        step = self._current
        if isinstance(step, CheckStep):
            self._move("think")
            self._do(do.Check(self.step))
        elif isinstance(step, AgentStep):
            self._ask("")
        elif isinstance(step, TransferStep):
            self._move("transfer")
            self._do(
                do.StopTimer(ev.Timer.SILENCE),
                do.StopTimer(ev.Timer.CALL),
                do.StartTimer(ev.Timer.TRANSFER, TRANSFER_CONFIRM_S),
                do.Transfer(step.transfer, self.step, self.reason, step.summary),
            )

    def _leave(self, outcome: str) -> None:
        """Leave the step by an outcome of its work."""
        target = self.flow.after(self.step, outcome) if self._current else None
        if target is not None:
            self._enter(target, outcome)
        elif not self._escape("error"):
            self._give_up()

    def _escape(self, event: str) -> bool:
        """Go where `anywhere` leads for an event; False when it leads nowhere."""
        if self.at_end and event == "error":
            self._fall_silent()
            self._after_last_words()
            return True
        target = self.flow.on(self.step, event)
        if target is None:
            return False
        if target != self.step:
            self._enter(target, event)
        elif self.speech:
            self._fall_silent()
            self._after_speech()
        else:
            return False
        return True

    def _give_up(self) -> None:
        """Nothing in the flow helps: a person, without a word more; else the end of the call."""
        tried = self.mute and isinstance(self._current, TransferStep)
        self.mute, self.hops = True, 0
        transfer = next((n for n, s in self.flow.steps.items() if isinstance(s, TransferStep)), None)
        if transfer is None or tried or self.errors > MAX_ERRORS:
            self._fall_silent()
            self._do(do.HangUp())
            self._close("error")
            return
        self.errors += 1
        self._enter(transfer, "error")

    def _close(self, disposition: str) -> None:
        self.disposition = disposition
        self.speech = self.turn = 0
        self._move("end")
        self._do(do.CloseCall(disposition, self.step))

    # --- decisions: who has the floor ----------------------------------------------------------------

    def _say(
        self,
        text: Text,
        source: str,
        then: Then,
        *,
        index: int = 0,
        interruptible: bool = True,
        final: bool = True,
    ) -> None:
        """Begin an utterance; `then` says what follows it. A mute agent is done at once."""
        self.then, self.interruptible = then, interruptible
        sentence = render(spoken(text, self.language), self.values)
        if self.mute or not sentence:
            self._after_speech()
            return
        self.speeches += 1
        self.speech = self.speeches
        self.sources[self.speech] = source
        self._move("speak")
        self._do(do.Say(self.speech, sentence, source, index, self.language, interruptible, final))

    def _after_speech(self) -> None:
        if self.turn:  # the agent was cut by a fault of its voice and still thinks
            self._move("think")
        elif self.then is Then.HANG_UP:
            self._after_last_words()
        elif self.then is Then.LEAVE:
            self.then = Then.LISTEN
            self._leave(self.outcome)
        elif self.then is Then.WORK:
            self._work()
        else:
            self._listen()

    def _after_last_words(self) -> None:
        self._do(do.HangUp())
        self._close(self.step)

    def _listen(self) -> None:
        """Give the caller the floor; what she said or pressed too early counts now."""
        self._move("listen")
        self.floor_given, self.hops = True, 0
        early, self.early = self.early, None
        self._do(do.Listen(self.step, self.language))
        self._start_silence()
        if isinstance(early, ev.KeyPressed):
            self._key(early.key)
        elif early is not None and isinstance(self._current, AgentStep):
            self._heard(early)

    def _yield_floor(self) -> None:
        """The caller cuts in: fall silent and listen; she is speaking, so no silence is counted yet."""
        self._fall_silent()
        self._move("listen")
        self.floor_given, self.hops = True, 0
        self._do(do.Listen(self.step, self.language))

    def _cut_off(self) -> None:
        """The agent was cut, and not by us: she hung up, which is told next. So the flow must not go on; it
        does when nothing is told for as long as a silence lasts."""
        self._yield_floor()
        self._start_silence()

    def _fall_silent(self) -> None:
        if self.speech:
            self._do(do.StopSpeaking(self.speech))
            self.speech = 0
        if self.turn:
            self._do(do.CancelAgent(self.turn))
            self.turn, self.asked = 0, ""

    def _ask(self, text: str) -> None:
        self.turns += 1
        self.turn, self.asked = self.turns, text
        self._move("think")
        self._do(do.StopTimer(ev.Timer.SILENCE), do.AskAgent(self.turn, self.step, text, self.language))

    # --- decisions: what the caller meant --------------------------------------------------------------

    def _must_wait(self) -> bool:
        """Whether the agent is saying what must be heard in full, or looks something up."""
        looks_up = self.state is State.THINKING and not self.turn
        return looks_up or bool(self.speech and not self.interruptible)

    def _said(self, event: ev.CallerSaid) -> None:
        """Words, or that there were none to be understood."""
        if not event.text:
            self._unclear()
            return
        self._do(do.RecordTurn(do.Speaker.CALLER, event.text, self.step))
        self._heard(event)

    def _unclear(self) -> None:
        """Something was said and not understood: the agent asks again, a menu waits for a key."""
        if self.state is not State.LISTENING:
            return
        if isinstance(self._current, AgentStep):
            self._ask("")
        elif isinstance(self._current, MenuStep):
            self._start_silence()
        else:
            self._after_speech()

    def _heard(self, event: ev.CallerSaid) -> None:
        if self._must_wait():
            self.early = self.early if isinstance(self.early, ev.KeyPressed) else event
            return
        self.silences = 0
        self.caller_turns += 1
        if self.caller_turns > self.flow.limits.turns:
            if not self._escape("limit"):
                self._give_up()
            return
        text = f"{self.asked} {event.text}".strip() if self.turn and not self.speech else event.text
        if self.speech or self.turn:
            self._yield_floor()
        step = self._current
        if isinstance(step, AgentStep):
            self._ask(text)
        elif isinstance(step, MenuStep) and event.digits:
            self._key(event.digits)
        elif isinstance(step, MenuStep):
            self._miss(step, "wrong_key")
        else:  # a step that only speaks was cut in on: the words are for the next one
            self.early = event
            self._after_speech()

    def _key(self, key: str) -> None:
        name = KEY_EVENTS.get(key, f"key_{key}")
        step = self._current
        if isinstance(step, MenuStep) and key in step.keys:
            self._enter(step.keys[key], name)
        elif isinstance(step, AgentStep) and (self.digits or key not in KEY_EVENTS):
            self._digit(key)
        elif target := self.flow.on(self.step, name):
            self._enter(target, name)
        elif isinstance(step, MenuStep):
            self._miss(step, "wrong_key")

    def _digit(self, key: str) -> None:
        """While the agent listens a key may begin a number: a pause tells, or `#` ends it."""
        if self.state is not State.LISTENING:
            self._yield_floor()
        if key == "#":
            self._take_digits()
            return
        self.digits += key
        alone = len(self.digits) == 1 and self.flow.on(self.step, f"key_{key}")
        pause_s = KEY_ALONE_S if alone else KEYS_PAUSE_S
        self._do(do.StopTimer(ev.Timer.SILENCE), do.StartTimer(ev.Timer.KEYS, pause_s))

    def _take_digits(self) -> None:
        """The keys are complete: one alone may lead somewhere by `anywhere`, else they are what was said."""
        digits, self.digits = self.digits, ""
        self._do(do.StopTimer(ev.Timer.KEYS))
        name = f"key_{digits}"
        if target := self.flow.on(self.step, name):
            self._enter(target, name)
        else:
            self._said(ev.CallerSaid(digits))

    # --- decisions: silence and misses ---------------------------------------------------------------

    @property
    def _silence_rule(self) -> Silence:
        """The step's own words for silence, else the flow's; a menu of its own accord repeats itself."""
        step = self._current
        if step is not None and step.silence is not None:
            return step.silence
        if isinstance(step, MenuStep):
            return self.flow.silence.model_copy(update={"say": (step.menu,) * step.retries, "next": None})
        return self.flow.silence

    def _start_silence(self) -> None:
        self._do(do.StartTimer(ev.Timer.SILENCE, self._silence_rule.after))

    def _silence(self) -> None:
        """The caller says nothing: each retry has its own words; after the last, on to `next`."""
        rule = self._silence_rule
        if not isinstance(self._current, AgentStep | MenuStep):
            self._after_speech()
        elif self.silences < len(rule.say):
            self.silences += 1
            source = self.step if isinstance(self._current, MenuStep) else "silence"
            self._say(rule.say[self.silences - 1], source, Then.LISTEN, index=self.silences - 1)
        elif rule.next and rule.next != self.step:
            self._enter(rule.next, "silence")
        else:
            self._leave("no_key" if isinstance(self._current, MenuStep) else "not_understood")

    def _miss(self, step: MenuStep, outcome: str) -> None:
        """A key that leads nowhere: say the menu again, a bounded number of times."""
        if self.misses >= step.retries:
            self._leave(outcome)
            return
        self.misses += 1
        self._fall_silent()
        self._say(step.menu, self.step, Then.LISTEN, index=self.misses)


def render(text: str, values: Mapping[str, str]) -> str:
    """Fill `{{name}}` from what is known; an unknown name leaves nothing behind."""
    return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda match: values.get(match[1], ""), text)
