"""What the processes under test speak with, a voice without any delay, and the flow that they play."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache

from media.fakes import LETTER_MS, tone
from media.ports import Speech

GREETING = "Good day."
SHORT = "All right."
"""0.6 s of tone."""
LONG = " ".join(["la"] * 27)
"""4.8 s: an answer to interrupt, and half of a call that repeats itself every ten seconds."""
MONOLOGUE = "I need four winter tyres for my car, two oh five fifty five sixteen, and I need them by friday."
"""What a caller says in every ten seconds: about four of them, without a pause that would end it."""

FLOW = f"""
flow: bench
start: greeting
limits: {{call: 1h, turns: 100000}}
silence: {{after: 10m}}
steps:
  greeting:
    say: {GREETING}
    next: talk
  talk:
    agent: Answer at once.
    outcomes: {{done: never reached}}
    next: {{not_understood: done}}
ends:
  done: Goodbye.
"""


class ReadyTones:
    """Says every text as a tone of 60 ms a letter that is ready before it is asked for."""

    name = "ready-tones"

    def __init__(self) -> None:
        for text in (GREETING, SHORT, LONG):
            spoken(text)

    async def synthesize(self, text: str, language: str) -> AsyncIterator[Speech]:
        """The whole sentence in one piece."""
        yield spoken(text)

    async def close(self) -> None:
        """Nothing is held."""


@cache
def spoken(text: str) -> Speech:
    """The tone of a text, made once."""
    return Speech(tone(len(text) * LETTER_MS))
