"""How well and how cheaply the ears work: `python -m bench.vad` prints the tables of docs/decisions/vad.md.

Speech is made by flite (Debian's package; voices slt and rms), sent through 8 kHz mu-law and back to 16 kHz.
Truth is the level of the speech before anything was done to it.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from media import silero
from media.endpoint import Endpointer, Started, Stopped
from media.ports import FRAME_SAMPLES, RATE
from media.silero import Silero
from media.vad import VadPool, VadStream

Floats = NDArray[np.float64]
VOICES = ("slt", "rms")
PHRASES = (
    "Hello, I need four winter tyres.",
    "Two oh five fifty five sixteen.",
    "Yes.",
    "No, thank you.",
    "I want to speak to an operator please.",
    "What is the status of my order number seven three one nine?",
    "Can I come tomorrow morning at half past nine?",
    "Stop.",
    "Could you repeat that?",
    "My name is Peter, and I called yesterday about the wheels.",
)
PAUSE_S = 1.5
LINE_DB = -62.0  # a quiet line is not digital silence


@dataclass(frozen=True)
class Track:
    """Audio of one direction and, for each 20 ms frame, whether someone speaks in it."""

    samples: Floats
    truth: NDArray[np.bool_]


def speak(text: str, voice: str) -> Floats:
    """Samples at 16 kHz in -1…1."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
            return np.asarray(soxr.resample(samples, file.getframerate(), RATE))


def truth(speech: Floats) -> NDArray[np.bool_]:
    """Frames within 30 dB of the loud ones; closures of up to 160 ms inside an utterance belong to it."""
    power = np.mean(speech.reshape(-1, FRAME_SAMPLES) ** 2, axis=1) + 1e-12
    loud = power > np.percentile(power[power > 1e-9], 95) * 1e-3
    for start, length in runs(~loud):
        if length <= 8 and start > 0 and start + length < len(loud):
            loud[start : start + length] = True
    return np.asarray(loud, dtype=np.bool_)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, length) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int)))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def conversation() -> Track:
    """All phrases of all voices at -24 dBFS, with a pause before, between and after."""
    pause = np.zeros(int(PAUSE_S * RATE))
    parts = [pause]
    for voice in VOICES:
        for phrase in PHRASES:
            speech = speak(phrase, voice)
            parts += [speech * 10 ** (-24 / 20) / rms(speech[np.abs(speech) > 0.01]), pause]
    speech = np.concatenate(parts)
    speech = speech[: len(speech) // FRAME_SAMPLES * FRAME_SAMPLES]
    return Track(speech, truth(speech))


def rms(samples: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples**2)))


def noise(kind: str, count: int, seed: int = 1) -> Floats:
    """White, pink or hum noise of RMS 1."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=count))
    if kind == "pink":
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), count * 50 / RATE))
    samples = np.fft.irfft(spectrum, count)
    if kind == "hum":
        at = np.arange(count) / RATE
        samples = (
            0.1 * samples / rms(samples) + sum(np.sin(2 * np.pi * f * at) / f for f in (50, 150, 250)) * 50
        )
    return samples / rms(samples)


def babble(count: int, level: int = 6) -> Floats:
    """Six voices at once, of RMS 1."""
    text = " ".join(PHRASES)
    voices = [np.roll(np.resize(speak(text, VOICES[i % 2]), count), i * 40_961) for i in range(level)]
    mixed = np.sum(voices, axis=0)
    return np.asarray(mixed / rms(mixed))


def telephone(samples: Floats) -> list[bytes]:
    """Through 8 kHz mu-law and back, as frames of the product."""
    narrow = np.clip(soxr.resample(samples, RATE, 8000), -1, 1)
    steps = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    decoded = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    wide = np.clip(soxr.resample(decoded, 8000, RATE) * 32767, -32768, 32767).astype("<i2")
    pcm = wide.tobytes()
    return [pcm[at : at + 640] for at in range(0, len(pcm) - 639, 640)]


def listen(frames: list[bytes], network: Silero | None) -> tuple[Floats, int]:
    """The probability of each frame, one frame a run as on a live line, and the chunks that were judged."""
    heard: list[float] = []
    pool = VadPool(network)
    stream = pool.open(lambda frame, real, probability: heard.append(probability))
    for frame in frames:
        stream.push(frame, real=True)
        pool.run()
    stream.close()
    return np.array(heard), pool.chunks


def f1(said: NDArray[np.bool_], heard: NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall over frames."""
    return float(2 * np.sum(said & heard) / (np.sum(said) + np.sum(heard)))


def utterances(probabilities: Floats, talking: bool = False) -> list[tuple[float, float]]:
    """(Started, Stopped) in seconds, as the line would learn of them."""
    endpointer = Endpointer()
    endpointer.talking = talking
    found: list[tuple[float, float]] = []
    started = 0.0
    for index, probability in enumerate(probabilities):
        match endpointer.process(0.02, float(probability)):
            case Started():
                started = (index + 1) * 0.02
            case Stopped():
                found.append((started, (index + 1) * 0.02))
    return found


def delays(track: Track, found: list[tuple[float, float]]) -> tuple[list[float], list[float], int, int]:
    """Onset and offset delays in ms, how many utterances were missed, how many starts were false."""
    onsets, offsets = [], []
    false = len(found)
    spoken = spans(track.truth)
    for begin, end in spoken:
        mine = [(a, b) for a, b in found if begin < a < end + 0.3]
        if mine:
            onsets.append((mine[0][0] - begin) * 1000)
            offsets.append((mine[-1][1] - end) * 1000)
            false -= len(mine)
    return onsets, offsets, len(spoken) - len(onsets), false


