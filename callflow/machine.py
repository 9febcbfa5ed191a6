"""One call as a machine: `handle(event)` takes a fact and returns what the shell must do, in order.

The machine is the only place that knows where a call is in its flow. It keeps plain data (no callback, no
handle), so that a call can be written down at any moment and taken up by another controller.
"""

from __future__ import annotations

from dataclasses import dataclass

from callflow import effects as do
from callflow import events as ev
from callflow.decisions import MAX_ERRORS, Decisions
from callflow.memory import Then
from callflow.table import FACTS, MACHINE, State, trigger_of


@dataclass
class CallMachine(Decisions):
    """The state of one call. Feed it facts with `handle`; read `state`, `step` and `ignored`."""

    def __post_init__(self) -> None:
        self.language = self.language or self.flow.language
        self.step = self.step or self.flow.start

    # --- the one way in ------------------------------------------------------------------------------

    def handle(self, event: ev.Event) -> tuple[do.Effect, ...]:
        """Take one fact; return the orders that follow from it. A fact out of place returns nothing and is
        counted in `ignored` by state and name."""
        if self.state not in FACTS[type(event)]:
            self._ignore(event)
            return ()
        self._effects = []
        MACHINE.events[trigger_of(type(event))].trigger(self, event)
        return tuple(self._effects)

    def _ignore(self, event: ev.Event) -> None:
        self.ignored[(self.state, type(event).__name__)] += 1

    # --- facts about the call ------------------------------------------------------------------------

    def on_call_arrived(self, event: ev.CallArrived) -> None:
        self.caller = event.caller
        self.values["caller"] = event.caller
        self.language = event.language or self.language
        self._do(do.Answer())

    def on_call_answered(self, _: ev.CallAnswered) -> None:
        self._do(do.StartTimer(ev.Timer.CALL, self.flow.limits.call))
        if self.state is State.TRANSFERRING:
            self._leave(self.outcome)
        else:
            self._enter(self.flow.start, "answered")

    def on_hung_up(self, _: ev.HungUp) -> None:
        if self.at_end:
            self._close(self.step)
        else:
            self._close("abandoned" if self.state is State.TRANSFERRING else "hung_up")

    def on_failed(self, event: ev.Failed) -> None:
        if self.state is State.TRANSFERRING:
            if event.part in (ev.Part.TRANSFER, ev.Part.MEDIA):
                self.mute = self.mute or event.part is ev.Part.MEDIA
                self._leave("failed")
            return
        self.mute = self.mute or event.part in (ev.Part.SPEECH, ev.Part.MEDIA)
        self.errors += 1
        if self.state is State.RINGING:
            self.step = ""
        if self.errors >= MAX_ERRORS or not self._escape("error"):
            self._give_up()

    def on_timer_fired(self, event: ev.TimerFired) -> None:
        if event.timer is ev.Timer.TRANSFER and self.state is State.TRANSFERRING:
            self._leave("failed")
        elif event.timer is ev.Timer.CALL and self.state is not State.TRANSFERRING and not self.at_end:
            if not self._escape("limit"):
                self._give_up()
        elif event.timer is ev.Timer.SILENCE and self.state is State.LISTENING:
            self._silence()
        elif event.timer is ev.Timer.KEYS and self.digits and self.state is State.LISTENING:
            self._take_digits()
        else:
            self._ignore(event)

    # --- facts about the caller ----------------------------------------------------------------------

    def on_caller_started(self, _: ev.CallerStarted) -> None:
        if self.state is State.LISTENING:
            self._do(do.StopTimer(ev.Timer.SILENCE))
        elif self.speech and self.interruptible:
            self._yield_floor()

    def on_caller_stopped(self, _: ev.CallerStopped) -> None:
        if self.state is State.LISTENING:
            self._start_silence()

    def on_caller_said(self, event: ev.CallerSaid) -> None:
        self._said(event)

    def on_key_pressed(self, event: ev.KeyPressed) -> None:
        if self._must_wait():
            self.early = event
            return
        self._key(event.key)

    # --- facts about the agent -----------------------------------------------------------------------

    def on_speech_ended(self, event: ev.SpeechEnded) -> None:
        source = self.sources.pop(event.speech, None)
        if source is None:
            self._ignore(event)
            return
        if event.heard:
            cut = not event.complete
            self._do(do.RecordTurn(do.Speaker.AGENT, event.heard, source, cut, event.speech))
        if event.speech == self.speech:
            self.speech = 0
            if event.complete:
                self._after_speech()
            else:
                self._cut_off()

    def on_agent_spoke(self, event: ev.AgentSpoke) -> None:
        if not self._is_current(event.turn):
            self._ignore(event)
        elif self.mute:
            return
        elif self.speech:
            self._do(do.SayMore(self.speech, event.text))
        else:
            self._say(event.text, self.step, Then.LISTEN, final=False)

    def on_agent_finished(self, event: ev.AgentFinished) -> None:
        if not self._is_current(event.turn):
            self._ignore(event)
            return
        self.turn, self.asked = 0, ""
        self.slots.update(event.slots)
        self.values.update(event.values)
        self.then = Then.LEAVE if event.outcome else Then.LISTEN
        self.outcome = event.outcome or ""
        if self.speech:
            self._do(do.SayMore(self.speech, "", final=True))
        else:
            self._after_speech()

    def _is_current(self, turn: int) -> bool:
        """Whether a fact is about the turn that runs; a cancelled one may still report."""
        return turn == self.turn != 0

    def on_checked(self, event: ev.Checked) -> None:
        if event.step != self.step or self.turn:
            self._ignore(event)
            return
        self._leave(event.outcome)

    # --- facts about a hand-over ---------------------------------------------------------------------

    def on_call_left(self, _: ev.CallLeft) -> None:
        self._do(do.StopTimer(ev.Timer.TRANSFER), do.CloseAudio())

    def on_operator_answered(self, _: ev.OperatorAnswered) -> None:
        self._close("transferred")

    def on_transfer_ended(self, event: ev.TransferEnded) -> None:
        self.outcome = event.outcome
        self._do(do.Answer())
