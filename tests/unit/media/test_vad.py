"""Every frame comes back, in order, with a probability; runs are bounded; calls do not touch each other."""

from __future__ import annotations

import importlib.util
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from callflow.errors import BadPacket
from media import silero, vad
from media.endpoint import Endpointer, Started
from media.ports import SILENCE
from media.silero import CHUNK_SAMPLES, CONTEXT_SAMPLES, Silero
from media.vad import VadPool, VadStream
from tests.unit.media.networks import random_network
from tests.unit.media.signals import frames, noise, voice

Heard = list[tuple[bytes, bool, float]]

installed = pytest.mark.skipif(
    importlib.util.find_spec("silero_vad") is None, reason="needs the weights of requirements-nodeps.lock"
)


class Recorder:
    """In the network's place: keeps the chunks it was given and counts up in hundredths."""

    def __init__(self) -> None:
        self.windows: list[NDArray[np.float32]] = []
        self.batches: list[int] = []

    def encode(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self.windows.extend(windows)
        self.batches.append(len(windows))
        return np.zeros((len(windows), 512), dtype=np.float32)

    def step(
        self, drive: Any, memory: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        after = memory + np.float32(0.01)
        return after[0, :, 0], after


def pool_with(network: Recorder | Silero | None) -> VadPool:
    return VadPool(cast("Silero | None", network))


def open_stream(pool: VadPool) -> tuple[VadStream, Heard]:
    heard: Heard = []
    return pool.open(lambda frame, real, probability: heard.append((frame, real, probability))), heard


def play(pool: VadPool, stream: VadStream, sounds: list[bytes]) -> None:
    """One frame a run, as on a live line."""
    for sound in sounds:
        stream.push(sound, real=True)
        pool.run()


SPOKEN = frames(voice(0.5))[:12]  # the gate is open in all of it


@pytest.mark.parametrize("network", [None, Recorder()])
def test_every_frame_comes_back_in_order_with_its_mark(network: Recorder | None) -> None:
    pool = pool_with(network)
    streams = [open_stream(pool) for _ in range(5)]
    sounds = frames(voice(2))
    for index, sound in enumerate(sounds):
        for stream, _ in streams:
            stream.push(sound, real=index % 7 != 0)
    while pool.backlog:
        pool.run()
    expected = [(sound, index % 7 != 0) for index, sound in enumerate(sounds)]
    for _, heard in streams:
        assert [(sound, real) for sound, real, _ in heard] == expected


def test_a_frame_of_another_size_is_refused_at_the_door() -> None:
    stream, _ = open_stream(pool_with(None))
    with pytest.raises(BadPacket, match="640 bytes, not 320"):
        stream.push(bytes(320), real=True)


def test_silence_and_steady_noise_do_not_wake_the_network() -> None:
    network = Recorder()
    pool = pool_with(network)
    stream, heard = open_stream(pool)
    play(pool, stream, [SILENCE] * 50)
    assert pool.chunks == 0
    play(pool, stream, frames(noise(3, 400)))
    learned = pool.chunks
    play(pool, stream, frames(noise(3, 400, seed=2)))
    assert pool.chunks == learned
    assert {probability for *_, probability in heard[-150:]} == {0.0}


def test_the_network_hears_a_voice_whole_from_before_the_gate_opened() -> None:
    network = Recorder()
    pool = pool_with(network)
    stream, _ = open_stream(pool)
    sounds = [*frames(noise(0.2, 5)), *SPOKEN]
    play(pool, stream, sounds)
    audio = np.frombuffer(b"".join(sounds), dtype="<i2").astype(np.float32) / 32768
    heard = np.concatenate([window[CONTEXT_SAMPLES:] for window in network.windows])
    first = next(at for at in range(len(audio)) if np.array_equal(audio[at : at + 512], heard[:512]))
    assert first <= 10 * 320 - 2 * CHUNK_SAMPLES, "at least two chunks before the voice began"
    assert np.array_equal(heard, audio[first : first + len(heard)])
    assert len(audio) - first - len(heard) < CHUNK_SAMPLES
    contexts = np.stack([window[:CONTEXT_SAMPLES] for window in network.windows[1:]])
    ends = np.stack([window[-CONTEXT_SAMPLES:] for window in network.windows[:-1]])
    assert np.array_equal(contexts, ends)


def test_a_probability_holds_until_the_next_chunk_is_whole() -> None:
    pool = pool_with(Recorder())
    stream, heard = open_stream(pool)
    play(pool, stream, SPOKEN)
    chunks = [round(probability * 100) for *_, probability in heard]
    # Three chunks at the opening frame, then 320 samples a frame make 512-sample chunks.
    assert chunks == [3 + 320 * frame // CHUNK_SAMPLES for frame in range(12)]


def test_the_gate_closes_after_the_voice_and_the_memory_waits_for_the_next_word() -> None:
    pool = pool_with(Recorder())
    stream, heard = open_stream(pool)
    play(pool, stream, SPOKEN)
    play(pool, stream, [SILENCE] * 50)
    assert heard[-1][2] == 0.0
    before = pool.chunks
    play(pool, stream, SPOKEN[:1])
    assert round(heard[-1][2] * 100) == before + 3


def test_calls_in_one_run_get_what_they_would_get_alone() -> None:
    def alone(sounds: list[bytes]) -> list[float]:
        pool = pool_with(random_network())
        stream, heard = open_stream(pool)
        play(pool, stream, sounds)
        return [probability for *_, probability in heard]

    parts = [frames(voice(2.5))[shift : shift + 60] for shift in (0, 11, 23, 37)]
    pool = pool_with(random_network())
    streams = [open_stream(pool) for _ in parts]
    for turn in range(60):
        for (stream, _), part in zip(streams, parts, strict=True):
            stream.push(part[turn], real=True)
        if turn % 3 == 2:  # several frames of each call in one run
            pool.run()
    for (_, heard), part in zip(streams, parts, strict=True):
        assert [probability for *_, probability in heard] == pytest.approx(alone(part), abs=1e-4)


def test_a_run_is_bounded_and_the_next_one_goes_on() -> None:
    network = Recorder()
    pool = pool_with(network)
    streams = [open_stream(pool) for _ in range(200)]
    for stream, _ in streams:
        stream.push(SPOKEN[0], real=True)
    runs = 0
    while pool.backlog:
        pool.run()
        runs += 1
    assert max(network.batches) <= vad.CHUNKS_PER_RUN + 2
    assert sum(network.batches) == 600
    assert runs == len(network.batches)
    assert all(len(heard) == 1 for _, heard in streams)
    assert pool.hurried == 0


def test_a_pool_that_is_behind_catches_up_by_the_gate_alone() -> None:
    network = Recorder()
    pool = pool_with(network)
    streams = [open_stream(pool) for _ in range(100)]
    for turn in range(8):
        for stream, _ in streams:
            stream.push(SPOKEN[turn], real=True)
    pool.run()
    assert pool.hurried == vad.HURRIED_FRAMES_PER_RUN
    assert pool.chunks == 0
    assert {probability for _, heard in streams for *_, probability in heard} == {1.0}
    while pool.backlog:
        pool.run()
    assert pool.hurried < 800
    assert pool.chunks > 0
    assert all([sound for sound, *_ in heard] == SPOKEN[:8] for _, heard in streams)


def test_without_a_network_the_gate_decides() -> None:
    pool = pool_with(None)
    stream, heard = open_stream(pool)
    play(pool, stream, [SILENCE] * 10 + SPOKEN + [SILENCE] * 10)
    said = [probability for *_, probability in heard]
    assert set(said[:10]) == {0.0}
    assert said[10:22].count(1.0) >= 11
    assert said[-1] == 0.0
    assert pool.hurried == 0


def test_a_closed_stream_hears_nothing_more() -> None:
    pool = pool_with(None)
    stream, heard = open_stream(pool)
    stream.push(SILENCE, real=True)
    stream.close()
    stream.close()
    stream.push(SILENCE, real=True)
    pool.run()
    assert heard == []
    assert pool.backlog == 0
    assert pool.open_streams == 0


def test_a_stream_may_close_inside_its_own_frame() -> None:
    pool = pool_with(None)
    taken: list[bytes] = []

    def hang_up(frame: bytes, real: bool, probability: float) -> None:
        taken.append(frame)
        stream.close()

    stream = pool.open(hang_up)
    other, heard = open_stream(pool)
    for _ in range(3):
        stream.push(SILENCE, real=True)
        other.push(SILENCE, real=True)
    pool.run()
    assert len(taken) == 1
    assert len(heard) == 3


def test_a_new_call_in_an_old_place_begins_afresh() -> None:
    pool = pool_with(Recorder())
    first, _ = open_stream(pool)
    play(pool, first, SPOKEN)
    first.close()
    second, heard = open_stream(pool)
    assert second.row == first.row
    play(pool, second, SPOKEN[:1])
    assert round(heard[0][2] * 100) == 3


def test_what_a_listener_raises_comes_out_and_costs_nobody_a_frame() -> None:
    pool = pool_with(None)

    def stumble(frame: bytes, real: bool, probability: float) -> None:
        raise RuntimeError("listener")

    bad = pool.open(stumble)
    good, heard = open_stream(pool)
    bad.push(SILENCE, real=True)
    good.push(SILENCE, real=True)
    with pytest.raises(RuntimeError, match="listener"):
        pool.run()
    pool.run()
    assert len(heard) == 1


def test_many_calls_have_places_of_their_own() -> None:
    pool = pool_with(None)
    streams = [open_stream(pool)[0] for _ in range(100)]
    assert len({stream.row for stream in streams}) == 100
    for stream in streams[::2]:
        stream.close()
    again = [open_stream(pool)[0] for _ in range(70)]
    living = [stream.row for stream in [*streams[1::2], *again]]
    assert len(set(living)) == 120


@installed
def test_with_the_real_network_noise_never_starts_an_utterance_and_clicks_neither() -> None:
    pool = pool_with(silero.load())
    endpointer = Endpointer()
    started: list[Started] = []

    def judge(frame: bytes, real: bool, probability: float) -> None:
        if isinstance(event := endpointer.process(0.02, probability), Started):
            started.append(event)

    stream = pool.open(judge)
    line = noise(10, 30).astype(np.int32)
    line += noise(10, 500, seed=5)
    for at in range(8000, 160_000, 16_000):
        line[at : at + 480] += noise(0.03, 8000, seed=at)
    play(pool, stream, frames(np.clip(line, -32768, 32767).astype("<i2")))
    assert started == []
