"""A call's line: silence under speech, a first word that does not wait, a true account of what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from callflow import events as ev
from callflow.effects import Say, SayMore
from callflow.errors import ProviderRefused
from media.fakes import InstantRecognizer, ToneSynthesizer, tone
from media.hearing import Hearing, Report
from media.line import SETTLE_FRAMES, Line
from media.pacing import Ticker
from media.ports import FRAME_BYTES, SILENCE, Speech, TransportStats
from media.vad import VadPool


class FakeTransport:
    """Keeps the frames it was given."""

    name = "fake"

    def __init__(self) -> None:
        self.stats = TransportStats()
        self.frames: list[tuple[bytes, bool]] = []
        self.closed = False

    def send(self, frame: bytes, *, marker: bool = False) -> None:
        self.frames.append((frame, marker))

    def tick(self, now: float) -> None:
        """Time passes."""

    async def close(self) -> None:
        self.closed = True


class Desk:
    """A line whose ticks the test makes by hand."""

    def __init__(self, engine: ToneSynthesizer | None = None) -> None:
        self.facts: list[ev.Event] = []
        self.pool = VadPool(None)
        self.transport = FakeTransport()
        self.line = Line(Ticker(), self._hearing, engine or ToneSynthesizer(), self.facts.append)
        self.line.attach(self.transport)

    def _hearing(self, report: Report) -> Hearing:
        return Hearing(self.pool, InstantRecognizer().open("en"), report)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.line._tick(0.0)

    async def voice(self) -> None:
        """Let the voice's task do what it can."""
        for _ in range(10):
            await asyncio.sleep(0)

    @property
    def spoken(self) -> int:
        return sum(frame != SILENCE for frame, _ in self.transport.frames)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    await made.line.close()


async def test_silence_flows_from_the_beginning(desk: Desk) -> None:
    desk.tick(3)
    assert desk.transport.frames == [(SILENCE, False)] * 3


async def test_the_first_frame_of_speech_takes_the_place_of_the_next_tick(desk: Desk) -> None:
    desk.tick()
    desk.line.say(Say(1, "Hi.", "greeting"))
    await desk.voice()
    assert desk.spoken == 1
    assert desk.transport.frames[-1][1], "a talk spurt opens with the marker"
    desk.tick()
    assert desk.spoken == 1, "the tick's place was taken"
    desk.tick()
    assert desk.spoken == 2


async def test_speech_ends_when_its_last_frame_is_sent(desk: Desk) -> None:
    desk.line.say(Say(1, "Hi there.", "greeting"))
    await desk.voice()
    desk.tick(100)
    assert desk.facts == [ev.SpeechEnded(1, "Hi there.")]
    assert desk.spoken == len(tone(60 * len("Hi there."))) // FRAME_BYTES


async def test_a_stopped_speech_tells_the_words_that_were_heard(desk: Desk) -> None:
    desk.line.say(Say(1, "one two three four five", "seller"))
    await desk.voice()
    desk.tick(30)  # 0.6 s at 60 ms a letter: "one two " and a little more
    desk.line.stop_speaking(1)
    assert desk.facts == [ev.SpeechEnded(1, "one two", complete=False)]
    before = desk.spoken
    desk.tick(5)
    assert desk.spoken <= before + 1, "at most the fade is still sent"


async def test_sentences_are_appended_until_the_last(desk: Desk) -> None:
    desk.line.say(Say(1, "One.", "seller", final=False))
    await desk.voice()
    desk.tick(50)
    assert desk.facts == []
    desk.line.say_more(SayMore(1, "Two."))
    desk.line.say_more(SayMore(1, "", final=True))
    await desk.voice()
    desk.tick(50)
    assert desk.facts == [ev.SpeechEnded(1, "One. Two.")]


async def test_a_speech_that_reached_nobody_is_begun_again(desk: Desk) -> None:
    desk.line.say(Say(1, "one two three", "greeting"))
    await desk.voice()
    desk.tick(20)
    desk.line.begin_again()
    await desk.voice()
    spoken = desk.spoken
    desk.tick(100)
    assert desk.facts == [ev.SpeechEnded(1, "one two three")]
    assert desk.spoken - spoken >= len(tone(60 * 13)) // FRAME_BYTES - 1


async def test_settled_when_the_last_word_has_left_the_buffers(desk: Desk) -> None:
    desk.line.say(Say(1, "Hi.", "greeting"))
    await desk.voice()
    settled = asyncio.create_task(desk.line.settle())
    desk.tick(20)
    await desk.voice()
    assert settled.done() == (desk.line._silent >= SETTLE_FRAMES)
    desk.tick(SETTLE_FRAMES)
    await asyncio.wait_for(settled, 1)


async def test_a_voice_that_fails_is_a_fact() -> None:
    class Mute(ToneSynthesizer):
        async def synthesize(self, text: str, language: str) -> AsyncIterator[Speech]:
            raise ProviderRefused("no voice")
            yield Speech(b"")

    desk = Desk(Mute())
    desk.line.say(Say(1, "Hi.", "greeting"))
    await desk.voice()
    assert desk.facts == [ev.Failed(ev.Part.SPEECH, "provider-refused")]
    await desk.line.close()
    assert desk.transport.closed


async def test_a_replaced_transport_is_given_back_open(desk: Desk) -> None:
    old = desk.line.attach(FakeTransport())
    assert old is desk.transport
    assert not desk.transport.closed
