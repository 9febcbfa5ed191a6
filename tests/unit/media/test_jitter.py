"""The jitter buffer: order, patience, concealment, and time that never stops."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.jitter import JitterBuffer, SilenceFill
from media.ports import FRAME_BYTES, SILENCE, TransportStats

SSRC = 0xCAFE


def frame(number: int) -> bytes:
    """A frame that tells its number, loud enough to be heard dying away."""
    return (1000 + number).to_bytes(2, "little") * (FRAME_BYTES // 2)


class Line:
    """A jitter buffer with its sink; time is a number of milliseconds."""

    def __init__(self) -> None:
        self.stats = TransportStats()
        self.heard: list[tuple[bytes, bool]] = []
        self.buffer = JitterBuffer(lambda frame, real: self.heard.append((frame, real)), self.stats)

    def put(self, *numbers: int, at: float = 0, ssrc: int = SSRC, first: int = 0) -> None:
        """Packets with these numbers, all at once; `first` is the sequence of number 0."""
        for number in numbers:
            self.buffer.put(ssrc, (first + number) & 0xFFFF, frame(number), at / 1000)

    def tick(self, at: float) -> None:
        self.buffer.tick(at / 1000)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the real frames so far."""
        return [int.from_bytes(pcm[:2], "little") - 1000 for pcm, real in self.heard if real]

    @property
    def filled(self) -> int:
        """Frames that are not real."""
        return sum(not real for _, real in self.heard)


@pytest.fixture
def line() -> Line:
    return Line()


def test_packets_in_their_turn_pass_at_once(line: Line) -> None:
    for number in range(10):
        line.put(number, at=20 * number)
        assert line.numbers[-1] == number
        line.tick(20 * number)
    assert line.filled == 0
    assert line.stats == TransportStats(received=10)


def test_the_sequence_wraps(line: Line) -> None:
    line.put(*range(6), first=0xFFFD)
    assert line.numbers == [0, 1, 2, 3, 4, 5]


def test_swapped_packets_are_put_in_order(line: Line) -> None:
    line.put(0, 2)
    assert line.numbers == [0]
    line.put(1)
    assert line.numbers == [0, 1, 2]
    assert line.stats.lost == line.stats.late == 0


def test_swapped_packets_are_put_in_order_at_the_wrap(line: Line) -> None:
    line.put(0, 3, 2, 1, 4, first=0xFFFE)
    assert line.numbers == [0, 1, 2, 3, 4]


def test_a_missing_packet_is_concealed_after_60_ms(line: Line) -> None:
    line.put(0, at=0)
    line.put(2, at=40)
    line.put(3, at=60)
    line.tick(99)
    assert line.numbers == [0]
    line.tick(100)
    assert line.numbers == [0, 2, 3]
    assert line.heard[1][1] is False
    assert line.stats.lost == 1


def test_what_conceals_is_the_last_frame_dying_away_then_silence(line: Line) -> None:
    line.put(0, 4)
    line.tick(60)
    loudness = [max(pcm[1::2]) for pcm, real in line.heard if not real]
    assert [real for _, real in line.heard] == [True, False, False, False, True]
    assert max(frame(0)[1::2]) >= loudness[0] > loudness[1] > loudness[2] == 0


def test_each_hole_has_its_own_patience(line: Line) -> None:
    line.put(0, 2, 4, at=0)
    line.tick(60)
    assert line.numbers == [0, 2]
    line.put(3, at=80)
    assert line.numbers == [0, 2, 3, 4]


def test_a_packet_that_comes_after_its_place_was_concealed_is_late(line: Line) -> None:
    line.put(0, 2)
    line.tick(60)
    line.put(1, at=70)
    assert line.numbers == [0, 2]
    assert line.stats.late == 1


def test_a_repeated_packet_is_late_also_while_it_waits(line: Line) -> None:
    line.put(0, 0, 2, 2)
    assert line.numbers == [0]
    assert line.stats.late == 2


def test_silence_fills_the_places_from_60_ms_on(line: Line) -> None:
    line.put(0, at=0)
    line.tick(20)
    line.tick(40)
    assert line.filled == 0
    for at in range(60, 1001, 20):
        line.tick(at)
        assert line.filled == at // 20
    assert line.heard[-1] == (SILENCE, False)
    assert line.stats.lost == 0


def test_time_goes_on_when_no_packet_ever_comes(line: Line) -> None:
    for at in range(0, 1001, 20):
        line.tick(at)
    assert line.filled == 50


def test_uneven_ticks_fill_the_same_time(line: Line) -> None:
    at, clock = 0.0, random.Random(1)
    while at < 2000:
        line.tick(at)
        at += clock.uniform(1, 39)
    line.tick(2000)
    assert line.filled == 100


def test_after_a_silence_the_stream_goes_on_at_once(line: Line) -> None:
    line.put(0, at=0)
    for at in range(20, 501, 20):
        line.tick(at)
    filled = line.filled
    line.put(1, at=510)
    line.tick(520)
    assert line.numbers == [0, 1]
    assert line.filled == filled


