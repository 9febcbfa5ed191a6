"""Orders: what the shell must do for a call, in the imperative, to be done in the order they are given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callflow.events import Timer


class Speaker(StrEnum):
    """Who a recorded turn belongs to."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Effect:
    """An order for the shell."""


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """Answer the channel and open its audio path; then report `CallAnswered`, or `Failed(media)`."""


@dataclass(frozen=True, slots=True)
class Say(Effect):
    """Begin an utterance. Report `SpeechEnded(speech)` when its last sample was sent, or when it was stopped.

    `source` names what speaks: a step, an end, or `silence`; `index` counts repeats of it. `final` False
    means that `SayMore` will follow.
    """

    speech: int
    text: str
    source: str
    index: int = 0
    language: str = "en"
    interruptible: bool = True
    final: bool = True


@dataclass(frozen=True, slots=True)
class SayMore(Effect):
    """Append to the utterance that is being spoken; an empty text with `final` only closes it."""

    speech: int
    text: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class StopSpeaking(Effect):
    """Fall silent at once and drop what is queued; `SpeechEnded(complete=False)` tells what was heard."""

    speech: int


@dataclass(frozen=True, slots=True)
class Listen(Effect):
    """The caller has the floor: tune the ear to what this step expects."""

    step: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class AskAgent(Effect):
    """Let the agent think about what was said; an empty text opens the step (the agent speaks first)."""

    turn: int
    step: str
    text: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class CancelAgent(Effect):
    """Stop the agent's turn; whatever it still reports is late."""

    turn: int


@dataclass(frozen=True, slots=True)
class Check(Effect):
    """Answer a `check` step and report `Checked`."""

    step: str


@dataclass(frozen=True, slots=True)
class StartTimer(Effect):
    """Start or restart a timer; report `TimerFired`."""

    timer: Timer
    after_s: float


@dataclass(frozen=True, slots=True)
class StopTimer(Effect):
    """Stop a timer."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Transfer(Effect):
    """Hand the caller to a queue. `reason` is the outcome or event that led here; `summary` asks for one."""

    queue: str
    step: str
    reason: str
    summary: bool = True


@dataclass(frozen=True, slots=True)
class CloseAudio(Effect):
    """The caller is elsewhere: release the audio path. `Answer` opens another."""


@dataclass(frozen=True, slots=True)
class HangUp(Effect):
    """End the call from our side."""


@dataclass(frozen=True, slots=True)
class RecordTurn(Effect):
    """Store what was said, before anything answers it. `interrupted`: only the heard part is in `text`.
    `speech` is the agent's utterance, 0 for the caller."""

    speaker: Speaker
    text: str
    step: str
    interrupted: bool = False
    speech: int = 0


@dataclass(frozen=True, slots=True)
class RecordStep(Effect):
    """Store that the call entered a step, and by which outcome or event."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseCall(Effect):
    """The machine is done: store the disposition and release everything the call holds."""

    disposition: str
    step: str
