"""One pass of PocketSphinx over one utterance, and how well two passes explain it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pocketsphinx

from media.stt.grammar import Arc

SOUNDS = "sounds"
"""The search that follows the sounds of English in any order: what speech scores that is no phrase."""

_FILLERS = frozenset({"<sil>", "<s>", "</s>", "(NULL)", "SIL", "[NOISE]", "[SPEECH]", "+NSN+", "+SPN+"})


@dataclass(frozen=True, slots=True)
class Segment:
    """A word or sound of a pass: its frames (10 ms each, `end` included), its acoustic score in the
    decoder's logarithms, and how sure a dictation is of it (0…1)."""

    word: str
    begin: int
    end: int
    score: float
    posterior: float

    @property
    def speech(self) -> bool:
        """Whether it is a word or sound and not silence, noise or nothing."""
        return self.word not in _FILLERS and self.end >= self.begin


class Sphinx:
    """A decoder of the English model that sits in the wheel."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @classmethod
    def for_grammars(cls) -> Sphinx:
        """Without a word: `learn` and `add` them (10 ms, 7 MB).

        The beams are wide, since a grammar is small and must be followed to its end; all senones are
        computed in every frame, or the scores of two passes could not be compared.
        """
        decoder = pocketsphinx.Decoder(
            hmm=str(model() / "en-us"), dict=None, lm=None, loglevel="FATAL", lw=1.0, bestpath=False,
            compallsen=True, beam=1e-80, pbeam=1e-80, wbeam=1e-60,
        )  # fmt: skip
        decoder.add_allphone_file(SOUNDS, str(model() / "en-us-phone.lm.bin"))
        return cls(decoder)

    @classmethod
    def for_dictation(cls) -> Sphinx:
        """With the model's dictionary and language (0.3 s, 100 MB)."""
        return cls(
            pocketsphinx.Decoder(
                hmm=str(model() / "en-us"), dict=str(model() / "cmudict-en-us.dict"),
                lm=str(model() / "en-us.lm.bin"), loglevel="FATAL",
            )
        )  # fmt: skip

    def learn(self, word: str, ways: Sequence[Sequence[str]]) -> None:
        """Put a word and the ways to say it into the dictionary, once."""
        for number, phones in enumerate(ways, start=1):
            self._decoder.add_word(word if number == 1 else f"{word}({number})", " ".join(phones), False)

    def add(self, name: str, arcs: Sequence[Arc]) -> None:
        """Compile a grammar from state 0 to state 1; its words must have been learnt."""
        plain = [arc if arc[3] is not None else arc[:3] for arc in arcs]
        self._decoder.add_fsg(name, self._decoder.create_fsg(name, 0, 1, plain))

    def hear(self, pcm: bytes, search: str | None = None) -> list[Segment]:
        """Decode a whole utterance (16 kHz, at least 100 ms) by a search; its cepstral mean is taken from
        all of it, which is what makes telephone speech intelligible to the model."""
        if search is not None:
            self._decoder.activate_search(search)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, False, True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return []
        log = self._decoder.get_logmath().log
        return [
            Segment(s.word, s.start_frame, s.end_frame, log(s.ascore), min(s.prob, 1.0))
            for s in self._decoder.seg()
        ]


def model() -> Path:
    """The folder of the model."""
    return Path(pocketsphinx.get_model_path()) / "en-us"


def evidence(phrase: Sequence[Segment], sounds: Sequence[Segment]) -> float:
    """How much better the phrase explains the speech than its sounds in any order do: 0 is as well, and
    minus some hundreds is not at all.

    The difference of the acoustic scores is summed over the frames in which either pass hears speech and
    divided by the root of their number, so that long and short utterances have one threshold.
    """
    frames = 1 + max((segment.end for segment in (*phrase, *sounds)), default=0)
    phrase_scores, phrase_speech = _by_frame(phrase, frames)
    sound_scores, sound_speech = _by_frame(sounds, frames)
    speech = phrase_speech | sound_speech
    count = int(speech.sum())
    return float((phrase_scores - sound_scores)[speech].sum()) / math.sqrt(count) if count else -math.inf


def _by_frame(
    segments: Sequence[Segment], frames: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    scores, speech = np.zeros(frames), np.zeros(frames, np.bool_)
    for segment in segments:
        if segment.word != "(NULL)" and segment.end >= segment.begin:
            span = slice(segment.begin, segment.end + 1)
            scores[span] = segment.score / (segment.end - segment.begin + 1)
            speech[span] = segment.speech
    return scores, speech
