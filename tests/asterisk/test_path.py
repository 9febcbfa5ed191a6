"""The way of the sound: RTP, AudioSocket, and from one to the other when no sound flows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from asterisk.lab.phone_call import PhoneCall
from callflow.table import State
from tests.asterisk.scene import FLOW, GREETING, Scene, spoken_ms

Property = Callable[[str, object], None]
TAKES_OVER_S = 2.0
"""What the product promises: from the answer to AudioSocket's first sound."""
TONE_HZ = 440.0
PATIENT = FLOW.replace("after: 8s", "after: 2s").replace("- Hello?", "- Hello?\n    - Are you there?")
NOWHERE = "127.0.0.9"
"""An address of this machine where nobody listens."""


async def converses(scene: Scene, call: PhoneCall, transport: str) -> None:
    """From the caller's first word to the end of the flow; and how it is recorded."""
    scene.words.extend(["winter tyres", "order"])
    await call.says("winter tyres please")
    await call.hears_speech()
    await call.hears_silence(0.7)
    await call.says("order them please")
    await call.hung_up(15)
    record = await scene.ended()
    assert (record.disposition, record.ignored_events) == ("ordered", 0)
    assert [turn.text for turn in record.turns if turn.speaker == "caller"] == ["winter tyres", "order"]
    assert not any(turn.interrupted for turn in record.turns)
    assert record.transport == transport
    await scene.nothing_left()


def heard_in_full(call: PhoneCall, *, but_ms: float = 60) -> None:
    """The greeting, from its first sound to its last, without a hole, at its own pitch."""
    first = call.heard.first_audible()
    last = call.heard.last_audible()
    assert first is not None
    assert last is not None
    assert call.heard.gaps(40, first, last) == []
    assert abs((last - first) * 1000 - spoken_ms(GREETING)) < but_ms
    assert abs(call.heard.sound(first, last).pitch_hz - TONE_HZ) < 2


@pytest.mark.parametrize("transport", ["auto", "rtp", "audiosocket"])
async def test_a_whole_call(transport: str) -> None:
    async with Scene(settings={"MEDIA_TRANSPORT": transport}) as scene:
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        heard_in_full(call)
        assert not scene.logs.of("media.fell_back")
        await converses(scene, call, "rtp" if transport == "auto" else transport)


async def test_sound_that_asterisk_drops_falls_back(
    monkeypatch: pytest.MonkeyPatch, record_property: Property
) -> None:
    """Our payload type is one that Asterisk drops in silence: she would hear nothing at all."""
    async with Scene() as scene:
        monkeypatch.setattr("media.transports.rtp.L16_8K", 118)
        call = await scene.phones.dial("100")
        heard_at = await call.hears_speech()
        line = await scene.logged("media.fell_back")
        assert line["reason"] == "Asterisk sends the caller nothing of ours"
        assert call.answered_at is not None
        record_property("fell_back_after_ms", round((heard_at - call.answered_at) * 1000))
        assert heard_at - call.answered_at < TAKES_OVER_S
        await call.hears_silence(1.0)
        heard_in_full(call)
        await converses(scene, call, "audiosocket")


def behind_a_firewall(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on what Asterisk sends by RTP is lost on its way to us."""
    monkeypatch.setattr("media.transports.rtp.RtpTransport._take", lambda self, datagram, now: None)


async def falls_back_for_her(scene: Scene, but_ms: float, record_property: Property) -> None:
    """A call whose caller is not heard by RTP: AudioSocket takes over while the greeting goes on."""
    call = await scene.phones.dial("100")
    line = await scene.logged("media.fell_back")
    assert line["reason"] == "the caller's audio does not reach us"
    assert call.answered_at is not None
    record_property("fell_back_after_ms", round((line["at"] - call.answered_at) * 1000))
    assert line["at"] - call.answered_at < TAKES_OVER_S
    await scene.reaches(State.LISTENING)
    await call.hears_silence(0.4)
    heard_in_full(call, but_ms=but_ms)
    await converses(scene, call, "audiosocket")


async def test_a_caller_lost_on_the_way_falls_back(
    monkeypatch: pytest.MonkeyPatch, record_property: Property
) -> None:
    async with Scene() as scene:
        behind_a_firewall(monkeypatch)
        await falls_back_for_her(scene, 60, record_property)


async def test_a_caller_sent_to_a_wrong_address_falls_back(record_property: Property) -> None:
    """Asterisk sends RTP where nobody is, and takes ours from elsewhere only after four packets (strictrtp):
    their 80 ms are no fault of the change."""
    async with Scene(controller=False) as scene:
        controller = await scene.start_controller(RTP_ADVERTISE=NOWHERE)
        await scene.logged("media.self_test_failed")
        controller.services.rtp_is_heard = True  # as if the path had broken after the start
        await falls_back_for_her(scene, 120, record_property)


async def test_a_path_found_blocked_at_the_start_is_not_tried_in_calls() -> None:
    async with Scene(settings={"RTP_ADVERTISE": NOWHERE}) as scene:
        await scene.logged("media.self_test_failed")
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        heard_in_full(call)
        assert not scene.logs.of("media.fell_back")
        await converses(scene, call, "audiosocket")


async def test_where_audiosocket_is_blocked_too_she_is_given_to_people() -> None:
    """Neither way works: nobody is left in silence."""
    async with Scene(controller=False) as scene:
        controller = await scene.start_controller(
            RTP_ADVERTISE=NOWHERE, AUDIOSOCKET_ADVERTISE=f"{NOWHERE}:{scene.stage.audiosocket_port}"
        )
        operator = scene.phones.extension("201").answers(0.1)
        assert not controller.services.rtp_is_heard
        call = await scene.phones.dial("100")
        taken = await operator.takes()
        assert (await scene.ended()).disposition == "transferred"
        began = time.monotonic()
        await taken.says("good day")
        await call.hears_speech(since_s=began)
        await call.hang_up()
        await scene.nothing_left()


@pytest.mark.parametrize("transport", ["auto", "audiosocket"])
async def test_a_caller_who_sends_nothing_is_no_blocked_path(transport: str) -> None:
    """Phones with silence suppression: she is reminded all the same, by our clock and not by her packets."""
    async with Scene(flow=PATIENT, settings={"MEDIA_TRANSPORT": transport}) as scene:
        call = await scene.phones.dial("100", stops_sending=True)
        await scene.news.until(lambda: len(reminders(scene)) == 2, "two reminders")
        await scene.reaches(State.LISTENING, since=len(scene.facts))
        pauses = [b - a for a, b in itertools.pairwise(reminders(scene))]
        assert all(2.0 <= pause < 4.0 for pause in pauses)
        assert not scene.logs.of("media.fell_back")
        await call.hears_silence(0.4)
        await converses(scene, call, "rtp" if transport == "auto" else transport)


def reminders(scene: Scene) -> list[float]:
    """When the caller was reminded that it is her turn."""
    return [
        fact.at_s
        for fact in scene.facts
        for effect in fact.effects
        if getattr(effect, "source", "") == "silence"
    ]
