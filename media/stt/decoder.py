"""PCM of an utterance in, words or a refusal out. For a worker process: PocketSphinx holds the
interpreter's lock while it decodes, for about a tenth of the sound's duration."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from media.ports import RATE
from media.stt import grammar, sphinx
from media.stt.pronunciation import Dictionary, Pronunciation
from media.stt.trimming import trimmed
from media.stt.wire import Answer, Job

GRAMMARS = 64  # kept compiled; a decoder that has had more is made anew (10 ms)
SHORTEST_BYTES = RATE * 2 // 10  # 100 ms

REFUSED = -210.0
"""The evidence (`sphinx.evidence`) at which words are as likely meant as not.
How it was measured: docs/decisions/embedded-speech.md."""
SPREAD = 40.0
"""How fast the confidence rises around it."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    """A compiled grammar: its search, the whole phrases in it, and the words that digits are said with."""

    name: str
    phrases: frozenset[tuple[str, ...]]
    digits: frozenset[str]

    def holds(self, words: tuple[str, ...]) -> bool:
        """Whether these are a whole thing to say: a pass that finds no end of the grammar stops anywhere."""
        return bool(words) and (words in self.phrases or self.digits.issuperset(words))


_Key = tuple[tuple[str, ...], bool, str]


class Decoder:
    """Decodes whole utterances, one at a time, each by the grammar of what is expected."""

    def __init__(self) -> None:
        """Load the model (0.1 s, 40 MB)."""
        self._sounds = Pronunciation(Dictionary(sphinx.model() / "cmudict-en-us.dict"))
        self._dictation: sphinx.Sphinx | None = None
        self._skipped: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self._sphinx = sphinx.Sphinx.for_grammars()
        self._learnt: set[str] = set()
        self._grammars: dict[_Key, _Grammar | None] = {}

    def answer(self, job: Job) -> Answer:
        """The words of the job's utterance; a job without sound only makes ready for the next one."""
        self._skipped = set()
        if job.phrases or job.digits:
            heard = self._expected(job)
        else:
            heard = self._anything(job) if job.language == "en" else ((), 0.0)
        words, confidence = heard
        return Answer(" ".join(words), confidence, tuple(sorted(self._skipped)))

    def _expected(self, job: Job) -> tuple[tuple[str, ...], float]:
        chosen = self._grammar((job.phrases, job.digits, job.language))
        sound = trimmed(job.pcm)
        if chosen is None or len(sound) < SHORTEST_BYTES:
            return (), 0.0
        path = self._sphinx.hear(sound, chosen.name)
        words = tuple(_word(segment.word) for segment in path if segment.speech)
        words = grammar.meaning(words, chosen.phrases, job.language)
        if not chosen.holds(words):
            return (), 0.0
        excess = sphinx.evidence(path, self._sphinx.hear(sound, sphinx.SOUNDS)) - REFUSED
        confidence = 1 / (1 + math.exp(min(-excess / SPREAD, 100)))
        return words if excess >= 0 else (), confidence

    def _anything(self, job: Job) -> tuple[tuple[str, ...], float]:
        if self._dictation is None:
            self._dictation = sphinx.Sphinx.for_dictation()
        sound = trimmed(job.pcm)
        if len(sound) < SHORTEST_BYTES:
            return (), 0.0
        found = [segment for segment in self._dictation.hear(sound) if segment.speech]
        confidence = sum(segment.posterior for segment in found) / max(len(found), 1)
        return tuple(segment.word.partition("(")[0] for segment in found), confidence

    def _grammar(self, key: _Key) -> _Grammar | None:
        """The grammar for what may be said, None when nothing of it can be."""
        if key not in self._grammars:
            if len(self._grammars) >= GRAMMARS:
                self._begin()
            self._grammars[key] = self._compiled(f"grammar-{len(self._grammars)}", *key)
        return self._grammars[key]

    def _compiled(self, name: str, phrases: tuple[str, ...], digits: bool, language: str) -> _Grammar | None:
        split = sorted({words for phrase in phrases if (words := grammar.words(phrase))})
        known = self._learn(grammar.graph(split, digits=digits, language=language).words, language)
        sayable = [words for words in split if known.issuperset(words)]
        numbers = known.intersection(grammar.DIGITS.get(language, "").split()) if digits else set()
        if not sayable and not numbers:
            return None
        whole = grammar.graph(sayable, digits=digits, language=language)
        self._sphinx.add(name, [_entered(arc, language) for arc in whole.arcs if arc[3] in known | {None}])
        return _Grammar(name, frozenset(sayable), frozenset(numbers))

    def _learn(self, words: Iterable[str], language: str) -> set[str]:
        """Put words into the decoder's dictionary; those of them that it knows then."""
        for word in words:
            entry = _entry(word, language)
            if entry not in self._learnt and (ways := self._sounds.of(word, language)):
                self._sphinx.learn(entry, ways)
                self._learnt.add(entry)
        known = {word for word in words if _entry(word, language) in self._learnt}
        self._skipped.update(set(words) - known)
        return known


def _entry(word: str, language: str) -> str:
    """A word as the dictionary has it: languages share spellings and not sounds."""
    return f"{language}:{word}"


def _word(entry: str) -> str:
    return entry.partition(":")[2].partition("(")[0]


def _entered(arc: grammar.Arc, language: str) -> grammar.Arc:
    begin, end, weight, word = arc
    return begin, end, weight, None if word is None else _entry(word, language)
