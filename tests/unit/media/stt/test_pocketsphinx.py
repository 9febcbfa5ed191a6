"""One call's ear: which sound it has decoded, when, and by what expectations."""

import asyncio

import numpy as np
import pytest
from structlog.testing import capture_logs

from callflow.errors import ProviderRefused, ProviderTimeout
from media.ports import FRAME_BYTES, SILENCE, Phrases, Transcript
from media.stt import pocketsphinx
from media.stt.pocketsphinx import PAUSE_MS, PocketsphinxEar, PocketsphinxRecognizer
from media.stt.pool import Pool
from media.stt.wire import Answer, Job

PAUSE = PAUSE_MS // 20
WINTER = Phrases(("winter", "summer"))


class RecordingPool(Pool):
    """Notes the jobs and answers each with the next of `answers`; no process anywhere."""

    def __init__(self, *answers: Answer | Exception) -> None:
        super().__init__()
        self.answers = list(answers)
        self.jobs: list[Job] = []
        self.prepared: list[Job] = []
        self.free = True

    @property
    def idle(self) -> bool:
        return self.free

    def prepare(self, job: Job) -> None:
        self.prepared.append(job)

    async def decode(self, job: Job) -> Answer:
        self.jobs.append(job)
        answer = self.answers.pop(0)
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _frame(number: int) -> bytes:
    """A loud frame that can be told from others."""
    return np.full(FRAME_BYTES // 2, 5_000 + number, np.int16).tobytes()


def _feed(ear: PocketsphinxEar, *frames: bytes) -> None:
    for frame in frames:
        ear.feed(frame)


def _ear(pool: Pool, phrases: Phrases = WINTER, language: str = "en") -> PocketsphinxEar:
    ear = PocketsphinxEar(pool, language)
    ear.expect(phrases, language)
    return ear


async def test_an_utterance_is_decoded_from_before_its_start_to_its_end() -> None:
    pool = RecordingPool(Answer("winter", 0.9))
    ear = _ear(pool)
    _feed(ear, *(_frame(number) for number in range(50)))
    ear.speech_started(preroll_ms=100)
    _feed(ear, *(_frame(number) for number in range(50, 60)))
    assert await ear.speech_ended() == Transcript("winter", 0.9, "en")
    assert pool.jobs == [
        Job(("winter", "summer"), False, "en", b"".join(_frame(number) for number in range(30, 60)))
    ]


async def test_the_preroll_is_what_there_is() -> None:
    pool = RecordingPool(Answer("yes", 0.9))
    ear = _ear(pool)
    _feed(ear, _frame(1))
    ear.speech_started(preroll_ms=5_000)
    await ear.speech_ended()
    assert pool.jobs[0].pcm == _frame(1)


async def test_utterances_are_given_in_the_order_they_were_spoken() -> None:
    pool = RecordingPool(Answer("winter", 0.9), Answer("summer", 0.9))
    ear = _ear(pool)
    ear.speech_started(0)
    _feed(ear, _frame(1))
    ended = asyncio.ensure_future(ear.speech_ended())  # gets to run only after the next one has begun
    ear.speech_started(0)
    _feed(ear, _frame(2))
    assert (await ended).text == "winter"
    assert (await ear.speech_ended()).text == "summer"
    assert [job.pcm for job in pool.jobs] == [_frame(1), _frame(1) + _frame(2)]


async def test_words_are_recognised_in_the_pause_before_the_end() -> None:
    pool = RecordingPool(Answer("winter", 0.9))
    ear = _ear(pool)
    ear.speech_started(0)
    _feed(ear, *[_frame(1)] * 10, *[SILENCE] * PAUSE)
    await asyncio.sleep(0)
    assert len(pool.jobs) == 1
    _feed(ear, *[SILENCE] * 10)
    assert (await ear.speech_ended()).text == "winter"
    assert len(pool.jobs) == 1


async def test_more_speech_makes_the_early_words_void() -> None:
    pool = RecordingPool(Answer("winter", 0.9), Answer("winter tyres", 0.9))
    ear = _ear(pool)
    ear.speech_started(0)
    _feed(ear, *[_frame(1)] * 10, *[SILENCE] * PAUSE)
    await asyncio.sleep(0)
    _feed(ear, _frame(2))
    assert (await ear.speech_ended()).text == "winter tyres"
    assert pool.jobs[1].pcm.endswith(_frame(2))


async def test_new_expectations_make_the_early_words_void() -> None:
    pool = RecordingPool(Answer("winter", 0.9), Answer("yes", 0.9))
    ear = _ear(pool)
    ear.speech_started(0)
    _feed(ear, *[_frame(1)] * 10, *[SILENCE] * PAUSE)
    await asyncio.sleep(0)
    ear.expect(Phrases(("yes",)), "en")
    assert (await ear.speech_ended()).text == "yes"
    assert pool.jobs[1].phrases == ("yes",)


async def test_nothing_is_done_early_while_others_wait() -> None:
    pool = RecordingPool(Answer("winter", 0.9))
    pool.free = False
    ear = _ear(pool)
    ear.speech_started(0)
    _feed(ear, *[_frame(1)] * 10, *[SILENCE] * 2 * PAUSE)
    await asyncio.sleep(0)
    assert pool.jobs == []
    assert (await ear.speech_ended()).text == "winter"


async def test_an_early_failure_is_an_error_of_the_utterance_alone() -> None:
    pool = RecordingPool(ProviderTimeout("slow"), ProviderTimeout("slow"), Answer("yes", 0.9))
    ear = _ear(pool)
    for _ in range(2):
        ear.speech_started(0)
        _feed(ear, *[_frame(1)] * 10, *[SILENCE] * PAUSE)
        await asyncio.sleep(0.01)
    with pytest.raises(ProviderTimeout):
        await ear.speech_ended()
    await ear.close()
    ear.speech_started(0)
    _feed(ear, _frame(1))
    assert (await ear.speech_ended()).text == "yes"


async def test_an_end_without_a_beginning_has_no_words() -> None:
    assert await _ear(RecordingPool()).speech_ended() == Transcript("", 0.0)


async def test_an_endless_utterance_is_cut() -> None:
    pool = RecordingPool(Answer("", 0.1))
    ear = _ear(pool)
    ear.speech_started(0)
    _feed(ear, *[_frame(1)] * 2_000)
    await ear.speech_ended()
    assert len(pool.jobs[0].pcm) == pocketsphinx.LONGEST_MS // 20 * FRAME_BYTES


async def test_a_grammar_is_made_ready_once() -> None:
    pool = RecordingPool()
    ear = _ear(pool)
    ear.expect(WINTER, "en-US")
    ear.expect(Phrases(digits=True), "en")
    assert [(job.phrases, job.digits, job.pcm) for job in pool.prepared] == [
        (("winter", "summer"), False, b""),
        ((), True, b""),
    ]


async def test_a_language_without_a_model_gets_its_short_list() -> None:
    pool = RecordingPool(Answer("так", 0.7))
    ear = _ear(pool, Phrases(("так", "ні")), "uk-UA")
    ear.speech_started(0)
    _feed(ear, _frame(1))
    assert await ear.speech_ended() == Transcript("так", 0.7, "uk")
    assert pool.jobs[0].language == "uk"


@pytest.mark.parametrize(("phrases", "language"), [(Phrases(), "uk"), (Phrases(("tak",)), "pl")])
async def test_what_cannot_be_recognised_is_empty_and_said_once(phrases: Phrases, language: str) -> None:
    pool = RecordingPool()
    with capture_logs() as logs:
        ear = _ear(pool, phrases, language)
        for _ in range(2):
            ear.speech_started(0)
            _feed(ear, _frame(1))
            assert (await ear.speech_ended()).text == ""
    assert [entry["event"] for entry in logs] == ["recogniser.no_model"]
    assert pool.jobs == pool.prepared == []


async def test_words_that_no_grammar_can_hold_are_said_once() -> None:
    pool = RecordingPool(Answer("", 0.0, ("北",)), Answer("", 0.0, ("北",)))
    ear = _ear(pool)
    with capture_logs() as logs:
        for _ in range(2):
            ear.speech_started(0)
            _feed(ear, _frame(1))
            await ear.speech_ended()
    assert [(entry["event"], entry["words"]) for entry in logs] == [("recogniser.unknown_words", ["北"])]


async def test_it_has_no_interim_words() -> None:
    ear = _ear(RecordingPool())
    ear.speech_started(0)
    assert ear.interim() == ""


def test_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ProviderRefused, match=r"pip install 'callflow\[embedded\]'"):
        PocketsphinxRecognizer()
