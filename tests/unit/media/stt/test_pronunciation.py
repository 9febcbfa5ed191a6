"""How words sound, in the sounds of the English model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callflow.errors import ProviderRefused
from media.stt import pronunciation
from media.stt.pronunciation import Dictionary, Pronunciation, arpabet
from media.tts import espeaklib

VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
SOUNDS = {*VOWELS.split(), *CONSONANTS.split()}
LINES = "'bout B AW T\na AH\na(2) EY\na's EY Z\ntomato T AH M EY T OW\ntyre T AY R\nzoo Z UW"


@pytest.fixture
def dictionary(tmp_path: Path) -> Iterator[Dictionary]:
    path = tmp_path / "words.dict"
    path.write_text(LINES)
    opened = Dictionary(path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("word", "ways"),
    [
        ("'bout", ["B AW T"]),
        ("a", ["AH", "EY"]),
        ("a's", ["EY Z"]),
        ("tyre", ["T AY R"]),
        ("zoo", ["Z UW"]),
        ("!", []),
        ("tyres", []),
        ("zzz", []),
    ],
)
def test_a_word_is_found_with_all_ways_to_say_it(dictionary: Dictionary, word: str, ways: list[str]) -> None:
    assert dictionary.find(word) == tuple(tuple(way.split()) for way in ways)


def test_only_sounds_of_the_model_come_out() -> None:
    assert {sound for near in pronunciation._ARPABET.values() for sound in near.split("_")} <= SOUNDS


def test_ipa_is_mapped_and_unknown_symbols_left_out() -> None:
    assert arpabet(["n", "ˈoʊ", "k", "iə", "n"]) == ("N", "OW", "K", "IY", "AH", "N")
    assert arpabet(["t̪", "ˈa", "k"]) == ("T", "AA", "K")
    assert arpabet(["tʃʲ", "?", "ɡ"]) == ("CH", "G")


@pytest.mark.parametrize(
    ("word", "language", "sounds"),
    [
        ("tyre", "en", "T AY R"),
        ("nokian", "en", "N OW K IY AH N"),
        ("nokian", "uk", "N OW K IY AH N"),
        ("так", "uk", "T AA K"),
        ("нет", "ru", "N EH T"),
    ],
)
def test_words_outside_the_dictionary_go_by_rules(
    dictionary: Dictionary, word: str, language: str, sounds: str
) -> None:
    pytest.importorskip("espeakng_loader")
    assert Pronunciation(dictionary).of(word, language) == (tuple(sounds.split()),)


@pytest.mark.parametrize(("word", "language"), [("так", "en"), ("北", "en"), ("北", "uk")])
def test_letters_of_another_script_have_no_sound(dictionary: Dictionary, word: str, language: str) -> None:
    assert Pronunciation(dictionary).of(word, language) == ()


def test_without_rules_only_the_dictionary_speaks(
    dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> espeaklib.Espeak:
        raise ProviderRefused("not installed")

    monkeypatch.setattr(espeaklib, "load", missing)
    assert Pronunciation(dictionary).of("nokian", "en") == ()
    assert Pronunciation(dictionary).of("zoo", "en") == (("Z", "UW"),)
