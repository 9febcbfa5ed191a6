"""Facts: what happened to a call, in the past tense. The machine learns of the world by these alone.

Ids: `speech` numbers the agent's utterances of a call from 1, `turn` the agent's turns from 1; a late fact
carries an old number and is recognised by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Timer(StrEnum):
    """The timers of a call; one of each name runs at a time."""

    SILENCE = "silence"  # the caller has the floor and says nothing
    CALL = "call"  # the whole call may last this long
    KEYS = "keys"  # the pause after a key of a dictated number
    TRANSFER = "transfer"  # Asterisk must confirm a hand-over within this time


class Part(StrEnum):
    """The part of the product that failed, for `Failed`."""

    HEARING = "hearing"
    SPEECH = "speech"
    AGENT = "agent"
    CHECK = "check"
    MEDIA = "media"
    TRANSFER = "transfer"
    CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about one call."""


@dataclass(frozen=True, slots=True)
class CallArrived(Event):
    """A channel entered `Stasis(callflow)`, or an outbound leg began to ring."""

    caller: str = ""
    called: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class CallAnswered(Event):
    """The call is up and its audio path is open both ways."""


@dataclass(frozen=True, slots=True)
class CallerStarted(Event):
    """The caller began to speak (the ear's guard against clicks has passed)."""


@dataclass(frozen=True, slots=True)
class CallerStopped(Event):
    """The caller's utterance is over; its words follow in `CallerSaid`."""


@dataclass(frozen=True, slots=True)
class CallerSaid(Event):
    """The words of one utterance; empty when they were not understood. `digits`: those spoken, as keys."""

    text: str
    confidence: float = 1.0
    language: str | None = None
    digits: str = ""


@dataclass(frozen=True, slots=True)
class KeyPressed(Event):
    """One DTMF digit: `0`…`9`, `*` or `#`."""

    key: str


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """An utterance of the agent was played to its end, or stopped; `heard` is what reached the caller."""

    speech: int
    heard: str
    complete: bool = True


@dataclass(frozen=True, slots=True)
class AgentSpoke(Event):
    """The agent has one more sentence to say in this turn."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class AgentFinished(Event):
    """The agent's turn is over. `outcome` is a word of the step's closed list, or None: the caller is next.

    `slots` are the step's collected answers so far, `values` what texts may name (`order.number`).
    """

    turn: int
    outcome: str | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked(Event):
    """A `check` step has its answer, for example `open`."""

    step: str
    outcome: str


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A timer that `StartTimer` asked for has run out."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class CallLeft(Event):
    """The channel left Stasis for the dialplan: the queue has the caller now."""


@dataclass(frozen=True, slots=True)
class OperatorAnswered(Event):
    """An operator took the call."""

    operator: str = ""


@dataclass(frozen=True, slots=True)
class TransferEnded(Event):
    """The queue gave the caller back: `outcome` is `no_answer` or `failed`."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """A part of the product failed for this call; `code` is the error's code."""

    part: Part
    code: str = ""


@dataclass(frozen=True, slots=True)
class HungUp(Event):
    """The caller's channel is gone. `cause` is Asterisk's number (16: normal clearing)."""

    cause: int = 16
