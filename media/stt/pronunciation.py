"""How words sound, in the forty sounds of the English acoustic model."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

from callflow.errors import ProviderError
from media.tts import espeaklib

Phones = tuple[str, ...]

_ARPABET = dict(
    pair.split("=")
    for pair in (
        # English vowels; then those of Ukrainian and Russian by the English one that is nearest
        "ɑː=AA ɑ=AA a=AA ä=AA æ=AE ʌ=AH ə=AH ɐ=AH əl=AH_L n̩=AH_N iə=IY_AH ɔ=AO ɔː=AO oː=AO aʊ=AW aɪ=AY "
        "ɛ=EH e=EH ɚ=ER ɜː=ER ɜ=ER ɝ=ER eɪ=EY ɪ=IH i=IY iː=IY oʊ=OW əʊ=OW ɔɪ=OY ʊ=UH u=UW uː=UW y=IH ɨ=IH "
        "o=AO ɵ=AO ɑːɹ=AA_R ɔːɹ=AO_R oːɹ=AO_R ɛɹ=EH_R ɪɹ=IH_R ʊɹ=UH_R aɪɚ=AY_ER aɪə=AY_AH aʊɚ=AW_ER ᵻ=IH "
        "p=P b=B t=T d=D k=K ɡ=G g=G tʃ=CH dʒ=JH f=F v=V θ=TH ð=DH s=S z=Z ʃ=SH ʒ=ZH h=HH m=M n=N ŋ=NG "
        "l=L ɹ=R r=R j=Y w=W ɾ=D ʔ=T x=HH ɣ=G ɦ=HH β=V ʋ=V ɲ=N ʎ=L ɭ=L ɫ=L ɕ=SH ʑ=Z ʂ=SH ʐ=ZH ts=T_S dz=D_Z"
    ).split()
)
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
    """A pronouncing dictionary in CMU's form (`word(2) W ER D`, sorted), read where it lies on disk."""

    def __init__(self, path: Path) -> None:
        """Open the dictionary. Raises `OSError`."""
        with path.open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def find(self, word: str) -> tuple[Phones, ...]:
        """The ways to say `word`, empty when it is not in the dictionary."""
        return tuple(self._lines(word.encode()))

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()

    def _lines(self, word: bytes) -> Iterator[Phones]:
        for number in range(1, 10):
            head = b"\n" + word + (b" " if number == 1 else b"(%d) " % number)
            at = self._text.find(head)
            if at < 0:
                return
            end = self._text.find(b"\n", at + 1)
            yield tuple(self._text[at + len(head) : end if end >= 0 else None].decode().split())


class Pronunciation:
    """Pronunciations of any word: from the dictionary, or else by eSpeak NG's rules for the language."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary

    def of(self, word: str, language: str) -> tuple[Phones, ...]:
        """The ways to say `word`; empty when it is in no dictionary and no rules are installed."""
        return (self._dictionary.find(word) if language == "en" else ()) or self._ruled(word, language)

    def _ruled(self, word: str, language: str) -> tuple[Phones, ...]:
        try:
            engine = espeaklib.load()
            engine.use("en-us" if language == "en" else language)
        except ProviderError:
            return ()
        sounds = arpabet(engine.phonemes(word))
        return (sounds,) if sounds else ()
