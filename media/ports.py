"""The shapes of audio inside the product, and the Protocols of transports and speech engines.

Inside, audio is signed 16-bit little-endian mono PCM at 16 kHz in frames of 20 ms (320 samples, 640 bytes),
whatever the wire carries. A transport converts at its edge.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

RATE = 16_000
FRAME_MS = 20
FRAME_SAMPLES = RATE * FRAME_MS // 1000
FRAME_BYTES = FRAME_SAMPLES * 2
SILENCE = bytes(FRAME_BYTES)

FrameSink = Callable[[bytes, bool], None]
"""Takes one frame of the caller and whether it is real (False: concealed loss or filled silence)."""


@dataclass(slots=True)
class TransportStats:
    """Counters of one transport, since it was opened."""

    received: int = 0  # good frames from Asterisk
    sent: int = 0  # frames to Asterisk
    lost: int = 0  # frames that never came and were concealed
    late: int = 0  # frames that came after their time
    bad: int = 0  # datagrams or messages that were dropped: truncated, foreign, garbage
    dropped: int = 0  # frames to Asterisk that the network or Asterisk did not take


class Transport(Protocol):
    """One call's audio path to Asterisk. Frames of the caller go to the sink it was opened with."""

    name: str
    stats: TransportStats

    def send(self, frame: bytes, *, marker: bool = False) -> None:
        """Send one 20 ms frame now. Never blocks, never raises; `marker` opens a talk spurt."""

    def tick(self, now: float) -> None:
        """Let time pass (`now` in seconds, monotonic): release frames that waited for a lost one."""

    async def close(self) -> None:
        """Release the socket. Safe to call twice."""


class VoiceStream(Protocol):
    """One call's frames on their way through a voice detector."""

    def push(self, frame: bytes, real: bool) -> None:
        """Queue one frame for the detector's next run."""

    def close(self) -> None:
        """Forget the call. Safe to call twice."""


class VoiceDetector(Protocol):
    """Tells the caller's voice from silence and noise, for all calls at once."""

    def open(self, on_frame: Callable[[bytes, bool, float], None]) -> VoiceStream:
        """Begin a call. `on_frame` gets each frame, whether it is real, and its chance of speech, 0…1."""

    def run(self) -> None:
        """Judge what was pushed; the ticker calls it every few milliseconds."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised speech: PCM at 16 kHz of any length, and the words that begin inside it.

    `words` holds `(offset of the first sample within this piece, the word as written)`.
    """

    pcm: bytes
    words: tuple[tuple[int, str], ...] = ()


class Synthesizer(Protocol):
    """Text to speech."""

    name: str

    def synthesize(self, text: str, language: str) -> AsyncIterator[Speech]:
        """Yield the speech of one sentence piece by piece, first piece as early as can be.

        Closing the iterator cancels the work. Raises `ProviderError`.
        """

    async def close(self) -> None:
        """Release what the engine holds."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What a caller is expected to say now, from the flow's own words.

    `phrases` are whole things to say (`winter`, `two oh five fifty five sixteen`, `yes`); `digits` adds
    free strings of spoken digits. An engine may use them as a grammar or as hints; empty means anything.
    """

    phrases: tuple[str, ...] = ()
    digits: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one utterance; an empty text when nothing was understood. `confidence` is 0…1."""

    text: str
    confidence: float = 1.0
    language: str | None = None


class Ear(Protocol):
    """One call's stream to a recogniser. `feed` gets every frame of the call, in silence too."""

    def feed(self, frame: bytes) -> None:
        """Take one 20 ms frame. Never blocks."""

    def expect(self, phrases: Phrases, language: str) -> None:
        """Tune to what is expected from now on."""

    def speech_started(self, preroll_ms: int) -> None:
        """The endpointer heard speech begin; it began `preroll_ms` before the newest frame."""

    async def speech_ended(self) -> Transcript:
        """The endpointer says the utterance is over: give its words. Raises `ProviderError`."""

    def interim(self) -> str:
        """The words so far of the running utterance, or empty where the engine has none."""

    async def close(self) -> None:
        """End the stream."""


class Recognizer(Protocol):
    """Speech to text: opens an ear per call."""

    name: str

    async def start(self) -> None:
        """Begin to get ready, so that the first call need not wait; returns at once."""

    def open(self, language: str) -> Ear:
        """Open a stream for one call."""

    async def close(self) -> None:
        """Release what the engine holds (worker processes, channels)."""
