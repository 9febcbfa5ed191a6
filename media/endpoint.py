"""Where an utterance of the caller begins and ends, from a detector's probabilities.

# Rule 1: time is an argument; nothing here reads a clock.
# Rule 2: Started and Stopped alternate, beginning with Started, and utterances never overlap.
# Rule 3: a start must be earned (the guard), an end must be waited for (the hangover).
"""

from __future__ import annotations

from dataclasses import dataclass

from callflow.errors import SettingsError

_US = 1_000_000


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How patient and how suspicious an ear is. Probabilities are 0…1, times whole milliseconds."""

    start_probability: float = 0.5  # speech may begin from here on
    stop_probability: float = 0.35  # below this a frame counts as quiet
    guard_ms: int = 100  # speech needed before Started while the line is quiet
    guard_talking_ms: int = 140  # the same while the agent talks
    gap_ms: int = 60  # quiet that a beginning survives: a stop consonant, not a pause
    lead_ms: int = 120  # a detector wakes late; the preroll reaches back this much further
    hangover_ms: int = 500  # quiet needed before Stopped
    maximum_ms: int = 20_000  # an utterance is cut here

    def __post_init__(self) -> None:
        if not 0 < self.stop_probability <= self.start_probability <= 1:
            raise SettingsError("endpointing: 0 < stop_probability <= start_probability <= 1 must hold")
        if min(self.guard_ms, self.guard_talking_ms, self.hangover_ms) <= 0:
            raise SettingsError("endpointing: the guards and the hangover must be above 0 ms")
        if min(self.gap_ms, self.lead_ms) < 0:
            raise SettingsError("endpointing: gap_ms and lead_ms must not be negative")
        if self.maximum_ms <= max(self.guard_ms, self.guard_talking_ms) + self.gap_ms:
            raise SettingsError("endpointing: maximum_ms must be longer than a guard and its gap")


@dataclass(frozen=True, slots=True)
class Started:
    """An utterance began `preroll_ms` before the end of the newest frame."""

    preroll_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The utterance is over; its last `trailing_ms` were quiet (0 when the maximum cut it in mid-speech)."""

    trailing_ms: int


class Endpointer:
    """One call's end-pointing. The line sets `talking` and `patience_ms`; both act from the next frame on."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self.settings = settings or EndpointSettings()
        self.talking = False
        """The agent is heard by the caller now: a start needs the longer guard."""
        self.patience_ms = 0
        """Added to the hangover, for instance while a number is dictated."""
        self.speaking = False
        """Started was reported and Stopped was not yet."""
        self._length_us = 0  # since the utterance, or the candidate for one, began
        self._voiced_us = 0  # of a candidate: the part that was not quiet
        self._quiet_us = 0  # since the newest frame that was not quiet
        self._silent_us: int | None = None  # since the last utterance was closed; None before the first

    def process(self, seconds: float, speech_probability: float) -> Started | Stopped | None:
        """Let a frame of `seconds` pass that is speech with this probability; say what that decides."""
        elapsed = round(seconds * _US)
        if self.speaking:
            return self._continue(elapsed, speech_probability)
        if self._silent_us is not None:
            self._silent_us += elapsed
        return self._consider(elapsed, speech_probability)

    def _consider(self, elapsed: int, probability: float) -> Started | None:
        quiet = not probability >= self.settings.stop_probability  # a NaN is quiet
        if not self._voiced_us and not probability >= self.settings.start_probability:
            return None
        self._length_us += elapsed
        self._voiced_us += 0 if quiet else elapsed
        self._quiet_us = self._quiet_us + elapsed if quiet else 0
        if self._quiet_us > self.settings.gap_ms * 1000:
            self._forget()
            return None
        guard_ms = self.settings.guard_talking_ms if self.talking else self.settings.guard_ms
        return None if quiet or self._voiced_us < guard_ms * 1000 else self._start()

    def _continue(self, elapsed: int, probability: float) -> Stopped | None:
        self._length_us += elapsed
        quiet = not probability >= self.settings.stop_probability
        self._quiet_us = self._quiet_us + elapsed if quiet else 0
        hangover_ms = self.settings.hangover_ms + self.patience_ms
        over = self._quiet_us >= hangover_ms * 1000 or self._length_us >= self.settings.maximum_ms * 1000
        return self._stop() if over else None

    def _start(self) -> Started:
        self.speaking = True
        preroll_us = self._length_us + self.settings.lead_ms * 1000
        if self._silent_us is not None:
            preroll_us = min(preroll_us, self._silent_us)
        self._length_us = preroll_us
        return Started(preroll_us // 1000)

    def _stop(self) -> Stopped:
        trailing_ms = self._quiet_us // 1000
        self.speaking = False
        self._silent_us = 0
        self._forget()
        return Stopped(trailing_ms)

    def _forget(self) -> None:
        self._length_us = self._voiced_us = self._quiet_us = 0
