"""What a caller hears between the agent's last word and the operator's first: ringing, all the time."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from agent.ports import Conversation
from agent.scripted import ScriptedAgent
from asterisk.lab.heard import Span
from asterisk.lab.phone_call import PhoneCall
from callflow import events as ev
from callflow.table import State
from tests.asterisk.scene import Scene, spoken_ms
from tests.asterisk.test_transfer import AGENT_HZ, OPERATOR_HZ, heard_first, told, tone

RINGING_HZ, RINGING_MS = 425, 1000
PAUSE_S = 4.0
"""Between two tones of a Ukrainian ringing signal, `[ua]` in indications.conf."""
LONGEST_SILENCE_S = 4.5
SUMMARY = (
    "Winter tyres 205/55 R16, four of them. No order yet: none of that size are in stock now. Wants a person."
)
SUMMARY_MS = spoken_ms(SUMMARY)
LAB = {"queue_timeout_s": 40, "queue_ring_s": 20, "values": {"summary-seconds": "20"}}


class Talkative(ScriptedAgent):
    """Hands everybody over, with a summary longer than the pause of a ringing signal."""

    def __init__(self) -> None:
        super().__init__(outcomes={"person": "wants_human"})

    async def summarize(self, talk: Conversation, reason: str) -> str:
        """The same for everybody."""
        return SUMMARY


async def waits_for_people(scene: Scene) -> tuple[PhoneCall, float]:
    """A caller on the way to people, and when she heard the agent's last word."""
    call = await scene.phones.dial("100")
    await scene.reaches(State.LISTENING)
    scene.words.append("person")
    await call.says("a person please")
    left = await scene.news.until(lambda: told(scene, ev.CallLeft), "the call to leave for the queue")
    last = call.heard.last_audible(until_s=left)
    assert last is not None
    return call, last


async def is_told_why(operator: PhoneCall) -> Span:
    """The operator listens to the summary; from when to when."""
    await operator.hears_silence(after_s=1.0)
    spans = operator.heard.spans(join_ms=200)
    assert len(spans) == 1
    assert operator.heard.sound(spans[0].start_s, spans[0].end_s).pitch_hz == pytest.approx(AGENT_HZ, abs=3)
    return spans[0]


def rings(call: PhoneCall, since_s: float, until_s: float) -> list[Span]:
    """The tones that the caller heard between two times. Each is a ringing tone."""
    spans = call.heard.spans(since_s, until_s)
    for span in spans:
        assert call.heard.sound(span.start_s, span.end_s).pitch_hz == pytest.approx(RINGING_HZ, abs=3)
        assert span.ms == pytest.approx(RINGING_MS, abs=60)
    return spans


async def test_it_rings_to_the_caller_while_the_operator_hears_the_summary() -> None:
    async with Scene(agent=Talkative(), lab=LAB) as scene:
        operator = scene.phones.extension("201").answers(1.5)
        call, last_word = await waits_for_people(scene)
        taken = await operator.takes()
        summary = await is_told_why(taken)
        assert summary.ms == pytest.approx(SUMMARY_MS, abs=150)
        await scene.ended()
        spoke = time.monotonic()
        await taken.plays(tone(OPERATOR_HZ, 1))
        hears_operator = heard_first(call.heard, OPERATOR_HZ, spoke - 0.1)
        assert hears_operator is not None

        heard = rings(call, last_word, hears_operator)
        assert [span for span in heard if summary.start_s < span.start_s < summary.end_s]
        assert heard_first(call.heard, AGENT_HZ, last_word) is None
        assert call.heard.longest_silence_s(last_word, hears_operator) <= LONGEST_SILENCE_S
        pauses = [after.start_s - before.end_s for before, after in pairwise(heard)]
        assert pauses == pytest.approx([PAUSE_S] * len(pauses), abs=0.1)

        await call.hang_up()
        await taken.hung_up()
        await scene.nothing_left()


async def test_it_rings_on_when_an_operator_refuses_in_the_summary() -> None:
    async with Scene(agent=Talkative(), lab=LAB) as scene:
        operator = scene.phones.extension("201").answers(0.1)
        call, last_word = await waits_for_people(scene)
        taken = await operator.takes()
        await taken.hears_speech()
        await asyncio.sleep(3.5)  # she is in the pause of the ringing
        await taken.hang_up()
        again = await operator.takes()
        await is_told_why(again)
        await scene.ended()
        spoke = time.monotonic()
        await again.plays(tone(OPERATOR_HZ, 1))
        hears_operator = heard_first(call.heard, OPERATOR_HZ, spoke - 0.1)
        assert hears_operator is not None

        assert call.heard.longest_silence_s(last_word, hears_operator) <= LONGEST_SILENCE_S
        assert heard_first(call.heard, AGENT_HZ, last_word) is None
        await call.hang_up()
        await again.hung_up()
        await scene.nothing_left()
