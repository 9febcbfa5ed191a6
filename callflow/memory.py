"""What a call's machine remembers: plain data, so that it can be written down and taken up elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from callflow import events as ev
from callflow.schema import Flow
from callflow.table import State


class Then(StrEnum):
    """What follows when the running speech has ended."""

    WORK = "work"  # begin the step's own work: its words were only the opening
    LEAVE = "leave"  # leave the step by `outcome`
    LISTEN = "listen"  # the caller has the floor
    HANG_UP = "hang-up"  # these were the last words


@dataclass
class CallMemory:
    """Where one call is in its flow, and what it must not forget."""

    flow: Flow
    language: str = ""
    state: State = State.RINGING
    step: str = ""
    reason: str = ""  # the outcome or event that led to the step
    caller: str = ""
    speech: int = 0  # number of the running utterance, 0 when silent
    speeches: int = 0  # utterances so far
    sources: dict[int, str] = field(default_factory=dict)  # what spoke, of utterances that have not ended
    then: Then = Then.LISTEN
    outcome: str = "next"
    interruptible: bool = True
    turn: int = 0  # number of the agent's running turn, 0 when it does not think
    turns: int = 0  # the agent's turns so far
    asked: str = ""  # what the agent is thinking about
    caller_turns: int = 0
    silences: int = 0
    misses: int = 0  # wrong keys, or menus repeated
    digits: str = ""  # keys of a number that is being dictated
    early: ev.CallerSaid | ev.KeyPressed | None = None  # came while the agent must not be interrupted
    hops: int = 0
    errors: int = 0
    mute: bool = False  # the agent cannot be heard any more: words are skipped
    floor_given: bool = False
    slots: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    disposition: str | None = None
    ignored: Counter[tuple[State, str]] = field(default_factory=Counter)
