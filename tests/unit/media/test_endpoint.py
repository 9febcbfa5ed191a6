"""Utterances begin after a guard and end after a hangover, by nothing but the time that is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflow.errors import SettingsError
from media.endpoint import Endpointer, EndpointSettings, Started, Stopped

SPEECH, QUIET = 1.0, 0.0
Heard = list[tuple[int, Started | Stopped]]


def hear(endpointer: Endpointer, probabilities: Sequence[float], frame_ms: int = 20) -> Heard:
    """What is decided, with the time in ms at the end of the frame that decided it."""
    events: Heard = []
    for index, probability in enumerate(probabilities):
        if event := endpointer.process(frame_ms / 1000, probability):
            events.append(((index + 1) * frame_ms, event))
    return events


def frames(*parts: tuple[float, int]) -> list[float]:
    """`(probability, ms)` parts as frames of 20 ms."""
    return [probability for probability, ms in parts for _ in range(ms // 20)]


def test_an_utterance_starts_after_the_guard_and_stops_after_the_hangover() -> None:
    heard = hear(Endpointer(), frames((QUIET, 400), (SPEECH, 1000), (QUIET, 1000)))
    assert heard == [(500, Started(preroll_ms=220)), (1900, Stopped(trailing_ms=500))]


def test_while_the_agent_talks_a_start_takes_longer() -> None:
    endpointer = Endpointer()
    endpointer.talking = True
    assert hear(endpointer, frames((SPEECH, 120))) == []
    assert hear(endpointer, frames((SPEECH, 20))) == [(20, Started(preroll_ms=260))]


def test_the_shorter_guard_holds_as_soon_as_the_agent_is_silent() -> None:
    endpointer = Endpointer()
    endpointer.talking = True
    assert hear(endpointer, frames((SPEECH, 120))) == []
    endpointer.talking = False
    assert hear(endpointer, frames((SPEECH, 20))) == [(20, Started(preroll_ms=260))]


@pytest.mark.parametrize("burst_ms", [20, 40, 60, 80])
def test_a_click_or_a_burst_never_starts_an_utterance(burst_ms: int) -> None:
    assert hear(Endpointer(), frames((SPEECH, burst_ms), (QUIET, 400)) * 20) == []


def test_a_beginning_survives_a_stop_consonant_and_the_preroll_includes_it() -> None:
    heard = hear(Endpointer(), frames((QUIET, 400), (SPEECH, 60), (QUIET, 60), (SPEECH, 60)))
    assert heard == [(560, Started(preroll_ms=280))]


def test_a_beginning_does_not_survive_a_pause() -> None:
    assert hear(Endpointer(), frames((SPEECH, 80), (QUIET, 80), (SPEECH, 80), (QUIET, 80))) == []


def test_a_short_pause_does_not_end_an_utterance() -> None:
    heard = hear(Endpointer(), frames((SPEECH, 300), (QUIET, 480), (SPEECH, 300), (QUIET, 500)))
    assert [event for _, event in heard] == [Started(220), Stopped(500)]


def test_doubt_does_not_start_an_utterance_and_does_not_end_one() -> None:
    doubt = 0.4
    endpointer = Endpointer()
    assert hear(endpointer, frames((doubt, 3000))) == []
    assert len(hear(endpointer, frames((SPEECH, 100)))) == 1
    assert hear(endpointer, frames((doubt, 3000))) == []


def test_patience_lengthens_the_hangover_at_once() -> None:
    endpointer = Endpointer()
    hear(endpointer, frames((SPEECH, 200), (QUIET, 400)))
    endpointer.patience_ms = 700
    assert hear(endpointer, frames((QUIET, 1000))) == [(800, Stopped(1200))]


def test_the_maximum_cuts_an_utterance_and_the_rest_is_a_new_one() -> None:
    endpointer = Endpointer(EndpointSettings(maximum_ms=2000))
    heard = hear(endpointer, frames((QUIET, 400), (SPEECH, 2600), (QUIET, 600)))
    assert heard == [
        (500, Started(220)),
        (2280, Stopped(0)),
        (2380, Started(100)),
        (3500, Stopped(500)),
    ]


def test_a_preroll_never_reaches_into_the_utterance_before() -> None:
    heard = hear(Endpointer(), frames((SPEECH, 200), (QUIET, 520), (SPEECH, 100)))
    assert heard[-1] == (820, Started(preroll_ms=120))


def test_a_detector_that_answers_nonsense_is_taken_as_quiet() -> None:
    endpointer = Endpointer()
    nan = float("nan")
    assert hear(endpointer, [nan] * 100) == []
    assert hear(endpointer, [SPEECH] * 10 + [nan] * 25)[-1] == (700, Stopped(500))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_probability", 0.3),
        ("stop_probability", 0.0),
        ("guard_ms", 0),
        ("hangover_ms", -1),
        ("gap_ms", -20),
        ("lead_ms", -1),
        ("maximum_ms", 200),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match="endpointing"):
        dataclasses.replace(EndpointSettings(), **{name: value})


some_probabilities = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), st.integers(1, 60)), max_size=30
).map(lambda parts: [probability for probability, count in parts for _ in range(count)])


@given(some_probabilities, st.sampled_from([10, 20, 30]), st.booleans())
def test_starts_and_stops_alternate_and_keep_their_distances(
    probabilities: list[float], frame_ms: int, talking: bool
) -> None:
    endpointer = Endpointer(EndpointSettings(maximum_ms=3000))
    endpointer.talking = talking
    settings = endpointer.settings
    guard_ms = settings.guard_talking_ms if talking else settings.guard_ms
    stopped_at = 0
    begun_at = 0
    for index, (at, event) in enumerate(hear(endpointer, probabilities, frame_ms)):
        if isinstance(event, Started):
            assert index % 2 == 0
            begun_at = at - event.preroll_ms
            assert guard_ms <= at - stopped_at
            assert event.preroll_ms >= guard_ms
            assert index == 0 or begun_at >= stopped_at
        else:
            assert index % 2 == 1
            assert event.trailing_ms <= settings.hangover_ms + frame_ms
            assert event.trailing_ms >= settings.hangover_ms or at - begun_at >= settings.maximum_ms
            assert at - begun_at < settings.maximum_ms + frame_ms
            stopped_at = at


@given(some_probabilities)
def test_quiet_always_ends_an_utterance(probabilities: list[float]) -> None:
    endpointer = Endpointer()
    hear(endpointer, probabilities)
    hear(endpointer, frames((QUIET, 500)))
    assert not endpointer.speaking


@given(some_probabilities)
def test_only_the_time_that_is_told_counts(probabilities: list[float]) -> None:
    halves = [probability for probability in probabilities for _ in range(2)]
    assert hear(Endpointer(), probabilities, 20) == hear(Endpointer(), halves, 10)
