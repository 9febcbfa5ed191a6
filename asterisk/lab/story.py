"""The stories of the demo: a caller who answers what she is asked, and where each call is meant to end."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.phone_extension import Extension
from asterisk.lab.stage import LogLine, Stage
from callflow.errors import ChannelGone

TURN_S = 45.0
"""Longer than this no turn of any story takes."""

ANSWERS = (
    (r"confirm the order", "yes"),
    (r"number you are calling from", "yes"),
    (r"which season", "winter"),
    (r"which size", "two oh five fifty five sixteen"),
)
"""What she says to what she is asked, first match first."""


@dataclass
class Caller:
    """Our caller: she hears when it is her turn, and knows what she was asked.

    When she may speak she hears at the telephone. What was said is read from the controller's log, for she
    has no recogniser of her own.
    """

    stage: Stage
    call: PhoneCall
    waits_ms: list[float] = field(default_factory=list)
    _read: int = 0  # lines of the log that she has taken in
    _heard_s: float = 0.0  # the end of what she has taken in by ear

    async def is_asked(self) -> str:
        """Wait until the agent has spoken and has the words behind her; returns what was said to her."""
        since_s = max(self._heard_s, self.call.last_spoke_end or 0.0) + 0.01
        self._heard_s = await self.call.hears_silence(after_s=0.7, timeout_s=TURN_S, since_s=since_s)
        await self.stage.controller.says("turn.words", since=self._read, speaker="agent", timeout_s=10)
        lines = self.stage.controller.lines
        said = agent_words(lines[self._read :])
        self._read = len(lines)
        return " ".join(said)

    async def answers(self, text: str) -> None:
        """Say it, and measure how long the reply takes to come to her ear."""
        await self.call.says(text)
        await self.call.hears_speech(timeout_s=TURN_S)
        if self.call.latency_ms is not None:
            self.waits_ms.append(self.call.latency_ms)

    async def presses(self, key: str) -> None:
        """Press a key, and measure from the moment the finger goes down."""
        pressed_s = time.monotonic()
        await self.call.press(key)
        heard_s = await self.call.hears_speech(timeout_s=TURN_S)
        self.waits_ms.append((heard_s - pressed_s) * 1000)

    async def hears_out(self, step: str) -> None:
        """Wait until the call is in a step, and what is said there has been said."""
        await self.stage.controller.says("call.state", step=step, timeout_s=2 * TURN_S)
        await self.call.hears_silence(after_s=0.7, timeout_s=TURN_S, since_s=time.monotonic())

    async def talks(self, until: Callable[[str], bool] = lambda _: False) -> None:
        """Answer question after question until the agent has hung up, or `until` says so."""
        try:
            while self.call.up:
                asked = await self.is_asked()
                if until(asked):
                    return
                if answer := next((a for p, a in ANSWERS if re.search(p, asked, re.I)), None):
                    await self.answers(answer)
        except (ChannelGone, TimeoutError):
            if self.call.up:
                raise


def agent_words(lines: Sequence[LogLine]) -> list[str]:
    """What the agent said, by the controller's log."""
    return [ln["words"] for ln in lines if ln.get("event") == "turn.words" and ln.get("speaker") == "agent"]


Checks = dict[str, bool]
Play = Callable[[Stage, Caller], Awaitable[Checks]]


@dataclass(frozen=True)
class Story:
    """A story: what happens, the end it must come to, and how it is played."""

    title: str
    end: str
    play: Play


async def order(stage: Stage, caller: Caller) -> Checks:
    """She orders four winter tyres."""
    await caller.talks()
    return {"the agent hung up after its goodbye": not caller.call.up}


async def operator(stage: Stage, caller: Caller) -> Checks:
    """She wants a person: the operator hears why she calls, then the two talk."""
    phone = stage.phones.extension("201").answers(after_s=0.5)
    await caller.is_asked()
    await caller.answers("operator please")
    return await _is_put_through(phone, caller)


async def silence(stage: Stage, caller: Caller) -> Checks:
    """She says nothing, hears each reminder and the keypad, and presses 0."""
    phone = stage.phones.extension("201").answers(after_s=0.5)
    await caller.hears_out("keypad")
    await caller.presses("0")
    checks = await _is_put_through(phone, caller)
    reminders = [s for s in agent_words(stage.controller.lines) if "still there" in s or "cannot hear" in s]
    checks["she was reminded twice"] = len(reminders) == 2
    return checks


async def barge_in(stage: Stage, caller: Caller) -> Checks:
    """She cuts in on a question; the agent falls silent at once, and the order goes on."""
    await caller.is_asked()
    await caller.answers("two oh five fifty five sixteen")
    began = time.monotonic()
    await caller.call.says("winter")
    word = caller.call.said.first_audible(began)
    spoke_until = caller.call.heard.last_audible(began, (caller.call.last_spoke_end or 0) + 0.2)
    stop_ms = round(((spoke_until or 0) - (word or 0)) * 1000)
    await caller.talks()
    return {f"the agent fell silent {stop_ms} ms after her first word": 0 <= stop_ms <= 400}


async def keypad(stage: Stage, caller: Caller) -> Checks:
    """She uses keys alone: the keypad comes by itself, and 0 brings a person."""
    phone = stage.phones.extension("201").answers(after_s=0.5)
    await caller.hears_out("keypad")
    await caller.presses("9")  # leads nowhere: the menu is said again
    await caller.call.hears_silence(after_s=0.7, timeout_s=TURN_S)
    await caller.presses("0")
    return await _is_put_through(phone, caller)


async def _is_put_through(phone: Extension, caller: Caller) -> Checks:
    """The operator hears the summary, then the caller; the caller hears the operator."""
    taken = await phone.takes(timeout_s=TURN_S)
    await taken.hears_speech(timeout_s=10)
    await taken.hears_silence(after_s=1.2, timeout_s=30)
    summary_ms = taken.heard.audible_ms()
    alone = time.monotonic()
    await caller.call.says("hello is anybody there")
    heard_her = taken.heard.audible_ms() - summary_ms
    await taken.says("good day how can I help you")
    await asyncio.sleep(0.3)
    heard_operator = caller.call.heard.audible_ms(alone)
    await caller.call.hang_up()
    await taken.hung_up(timeout_s=5)
    return {
        "the operator heard a summary first": summary_ms > 1000,
        "then the operator heard the caller": heard_her > 500,
        "and the caller heard the operator": heard_operator > 500,
    }


STORIES = {
    "order": Story("orders winter tyres", "ordered", order),
    "operator": Story("asks for a person", "transferred", operator),
    "silence": Story("says nothing, then presses 0", "transferred", silence),
    "barge-in": Story("cuts in on the agent", "ordered", barge_in),
    "keypad": Story("uses the keypad only", "transferred", keypad),
}
