"""The gate hears what rises out of the line's own noise and sounds like speech, and gets used to the rest."""

from __future__ import annotations

import numpy as np
import pytest

from media.gate import Gate, levels_db
from media.ports import FRAME_SAMPLES, SILENCE
from tests.unit.media.signals import frames, noise, voice


def heard(gate: Gate, sounds: list[bytes], real: bool = True) -> list[bool]:
    return [gate.hears(f, level, real) for f, level in zip(sounds, levels_db(sounds), strict=True)]


def test_levels_are_in_decibels_under_full_scale() -> None:
    square = np.full(FRAME_SAMPLES, -32768, dtype="<i2").tobytes()
    tenth = np.full(FRAME_SAMPLES, 3277, dtype="<i2").tobytes()
    assert levels_db([square, tenth, SILENCE]) == pytest.approx([0.0, -20.0, -90.3], abs=0.05)


def test_silence_is_not_heard() -> None:
    assert not any(heard(Gate(), [SILENCE] * 100))


def test_a_voice_is_heard_on_a_silent_line_from_its_first_syllable() -> None:
    gate = Gate()
    heard(gate, [SILENCE] * 50)
    answers = heard(gate, frames(voice(0.25)))
    assert sum(answers) >= 8


def test_steady_noise_is_not_heard_once_it_is_known() -> None:
    gate = Gate()
    sounds = frames(noise(6, 600))
    answers = heard(gate, sounds)
    assert not any(answers[100:])


def test_a_voice_is_heard_over_steady_noise() -> None:
    gate = Gate()
    heard(gate, frames(noise(3, 300)))
    answers = heard(gate, frames(np.clip(voice(1.2) + noise(1.2, 300, seed=2), -32768, 32767).astype("<i2")))
    assert sum(answers) >= 15


def test_a_line_that_falls_quiet_is_learned_within_a_fifth_of_a_second() -> None:
    gate = Gate()
    heard(gate, frames(noise(3, 3000)))
    quiet = frames(voice(0.25) // 4)[2:-2]
    assert not any(heard(gate, quiet))
    heard(gate, [SILENCE] * 10)
    assert sum(heard(gate, quiet)) >= 5


def test_filled_silence_teaches_nothing() -> None:
    taught, untaught = Gate(), Gate()
    sounds = frames(noise(3, 600))
    for gate in (taught, untaught):
        heard(gate, sounds)
    heard(taught, [SILENCE] * 5, real=True)
    heard(untaught, [SILENCE] * 5, real=False)
    quiet_voice = frames(voice(0.25) // 12)[2:-2]
    assert any(heard(taught, quiet_voice))
    assert not any(heard(untaught, quiet_voice))
