"""Calls through a real Asterisk, measured where the caller is: at the telephone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from asterisk.lab import voice
from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.phone_sound import FRAME_S, Samples
from asterisk.lab.stage import Program, Stage
from bench.engines import FLOW, MONOLOGUE
from bench.load import Load, of_process
from bench.program import program
from callflow.errors import ChannelGone

PHRASES = (
    "I need four winter tyres.",
    "Can I come tomorrow morning?",
    "What is the status of my order?",
    "I want to speak to an operator.",
)
ROUND_S = 10.0
INTO_ANSWER_S = 0.8  # how far into an answer a caller cuts in
QUIET_S = 0.4
SETTLE_S = 3.0


@dataclass(slots=True)
class Turns:
    """Samples in milliseconds. `missed` counts what should have been heard within its time and was not."""

    answered: list[float] = field(default_factory=list)
    greeted: list[float] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    barge_in: list[float] = field(default_factory=list)
    missed: int = 0
    asterisk: str = ""


@contextlib.asynccontextmanager
async def controller(stage: Stage, answers: str) -> AsyncIterator[Program]:
    """The controller under test, in a process of its own."""
    async with program("controller", answers, environment=stage.environment) as started:
        await started.says("bench.serving")
        yield started


def stage() -> Stage:
    """Two Asterisks, the telephones' and the one under test; the controllers are ours."""
    return Stage(controller=False, shop=False, flow=FLOW)


async def turns(centre: Stage, dials: int, callers: int, rounds: int) -> Turns:
    """Dial `dials` times, one call after another; then let `callers` talk at once for so many rounds."""
    found = Turns()
    async with controller(centre, "exchange") as serving:
        await _dial(centre, Turns())  # the first call of a process is no typical one
        for _ in range(dials):
            await _dial(centre, found)
        seen = len(serving.lines)
        calls = [await centre.phones.dial("100") for _ in range(callers)]
        await asyncio.gather(*(_converse(call, rounds, found, at) for at, call in enumerate(calls)))
        await asyncio.gather(*(call.hang_up() for call in calls))
        found.inside = [ln["inside_ms"] for ln in serving.lines[seen:] if ln["event"] == "bench.turn"]
        found.asterisk = (await serving.says("bench.serving"))["asterisk"]
    return found


async def loads(centre: Stage, sizes: tuple[int, ...], seconds: float) -> list[Load]:
    """What the controller uses while so many callers talk, for each size."""
    found = []
    async with controller(centre, "long") as serving:
        for calls in sizes:
            talking = [
                asyncio.create_task(_talk(await centre.phones.dial("100"), at * ROUND_S / calls))
                for at in range(calls)
            ]
            await asyncio.sleep(SETTLE_S)
            found.append(await of_process(serving.process.pid, calls, seconds))
            for task in talking:
                task.cancel()
            await asyncio.gather(*talking, return_exceptions=True)
    return found


async def _dial(centre: Stage, found: Turns) -> None:
    call = await centre.phones.dial("100")
    greeted_at = await call.hears_speech()
    answered_at = await call.answered()
    found.answered.append((answered_at - call.placed_at) * 1000)
    found.greeted.append((greeted_at - answered_at) * 1000)
    await call.hang_up()


async def _converse(call: PhoneCall, rounds: int, found: Turns, at: int) -> None:
    """A short answer, then a long one that is cut short."""
    await asyncio.sleep(at * 0.3)
    await _quiet(call, found)
    for turn in range(rounds):
        phrase = voice.line(PHRASES[(at + turn) % len(PHRASES)])
        await _ask(call, phrase, found)
        await _quiet(call, found)
        await _ask(call, phrase, found)
        await asyncio.sleep(INTO_ANSWER_S)
        await _cut_in(call, phrase, found)
        await _quiet(call, found)


async def _quiet(call: PhoneCall, found: Turns) -> None:
    """Wait until the agent has spoken and stopped."""
    try:
        await call.hears_silence(QUIET_S)
    except TimeoutError:
        found.missed += 1


async def _ask(call: PhoneCall, phrase: Samples, found: Turns) -> None:
    await call.plays(phrase)
    await _await_answer(call, found)


async def _await_answer(call: PhoneCall, found: Turns) -> None:
    """An answer counts when there was quiet before it: no other sound may pass for one."""
    stopped_s = call.last_spoke_end or 0.0
    busy = call.heard.last_audible(stopped_s - 0.1, stopped_s) is not None
    try:
        await call.hears_speech()
    except TimeoutError:
        busy = True
    if busy or call.latency_ms is None:
        found.missed += 1
    else:
        found.heard.append(call.latency_ms)


async def _cut_in(call: PhoneCall, phrase: Samples, found: Turns) -> None:
    """Speak while the agent does. An agent that talks on to the caller's end did not yield at all."""
    since_s = time.monotonic() - 2 * FRAME_S
    await call.plays(phrase)
    began_s, ended_s = call.said.first_audible(since_s), call.last_spoke_end
    stopped_s = began_s and call.heard.last_audible(began_s, ended_s or began_s)
    if not began_s or not ended_s or not stopped_s or ended_s - stopped_s < 2 * FRAME_S:
        found.missed += 1
        return
    found.barge_in.append((stopped_s - began_s) * 1000)
    await _await_answer(call, found)


async def _talk(call: PhoneCall, after_s: float) -> None:
    """Speak four seconds of every ten, until cancelled."""
    line = voice.line(MONOLOGUE)
    try:
        await asyncio.sleep(after_s)
        while True:
            began = time.monotonic()
            await call.plays(line)
            await asyncio.sleep(max(0.0, began + ROUND_S - time.monotonic()))
    finally:
        with contextlib.suppress(ChannelGone):
            await call.hang_up()
