"""How words sound, in the forty sounds of the English acoustic model."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from pathlib import Path

from callflow.errors import ProviderError
from media.tts import espeaklib

Phones = tuple[str, ...]

_NEAREST = """
    ɑː=AA ɑ=AA a=AA ä=AA æ=AE ʌ=AH ə=AH ɐ=AH əl=AH_L n̩=AH_N iə=IY_AH ɔ=AO ɔː=AO oː=AO aʊ=AW aɪ=AY
    ɛ=EH e=EH ɚ=ER ɜː=ER ɜ=ER ɝ=ER eɪ=EY ɪ=IH i=IY iː=IY oʊ=OW əʊ=OW ɔɪ=OY ʊ=UH u=UW uː=UW y=IH ɨ=IH
    o=AO ɵ=AO ɑːɹ=AA_R ɔːɹ=AO_R oːɹ=AO_R ɛɹ=EH_R ɪɹ=IH_R ʊɹ=UH_R aɪɚ=AY_ER aɪə=AY_AH aʊɚ=AW_ER ᵻ=IH
    p=P b=B t=T d=D k=K ɡ=G g=G tʃ=CH dʒ=JH f=F v=V θ=TH ð=DH s=S z=Z ʃ=SH ʒ=ZH h=HH m=M n=N ŋ=NG
    l=L ɹ=R r=R j=Y w=W ɾ=D ʔ=T x=HH ɣ=G ɦ=HH β=V ʋ=V ɲ=N ʎ=L ɭ=L ɫ=L ɕ=SH ʑ=Z ʂ=SH ʐ=ZH ts=T_S dz=D_Z
"""
_ARPABET = dict(pair.split("=") for pair in _NEAREST.split())
"""English sounds by IPA symbol; for other languages' sounds the English one that is nearest."""
_CYRILLIC = re.compile(r"[\u0400-\u04ff']+")
_MARKS = str.maketrans("", "", "ˈˌʲ̪͡ʰ̃")


def arpabet(ipa: Iterable[str]) -> Phones:
    """IPA symbols as the model's sounds; a symbol it has nothing near to is left out."""
    sounds: list[str] = []
    for symbol in ipa:
        plain = symbol.translate(_MARKS)
        near = _ARPABET.get(plain) or _ARPABET.get(plain.rstrip("ː"), "")
        sounds += [sound for sound in near.split("_") if sound]
    return tuple(sounds)


class Dictionary:
    """A pronouncing dictionary in CMU's form, read where it lies on disk: lines `word W ER D`, sorted by
    word, further ways to say it as `word(2) …` below."""

    def __init__(self, path: Path) -> None:
        """Open the dictionary. Raises `OSError`."""
        with path.open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def find(self, word: str) -> tuple[Phones, ...]:
        """The ways to say `word`, empty when it is not in the dictionary."""
        ways = []
        at = self._first(word.encode())
        while at < len(self._text):
            entry, *phones = self._line(at).split()
            if entry.partition(b"(")[0] != word.encode():
                break
            ways.append(tuple(phone.decode() for phone in phones))
            at += len(self._line(at)) + 1
        return tuple(ways)

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()

    def _first(self, word: bytes) -> int:
        """Where the first line begins whose word is not before `word`: by halving."""
        low, high = 0, len(self._text)
        while low < high:
            middle = self._text.rfind(b"\n", 0, (low + high) // 2) + 1
            if self._line(middle).split()[0].partition(b"(")[0] < word:
                low = middle + len(self._line(middle)) + 1
            else:
                high = middle
        return low

    def _line(self, at: int) -> bytes:
        end = self._text.find(b"\n", at)
        return self._text[at : end if end >= 0 else len(self._text)]


class Pronunciation:
    """Pronunciations of any word: from the dictionary, or else by eSpeak NG's rules for the language."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary

    def of(self, word: str, language: str) -> tuple[Phones, ...]:
        """The ways to say `word` (lower case); empty when none is known. Latin words are English ones in
        every language: a brand is written so."""
        if word.isascii():
            return self._dictionary.find(word) or _by_rules(word, "en-us")
        if language != "en" and _CYRILLIC.fullmatch(word):
            return _by_rules(word, language)
        return ()


def _by_rules(word: str, voice: str) -> tuple[Phones, ...]:
    try:
        engine = espeaklib.load()
        engine.use(voice)
    except ProviderError:
        return ()
    sounds = arpabet(engine.phonemes(word))
    return (sounds,) if sounds else ()