def spans(said: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Begin and end in seconds of each utterance: speech with pauses under half a second."""
    joined: list[tuple[float, float]] = []
    for start, length in runs(said):
        begin, end = start * 0.02, (start + length) * 0.02
        if joined and begin - joined[-1][1] < 0.5:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined


def backgrounds(count: int) -> Iterator[tuple[str, Floats, float | None]]:
    """Name, noise of RMS 1, and its distance below the speech in dB; None: the quiet line."""
    yield "quiet line", noise("white", count), None
    for kind in ("white", "pink", "hum"):
        yield f"{kind}, 5 dB", noise(kind, count), 5.0
    yield "pink, 10 dB", noise("pink", count), 10.0
    yield "babble, 10 dB", babble(count), 10.0


def quality(network: Silero | None) -> None:
    """Print how well speech is told from everything else."""
    track = conversation()
    print(f"{np.sum(track.truth) * 0.02:.0f} s of speech in {len(track.truth) * 0.02:.0f} s")
    print("background | F1 | awake | Started after: median/max (talking) | Stopped after | missed | false")
    for name, background, below in backgrounds(len(track.samples)):
        level = LINE_DB if below is None else -24.0 - below
        probabilities, chunks = listen(telephone(track.samples + background * 10 ** (level / 20)), network)
        said = track.truth[: len(probabilities)]
        onsets, offsets, missed, false = delays(track, utterances(probabilities))
        late, _, _, _ = delays(track, utterances(probabilities, talking=True))
        print(
            f"{name:14} | {f1(said, probabilities >= 0.5):.3f} | {chunks / (len(said) * 0.625):.0%}"
            f" | {np.median(onsets):.0f}/{max(onsets):.0f} ({np.median(late):.0f}/{max(late):.0f}) ms"
            f" | {np.median(offsets):.0f} ms | {missed} | {false}"
        )


def false_starts(network: Silero | None) -> None:
    """Print how often a minute without speech starts an utterance."""
    print("a minute of | false starts | network awake")
    count = 60 * RATE
    clicks = np.zeros(count)
    for at in range(RATE // 2, count, RATE):
        clicks[at : at + 480] = noise("white", 480, seed=at) * 0.3
    kinds = {k: noise(k, count) * 10 ** (-35 / 20) for k in ("white", "pink", "hum")}
    for name, samples in {
        **kinds,
        "30 ms clicks": clicks,
        "babble": babble(count) * 10 ** (-40 / 20),
    }.items():
        line = noise("white", count, seed=9) * 10 ** (LINE_DB / 20)
        probabilities, chunks = listen(telephone(samples + line), network)
        print(f"{name:12} | {len(utterances(probabilities))} | {chunks / (len(probabilities) * 0.625):.0%}")


def cost(network: Silero | None, calls: int, together: bool = False) -> None:
    """Print what `calls` streams cost when each speaks 40 % of the time.

    Frames come evenly spread over the sub-ticks of 5 ms, or (`together`) those of all calls in every fourth.
    """
    frames = talk(0.4)
    seconds = 8.0 if calls >= 100 else len(frames) * 0.02
    pool = VadPool(network)
    streams = [pool.open(lambda frame, real, probability: None) for _ in range(calls)]
    rng = np.random.default_rng(2)
    places = rng.integers(0, len(frames), calls).tolist()
    took, chunks = [], pool.chunks
    begin = time.process_time()
    pushed = 0.0
    for tick in range(int(seconds * 200)):
        pushed -= time.process_time()
        if not together:
            push(streams[tick % 4 :: 4], places[tick % 4 :: 4], frames, tick // 4)
        elif tick % 4 == 0:
            push(streams, places, frames, tick // 4)
        pushed += time.process_time()
        start = time.thread_time()
        pool.run()
        took.append((time.thread_time() - start) * 1000)
    spent = time.process_time() - begin - pushed
    awake = (pool.chunks - chunks) / (calls * seconds * 31.25)
    print(
        f"{calls:5}{'*' if together else ' '} | {spent / seconds / calls:.3%} | {spent / seconds:.1%}"
        f" | p50 {np.median(took):.2f} p99 {np.percentile(took, 99):.2f} max {max(took):.2f} ms"
        f" | {awake:.0%} | {pool.hurried}"
    )


def push(streams: list[VadStream], places: list[int], frames: list[bytes], turn: int) -> None:
    """Give each stream its next frame."""
    for stream, place in zip(streams, places, strict=True):
        stream.push(frames[(place + turn) % len(frames)], real=True)


def talk(share: float) -> list[bytes]:
    """A minute or so of telephone in which someone speaks this share of the time."""
    track = conversation()
    spoken = np.sum(track.truth) / len(track.truth)
    more = max(int((spoken / share - 1) * len(track.samples)), 0)
    samples = np.concatenate((track.samples, np.zeros(more)))
    return telephone(samples + noise("white", len(samples)) * 10 ** (LINE_DB / 20))


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["quality", "false", "cost"])
    parser.add_argument("--gate-only", action="store_true", help="as without the wheel silero-vad")
    options = parser.parse_args()
    network = None if options.gate_only else silero.load()
    if "quality" in options.what:
        quality(network)
    if "false" in options.what:
        false_starts(network)
    if "cost" in options.what:
        print(
            "calls (* all frames at once) | % of a core per call | core | CPU time of a run | awake | hurried"
        )
        for calls in (1, 20, 100, 400):
            cost(network, calls)
        cost(network, 400, together=True)


if __name__ == "__main__":
    main()
