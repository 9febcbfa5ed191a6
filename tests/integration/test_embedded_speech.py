"""The embedded recogniser on telephone speech: a real worker process, and callers with flite's voices."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator

import pytest

from callflow.errors import ProviderError
from media.ports import Ear, Phrases, Transcript
from media.stt.pocketsphinx import PocketsphinxRecognizer
from media.stt.pool import Pool
from media.stt.wire import Job
from tests.integration.embedded_corpus import DIGITS, EXPECTED, UNRELATED
from tests.integration.telephone import heard

pytest.importorskip("pocketsphinx")
pytestmark = pytest.mark.skipif(shutil.which("flite") is None, reason="the callers' voices need flite")

VOICES = ("slt", "rms")
ANSWERS = Phrases(("yes", "no", "yes please", "no thank you", "operator", "winter", "summer", "all season"))


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(timeout=30.0)
    yield made
    await made.close()


@pytest.fixture
async def ear(pool: Pool) -> Ear:
    return PocketsphinxRecognizer(pool).open("en")


async def _understood(ear: Ear, text: str, voice: str) -> Transcript:
    """Say it into the ear, with an endpointer that is exact; speech begins 15 frames in."""
    for number, frame in enumerate(heard(text, voice)):
        ear.feed(frame)
        if number == 20:
            ear.speech_started(preroll_ms=100)
    return await ear.speech_ended()


async def _all(
    ear: Ear, texts: tuple[str, ...], voices: tuple[str, ...] = VOICES
) -> dict[tuple[str, str], str]:
    return {(text, voice): (await _understood(ear, text, voice)).text for text in texts for voice in voices}


async def test_expected_phrases_are_understood(ear: Ear) -> None:
    ear.expect(Phrases(EXPECTED), "en")
    words = await _all(ear, EXPECTED[::3])
    assert {said for said, found in words.items() if found != said[0]} == set()


async def test_unrelated_speech_gives_no_words(ear: Ear) -> None:
    ear.expect(Phrases(EXPECTED), "en")
    words = await _all(ear, UNRELATED[:6], ("slt",))
    assert sum(map(bool, words.values())) <= 1
    ear.expect(ANSWERS, "en")
    words = await _all(ear, UNRELATED[6:], ("rms",))
    assert sum(map(bool, words.values())) <= 1


async def test_courtesy_around_a_phrase_is_left_out(ear: Ear) -> None:
    ear.expect(ANSWERS, "en")
    assert (await _understood(ear, "um, winter please", "slt")).text == "winter"


async def test_digits_are_heard_beside_phrases(ear: Ear) -> None:
    ear.expect(Phrases(ANSWERS.phrases, digits=True), "en")
    assert (await _understood(ear, DIGITS[0], "rms")).text == DIGITS[0]
    assert (await _understood(ear, "operator", "rms")).text == "operator"


async def test_anything_is_heard_when_nothing_is_expected(ear: Ear) -> None:
    found = await _understood(ear, "operator", "rms")
    assert found.text
    assert 0 < found.confidence <= 1


async def test_silence_and_clicks_have_no_words(pool: Pool) -> None:
    click = bytes(32_000) + b"\xff\x7f" * 80 + bytes(32_000)
    for pcm in (b"", bytes(640), bytes(64_000), click):
        for phrases in (ANSWERS.phrases, ()):
            assert (await pool.decode(Job(phrases, False, "en", pcm))).text == ""


async def test_more_grammars_than_are_kept_and_one_that_cannot_be(pool: Pool) -> None:
    pcm = b"".join(heard("operator", "rms"))
    for number in range(70):
        await pool.decode(Job(("operator", f"word {number}"), False, "en"))
    assert (await pool.decode(Job(("operator",), False, "en", pcm))).text == "operator"
    answer = await pool.decode(Job(("北",), False, "en", pcm))
    assert (answer.text, answer.skipped) == ("", ("北",))


async def test_ukrainian_has_its_short_list(pool: Pool) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("the Ukrainian caller's voice needs espeak-ng")
    ear = PocketsphinxRecognizer(pool).open("uk")
    ear.expect(Phrases(("так", "ні", "оператор")), "uk")
    assert (await _understood(ear, "оператор", "uk")).text == "оператор"
    assert (await _understood(ear, "оператор", "uk")).language == "uk"


async def test_a_worker_that_dies_in_mid_job_is_an_error_and_the_next_words_are_heard(pool: Pool) -> None:
    ear = PocketsphinxRecognizer(pool).open("en")
    ear.expect(ANSWERS, "en")
    await _understood(ear, "yes", "slt")
    (worker,) = pool._workers
    hearing = asyncio.ensure_future(
        pool.decode(Job((), False, "en", b"".join(heard(UNRELATED[0], "slt") * 3)))
    )
    while pool.idle:
        await asyncio.sleep(0)
    os.kill(worker.pid, 9)
    with pytest.raises(ProviderError):
        await hearing
    assert (await _understood(ear, "yes", "slt")).text == "yes"
