"""From the agent to people and back, at the telephones: who hears what, and what the record says of it."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from agent.ports import Conversation
from agent.scripted import ScriptedAgent
from asterisk.lab.heard import Track
from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.phone_sound import RATE, Samples
from callflow import events as ev
from callflow.table import State
from storage.ports import Call as Record
from tests.asterisk.scene import FLOW, Scene, spoken_ms

SUMMARY = "Caller Olena\nwants four winter tyres."
ONE_LINE = "Caller Olena wants four winter tyres."
NOBODY_WORDS = "We will call you back."
AGENT_HZ, CALLER_HZ, OPERATOR_HZ = 440, 1000, 700
LONG_QUEUE = {"queue_timeout_s": 20, "queue_ring_s": 20}
SHORT_QUEUE = {"queue_timeout_s": 2, "queue_ring_s": 1}


class Clerk(ScriptedAgent):
    """Hands over who says `person`, with a summary of two lines, as a model may write it."""

    def __init__(self) -> None:
        super().__init__(outcomes={"person": "wants_human", "order": "ordered"})

    async def summarize(self, talk: Conversation, reason: str) -> str:
        """The same for everybody."""
        return SUMMARY


def tone(hertz: int, seconds: float) -> Samples:
    """What a telephone plays instead of a voice, so that it is known whose it is."""
    at = np.arange(int(RATE * seconds))
    return np.asarray(np.round(8000 * np.sin(2 * np.pi * hertz * at / RATE)), np.int16)


def heard_first(track: Track, hertz: int, since_s: float) -> float | None:
    """When a tone is first heard for 200 ms."""
    end_s = track.ended_s or since_s
    for start_s in np.arange(since_s, end_s - 0.2, 0.02):
        sound = track.sound(float(start_s), float(start_s) + 0.2)
        if sound.rms_dbfs > -30 and abs(sound.pitch_hz - hertz) < 3:
            return float(start_s)
    return None


async def asks_for_people(scene: Scene, **caller: str) -> PhoneCall:
    """A caller who has asked for a person and heard the agent's answer."""
    since = len(scene.facts)
    call = await scene.phones.dial("100", **caller)
    await scene.reaches(State.LISTENING, since=since)
    scene.words.append("person")
    await call.says("a person please")
    await scene.reaches(State.TRANSFERRING, since=since)
    return call


async def test_the_operator_hears_why_and_then_whom() -> None:
    async with Scene(agent=Clerk(), lab=LONG_QUEUE) as scene:
        operator = scene.phones.extension("201").answers(0.5)
        call = await asks_for_people(scene)
        hums = asyncio.create_task(call.plays(tone(CALLER_HZ, 8)))
        taken = await operator.takes()
        record = await scene.ended()  # the record is complete when an operator has the caller
        joined = time.monotonic()
        await taken.plays(tone(OPERATOR_HZ, 1))
        assert heard_first(call.heard, OPERATOR_HZ, joined - 0.2) is not None

        assert taken.caller == call.caller
        assert taken.caller_name == ONE_LINE
        assert await taken.header("X-Callflow-Summary") == ONE_LINE
        assert await taken.header("X-Callflow-Call-Id") == record.call_id

        assert taken.answered_at is not None
        why = heard_first(taken.heard, AGENT_HZ, taken.answered_at)
        whom = heard_first(taken.heard, CALLER_HZ, taken.answered_at)
        assert why is not None
        assert whom is not None
        assert taken.heard.audible_ms(why, whom) == pytest.approx(spoken_ms(SUMMARY), abs=150)
        await asyncio.gather(hums, call.hang_up(), return_exceptions=True)
        await taken.hung_up()

        assert (record.disposition, record.last_step, record.ignored_events) == ("transferred", "operator", 0)
        assert record.summary == SUMMARY
        assert [turn.text for turn in record.turns if turn.speaker == "caller"] == ["person"]
        await scene.nothing_left()


async def test_the_announcement_is_heard_to_its_last_word() -> None:
    async with Scene(agent=Clerk(), lab=LONG_QUEUE) as scene:
        scene.phones.extension("201").rings_out()
        call = await asks_for_people(scene)
        spoke = call.last_spoke_end
        assert spoke is not None
        left = await scene.news.until(lambda: told(scene, ev.CallLeft), "the call to leave for the queue")
        first = call.heard.first_audible(spoke)
        assert first is not None
        assert call.heard.audible_ms(first, left + 0.1) == pytest.approx(spoken_ms("One moment."), abs=60)
        await call.hang_up()
        assert (await scene.ended()).disposition == "abandoned"
        await scene.nothing_left()


