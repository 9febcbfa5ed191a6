"""The states of a call, the facts each state understands, and the moves between states: one table, no code.

Rule 1: whatever changes a call's state is in this file, `machine.py` and `decisions.py`, which obey it.
Rule 2: nothing here waits, reads a clock or talks to Asterisk. Time arrives as an event.
Rule 3: a fact that the table does not list for a state is late or wrong: it is counted, never guessed at.

A *fact* is an event from the world. It changes nothing by itself: its handler decides.
A *move* is a decision. It changes the state, and only these moves do.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from transitions import Machine

from callflow import events as ev


class State(StrEnum):
    """Where a call is."""

    RINGING = "ringing"  # not answered yet, or its audio path is not open yet
    GREETING = "greeting"  # the agent speaks, and the caller has not had the floor yet
    LISTENING = "listening"  # the caller has the floor
    THINKING = "thinking"  # the agent thinks, or something is looked up
    SPEAKING = "speaking"  # the agent speaks
    TRANSFERRING = "transferring"  # the queue has the caller, or is about to
    ENDED = "ended"  # nothing more will happen


R, G, L, T, S, X = (s for s in State if s is not State.ENDED)
TALKING = (G, L, T, S)

FACTS: dict[type[ev.Event], tuple[State, ...]] = {
    #                    may happen in
    ev.CallArrived:      (R,),
    ev.CallAnswered:     (R, X),  # in transferring: the queue gave the caller back, her audio is open again
    ev.CallerStarted:    TALKING,
    ev.CallerStopped:    TALKING,
    ev.CallerSaid:       TALKING,
    ev.KeyPressed:       TALKING,
    ev.SpeechEnded:      (*TALKING, X),  # a stopped speech ends when the call is elsewhere already
    ev.AgentSpoke:       (G, T, S),
    ev.AgentFinished:    (G, T, S),
    ev.Checked:          (T,),
    ev.TimerFired:       (*TALKING, X),
    ev.CallLeft:         (X,),
    ev.OperatorAnswered: (X,),
    ev.TransferEnded:    (X,),
    ev.Failed:           (R, *TALKING, X),
    ev.HungUp:           (R, *TALKING, X),
}  # fmt: skip

MOVES: list[dict[str, Any]] = [
    # the agent begins to speak; until the caller first has the floor it is the greeting
    {"trigger": "speak", "source": [R, *TALKING, X], "dest": G, "unless": "had_floor"},
    {"trigger": "speak", "source": [R, *TALKING, X], "dest": S, "conditions": "had_floor"},
    {"trigger": "listen", "source": [*TALKING], "dest": L},
    {"trigger": "think", "source": [R, *TALKING, X], "dest": T},
    {"trigger": "transfer", "source": [R, *TALKING, X], "dest": X},
    {"trigger": "end", "source": [R, *TALKING, X], "dest": State.ENDED},
]


def trigger_of(event: type[ev.Event]) -> str:
    """The trigger's name of a fact: `KeyPressed` → `key_pressed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


def _build() -> Machine:
    """One machine for all calls; a fact is an internal transition whose handler is `on_<trigger>`."""
    facts = [
        {"trigger": name, "source": list(states), "dest": None, "after": f"on_{name}"}
        for name, states in ((trigger_of(event), states) for event, states in FACTS.items())
    ]
    return Machine(
        model=None,
        states=State,
        transitions=facts + MOVES,
        initial=State.RINGING,
        auto_transitions=False,
    )


MACHINE = _build()
