"""The embedded voice, on the real library where it must sound and on a held one where order matters."""

import asyncio
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from callflow.errors import ProviderError, ProviderRefused
from media.ports import Speech
from media.tts import espeaklib
from media.tts.espeak import EspeakSynthesizer

pytest.importorskip("espeakng_loader")

TEXTS = {
    "en": "Good day, Shyna Plus. I am an automated assistant, and this call is processed automatically.",
    "uk": "Добрий день, Шина Плюс. Я автоматичний помічник, розмова обробляється автоматично.",
    "ru": "Добрый день, Шина Плюс. Я автоматический помощник, звонок обрабатывается автоматически.",
}


async def _spoken(text: str, language: str = "en") -> list[Speech]:
    return [piece async for piece in EspeakSynthesizer().synthesize(text, language)]


def _sound(pieces: list[Speech]) -> bytes:
    return b"".join(piece.pcm for piece in pieces)


def _words(pieces: list[Speech]) -> list[str]:
    return [word for piece in pieces for _, word in piece.words]


def _alike(one: bytes, other: bytes) -> bool:
    """Whether two sounds are the same speech: never bit for bit, the engine's breath and pace are random by
    some samples. Different sentences correlate below 0.3."""
    size = min(len(one), len(other)) // 1_280 * 1_280
    loudness = [
        np.abs(np.frombuffer(sound[:size], np.int16).reshape(-1, 640).astype(int)).mean(1)
        for sound in (one, other)
    ]
    return abs(len(one) - len(other)) < size / 100 and float(np.corrcoef(loudness)[0, 1]) > 0.9


@pytest.mark.parametrize("language", TEXTS)
async def test_speaks_at_a_telephones_level_and_never_clips(language: str) -> None:
    samples = np.frombuffer(_sound(await _spoken(TEXTS[language], language)), np.int16).astype(float)
    speech = samples[np.abs(samples) > 300]
    assert -22 < 20 * np.log10(np.sqrt((speech**2).mean()) / 32_768) < -18
    assert np.abs(samples).max() < 32_000
    assert 3 < len(samples) / 16_000 < 9


@pytest.mark.parametrize("language", TEXTS)
async def test_says_where_each_word_begins_as_written(language: str) -> None:
    pieces = await _spoken(TEXTS[language], language)
    assert " ".join(_words(pieces)) == TEXTS[language]
    assert all(0 <= offset < len(piece.pcm) // 2 for piece in pieces for offset, _ in piece.words)


async def test_reads_a_size_and_gives_the_word_as_written() -> None:
    pieces = await _spoken("We have 205/55 R16 in stock.")
    assert _words(pieces) == ["We", "have", "205/55 R16", "in", "stock."]


async def test_sentences_at_once_do_not_mix() -> None:
    alone = [_sound(await _spoken(text, language)) for language, text in TEXTS.items()]
    together = await asyncio.gather(
        *(_spoken(text, language) for language, text in TEXTS.items() for _ in "ab")
    )
    for pieces, sound in zip(together, [sound for sound in alone for _ in "ab"], strict=True):
        assert _alike(_sound(pieces), sound)


async def test_a_region_is_no_obstacle() -> None:
    assert _alike(_sound(await _spoken("Yes.", "en-GB")), _sound(await _spoken("Yes.", "en")))


async def test_says_nothing_for_nothing() -> None:
    assert await _spoken("  ") == []


async def test_refuses_a_language_it_has_no_voice_for() -> None:
    with pytest.raises(ProviderRefused, match="'pl'"):
        await _spoken("Dzień dobry", "pl")


def test_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ProviderRefused, match=r"pip install 'callflow\[embedded\]'"):
        EspeakSynthesizer()


class HeldEspeak:
    """Speaks one piece, then waits for leave before each further one; counts what it spoke."""

    rate = 16_000

    def __init__(self) -> None:
        self.leave = threading.Event()
        self.pieces = 0

    def use(self, voice: str, *, words_per_minute: int, volume: int) -> None:
        """Any voice will do."""

    def speak(self, text: str, sink: espeaklib.Sink) -> None:
        if text == "refuse":
            raise ProviderError("cannot")
        while sink(bytes(640), ((0, 0),)) and self.pieces < 100:
            self.pieces += 1
            if not self.leave.wait(20):
                raise AssertionError("nobody gave leave")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldEspeak]:
    engine = HeldEspeak()
    monkeypatch.setattr(espeaklib, "load", lambda: engine)
    yield engine
    engine.leave.set()


async def test_the_first_piece_does_not_wait_for_the_rest(held: HeldEspeak) -> None:
    pieces = EspeakSynthesizer().synthesize("one sentence", "en")
    first = await anext(pieces)
    assert first.words == ((0, "one"),)
    assert held.pieces <= 1
    held.leave.set()
    assert len(_sound([first, *[piece async for piece in pieces]])) == 101 * 640


async def test_closing_the_iterator_stops_the_engine(held: HeldEspeak) -> None:
    pieces = EspeakSynthesizer().synthesize("one sentence", "en")
    await anext(pieces)
    closing = asyncio.ensure_future(pieces.aclose())  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    held.leave.set()
    await closing
    assert held.pieces <= 2


async def test_an_engine_that_refuses_is_an_error(held: HeldEspeak) -> None:
    with pytest.raises(ProviderError, match="cannot"):
        await _spoken("refuse")