def told(scene: Scene, kind: type[ev.Event]) -> float | None:
    """When a call was first told a fact of a kind."""
    return next((fact.at_s for fact in scene.facts if isinstance(fact.event, kind)), None)


# --- nobody ----------------------------------------------------------------------------------------------


async def comes_back(scene: Scene, call: PhoneCall, outcome: str) -> Record:
    """She comes back from the queue, hears the flow's words for it, and the call ends."""
    back = await scene.news.until(lambda: told(scene, ev.TransferEnded), "her to come back", 30)
    await call.hung_up(20)
    record = await scene.ended()
    assert (record.disposition, record.last_step) == ("callback_wanted", "callback_wanted")
    assert record.ignored_events == 0
    assert (record.steps[-1].step, record.steps[-1].reason) == ("callback_wanted", outcome)
    assert (record.turns[-1].text, record.turns[-1].interrupted) == (NOBODY_WORDS, False)
    first = heard_first(call.heard, AGENT_HZ, back)
    assert first is not None
    assert call.heard.audible_ms(first - 0.1) == pytest.approx(spoken_ms(NOBODY_WORDS), abs=150)
    return record


async def test_an_operator_who_does_not_answer() -> None:
    async with Scene(agent=Clerk(), lab=SHORT_QUEUE) as scene:
        scene.phones.extension("201").rings_out()
        call = await asks_for_people(scene)
        await comes_back(scene, call, "no_answer")
        await scene.nothing_left()


async def test_an_operator_who_declines() -> None:
    async with Scene(agent=Clerk(), lab=SHORT_QUEUE) as scene:
        operator = scene.phones.extension("201").declines()
        call = await asks_for_people(scene)
        await comes_back(scene, call, "no_answer")
        assert operator.calls
        await scene.nothing_left()


async def test_an_operator_who_hangs_up_while_the_summary_is_spoken() -> None:
    async with Scene(agent=Clerk(), lab=SHORT_QUEUE) as scene:
        operator = scene.phones.extension("201").answers(0.1)
        call = await asks_for_people(scene)
        taken = await operator.takes()
        operator.rings_out()
        await taken.hears_speech()
        await taken.hang_up()
        await comes_back(scene, call, "no_answer")
        assert heard_first(taken.heard, CALLER_HZ, call.placed_at) is None
        await scene.nothing_left()


async def test_nobody_at_work() -> None:
    async with Scene(agent=Clerk(), operators=()) as scene:
        call = await asks_for_people(scene)
        await comes_back(scene, call, "failed")
        await scene.nothing_left()


async def test_no_place_in_the_queue() -> None:
    lab = LONG_QUEUE | {"values": {"queue-places": "1"}}
    async with Scene(agent=Clerk(), lab=lab) as scene:
        operator = scene.phones.extension("201").rings_out()
        waits = await asks_for_people(scene)
        ringing = await operator.rings()
        call = await asks_for_people(scene, caller="+380509998877")
        await comes_back(scene, call, "failed")
        assert waits.up
        await waits.hang_up()
        await ringing.hung_up()
        assert (await scene.ended(2)).disposition == "abandoned"
        await scene.nothing_left()


async def test_the_conversation_may_go_on_after_the_queue() -> None:
    """The flow leads back to the agent: she is heard and answered as before, and may be put through again."""
    flow = FLOW.replace("no_answer: callback_wanted", "no_answer: seller")
    async with Scene(agent=Clerk(), flow=flow, lab=SHORT_QUEUE) as scene:
        operator = scene.phones.extension("201").rings_out()
        call = await asks_for_people(scene)
        await scene.news.until(lambda: told(scene, ev.TransferEnded), "her to come back", 30)
        await scene.reaches(State.LISTENING, since=len(scene.facts))
        await call.says("winter tyres please")
        await call.hears_speech()
        await call.hears_silence(0.6)
        operator.answers(0.1)
        scene.words.append("person")
        await call.says("a person please")
        await operator.rings()  # of the first time
        taken = await operator.takes()
        record = await scene.ended()
        assert (record.disposition, record.ignored_events) == ("transferred", 0)
        assert [turn.text for turn in record.turns if turn.speaker == "caller"] == [
            "person",
            "winter tyres",
            "person",
        ]
        await call.hang_up()
        await taken.hung_up()
        await scene.nothing_left()
