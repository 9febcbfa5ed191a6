"""The caller cuts in, measured at her telephone: the agent stops, the record is true, and she is answered."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable

import pytest

from agent.scripted import ScriptedAgent
from asterisk.lab.heard import Span
from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.voice import line
from callflow.table import State
from media.fakes import LETTER_MS
from tests.asterisk.scene import FLOW, GREETING, Scene, spoken_ms

WITHIN_MS = 250.0
TRIALS = 12
LINES = (
    "wait a moment please",
    "no I want winter tyres",
    "hold on",
    "excuse me",
    "stop it please",
    "and tomorrow",
)
COUNTING = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
WORD_MS = 60.0
"""What lies between the wire and the ear: a frame here, a frame in Asterisk, a frame in the telephone."""


class Counts(ScriptedAgent):
    """Answers everything by counting to fourteen, which takes five seconds."""

    def __init__(self) -> None:
        super().__init__([COUNTING] * (TRIALS + 2))


async def cuts_in(call: PhoneCall, words: str, after_s: float) -> tuple[float, Span]:
    """Speak over the agent; gives how long the agent went on, in ms, and what of it was heard."""
    heard_from = await call.hears_speech()
    await asyncio.sleep(after_s)
    await call.says(words)
    began = call.said.first_audible(heard_from)
    assert began is not None
    spans = call.heard.spans(heard_from - 0.05, join_ms=60)
    (over,) = (span for span in spans if span.start_s <= began <= span.end_s)
    return (over.end_s - began) * 1000, over


def must_hold(heard_ms: float) -> list[str]:
    """The words of the counting that have ended by then, as heard at the telephone."""
    return [word for word, _, end in marks() if end <= heard_ms - WORD_MS]


def may_hold(heard_ms: float) -> list[str]:
    """The words that have begun by then."""
    return [word for word, start, _ in marks() if start < heard_ms + WORD_MS]


def marks() -> list[tuple[str, float, float]]:
    """Where each word of the counting begins and ends, in ms."""
    words, at = [], 0
    for word in COUNTING.split():
        words.append((word, at * LETTER_MS, (at + len(word)) * LETTER_MS))
        at += len(word) + 1
    return words


async def test_the_agent_stops_and_the_record_holds_what_was_heard(
    record_property: Callable[[str, object], None],
) -> None:
    said = tuple(f"order number {n}" for n in range(TRIALS + 1))
    async with Scene(agent=Counts(), words=said) as scene:
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        await call.says("winter tyres please")
        trials = [
            await cuts_in(call, words, 0.3 + 0.11 * number)
            for number, words in zip(range(TRIALS), itertools.cycle(LINES), strict=False)
        ]
        await call.hears_speech()  # the last one is answered too
        await call.hang_up()
        record = await scene.ended()

        delays = [delay for delay, _ in trials]
        median = statistics.median(delays)
        record_property("barge_in_ms", [round(delay) for delay in delays])
        print(f"barge-in at the phone, ms: p50 {median:.0f}, max {max(delays):.0f}")
        assert median <= WITHIN_MS, delays

        turns = [turn for turn in record.turns if turn.speaker == "agent" and turn.step == "seller"]
        assert [turn.interrupted for turn in turns[:TRIALS]] == [True] * TRIALS
        for turn, (_, heard) in zip(turns, trials, strict=False):
            words = turn.text.split()
            assert must_hold(heard.ms) == words[: len(must_hold(heard.ms))]
            assert words == may_hold(heard.ms)[: len(words)]
        assert tuple(turn.text for turn in record.turns if turn.speaker == "caller") == said
        assert record.ignored_events == 0
        await scene.nothing_left()


async def test_what_must_be_heard_in_full_is_not_cut() -> None:
    flow = FLOW.replace(GREETING, COUNTING)
    async with Scene(flow=flow, words=("winter tyres",)) as scene:
        call = await scene.phones.dial("100")
        begins = await call.hears_speech()
        await asyncio.sleep(0.5)
        await call.says("yes yes winter tyres please")
        ends = await call.hears_silence(0.6, since_s=begins)
        # The notice without a hole, and the answer to what she said too early right behind it.
        assert call.heard.gaps(60, begins, ends) == []
        both = spoken_ms(COUNTING) + spoken_ms("winter tyres")
        assert (ends - begins) * 1000 == pytest.approx(both, abs=100)
        await call.hang_up()
        record = await scene.ended()
        assert record.disposition == "hung_up"
        assert [(turn.speaker, turn.text, turn.interrupted) for turn in record.turns] == [
            ("caller", "winter tyres", False),  # in the order in which they ended
            ("agent", COUNTING, False),
            ("agent", "winter tyres", False),
        ]
        await scene.nothing_left()


async def test_a_short_noise_does_not_cut_the_agent() -> None:
    """A click of 40 ms is no word."""
    async with Scene(agent=Counts()) as scene:
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        await call.says("winter tyres please")
        begins = await call.hears_speech()
        await asyncio.sleep(0.5)
        noise = line("wait")[:320]
        await call.plays(noise)
        await call.hears_silence(0.6, since_s=begins)
        counted = next(span for span in call.heard.spans(begins - 0.05, join_ms=60))
        assert counted.ms == pytest.approx(spoken_ms(COUNTING), abs=60)
        await call.hang_up()
        assert not (await scene.ended()).turns[-1].interrupted
        await scene.nothing_left()


async def test_a_key_cuts_the_agent_too() -> None:
    async with Scene(agent=Counts()) as scene:
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        await call.says("winter tyres please")
        begins = await call.hears_speech()
        await asyncio.sleep(0.5)
        pressed = time.monotonic()
        await call.press("0")
        await scene.reaches(State.TRANSFERRING)
        spoken = call.heard.spans(begins - 0.05, join_ms=60)
        assert spoken[0].end_s - pressed < 0.6
        assert spoken[1].ms == pytest.approx(spoken_ms("One moment."), abs=60)
        await call.hung_up(20)
        record = await scene.ended()
        assert record.steps[-2].reason == "key_0"
        await scene.nothing_left()