def test_packets_lost_in_an_outage_are_not_concealed_a_second_time(line: Line) -> None:
    line.put(0, at=0)
    for at in range(20, 501, 20):
        line.tick(at)
    filled = line.filled
    line.put(25, at=510)
    assert line.numbers == [0, 25]
    assert line.filled == filled
    assert line.stats.lost == 24


def test_a_stall_of_ours_does_not_flood_what_is_downstream(line: Line) -> None:
    line.put(0, at=0)
    line.tick(3000)
    assert line.filled == 4
    line.put(*range(1, 151), at=3001)
    assert line.numbers == list(range(151))


def test_long_packets_are_no_silence(line: Line) -> None:
    for number in range(10):
        line.buffer.put(SSRC, number, frame(number) * 3, number * 0.060)
        for at in (0, 20, 40):
            line.tick(number * 60 + at)
    assert line.filled == 0
    assert line.stats.received == 30


def test_short_packets_become_whole_frames(line: Line) -> None:
    for number in range(4):
        line.buffer.put(SSRC, number, frame(number // 2)[:320], number * 0.010)
    assert line.numbers == [0, 1]


def test_an_unfinished_frame_is_filled_up_when_the_stream_falls_silent(line: Line) -> None:
    line.buffer.put(SSRC, 0, frame(5)[:100], 0)
    line.tick(100)
    assert line.heard[0] == (frame(5)[:100].ljust(FRAME_BYTES, b"\0"), True)
    assert line.filled > 0


def test_an_empty_packet_keeps_its_place_and_is_no_sound(line: Line) -> None:
    line.buffer.put(SSRC, 0, b"", 0)
    line.put(1)
    assert line.numbers == [1]


def test_a_foreign_stream_is_dropped(line: Line) -> None:
    line.put(0, at=0)
    line.put(7, 9, ssrc=1)
    line.put(1, at=20)
    assert line.numbers == [0, 1]
    assert line.stats.bad == 2


def test_a_stream_that_shows_three_packets_in_a_row_takes_over(line: Line) -> None:
    line.put(0, 1)
    line.put(70, 71, 72, 73, ssrc=2)
    assert line.numbers == [0, 1, 72, 73]
    assert line.stats.bad == 2


def test_a_new_stream_after_silence_takes_over_at_once(line: Line) -> None:
    line.put(0, at=0)
    line.put(40, at=501, ssrc=2)
    assert line.numbers == [0, 40]
    assert line.stats.bad == 0


@pytest.mark.parametrize("jump", [5000, 0x8000, 0x10000 - 200])
def test_a_jump_is_followed_when_a_second_packet_confirms_it(line: Line, jump: int) -> None:
    line.put(0, 1)
    line.put(2, 3, 4, first=jump)
    assert line.numbers == [0, 1, 3, 4]
    assert line.stats.bad == 1


def test_one_stray_number_changes_nothing(line: Line) -> None:
    line.put(0, 5000, 1, 9000, 2)
    assert line.numbers == [0, 1, 2]


def test_a_small_jump_ahead_is_not_made_up_in_full(line: Line) -> None:
    line.put(0, 40, 41)
    line.tick(60)
    assert line.numbers == [0, 40, 41]
    assert line.filled == 5
    assert line.stats.lost == 39


@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF))
def test_reordering_within_the_patience_loses_nothing(shuffle: random.Random, first: int) -> None:
    line = Line()
    order = [0, *sorted(range(1, 60), key=lambda number: number + shuffle.uniform(0, 2.5))]
    for at, number in enumerate(order):
        line.put(number, at=20 * at, first=first)
        line.tick(20 * at + 1)
    assert line.numbers == list(range(60))
    assert line.stats.received == 60


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 0xFFFF), st.integers(0, 2000), st.floats(0, 0.2)),
        max_size=60,
    )
)
def test_no_stream_of_packets_does_harm(packets: list[tuple[int, int, int, float]]) -> None:
    line, now = Line(), 0.0
    for ssrc, sequence, size, pause in packets:
        line.buffer.put(ssrc, sequence, bytes(size), now)
        now += pause
        line.buffer.tick(now)
    line.buffer.tick(now + 0.06)
    line.buffer.tick(now + 0.12)
    assert all(len(pcm) == FRAME_BYTES for pcm, _ in line.heard)
    assert len(line.heard) <= 4 * len(packets) + 5 * (len(packets) + 1) + 10


def test_a_fill_counts_what_is_missing_since_the_last_frame() -> None:
    fill = SilenceFill()
    fill.heard(1.0, FRAME_BYTES)
    assert [fill.missing(1.0 + ms / 1000) for ms in (20, 40, 60, 70, 80, 120)] == [0, 0, 3, 0, 1, 2]
    assert fill.filled == 6
    fill.heard(1.13, FRAME_BYTES)
    assert fill.filled == 0
