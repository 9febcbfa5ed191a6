"""The other side of many calls, in a process of its own: what Asterisk would send, and a stopwatch for what
comes back.

    python -m bench.generator --calls 400 --seconds 20

prints the UDP ports on which the callers wait (a line of JSON), waits until something comes to each of them,
sends slin16 (payload type 118) at 50 packets a second a call, and prints what it measured. Each caller has a
socket, and all of them speak 4 s of every 10, each beginning at another moment. The kernel stamps what comes
in, so a reading does not depend on when this process gets to it. It audits itself: `send_late_*` is how much
later than due its own packets left.
"""

from __future__ import annotations

import argparse
import gc
import json
import select
import socket
import struct
import time
from array import array
from dataclasses import asdict
from typing import Any

import numpy as np

from asterisk.lab import voice
from asterisk.lab.ports import HOST
from bench.engines import MONOLOGUE
from bench.grid import Jitter, deviations
from media.pcm import swap_bytes
from media.ports import FRAME_BYTES, FRAME_MS
from media.resample import Doubler
from media.rtp import HEADER_BYTES, L16_8K, SLIN16

SPEECH_FRAMES, CYCLE_FRAMES = 200, 500
WARM_S = 4.0
GROUPS = FRAME_MS  # a millisecond each
PATIENCE_S = 30.0
NOISE = 16.0  # RMS of the line's noise: -66 dBFS
_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)  # asm-generic/socket.h
_TIMESPEC = struct.Struct("@qq")
_HEADER = struct.Struct("!BBHII")
_SILENT = bytes(FRAME_BYTES // 2)


def cycle() -> list[bytes]:
    """The payloads of ten seconds: four of speech, as it comes from a telephone, and six of a quiet line."""
    narrow = voice.line(MONOLOGUE).astype("<i2").tobytes()
    speech = Doubler().feed(narrow)[: SPEECH_FRAMES * FRAME_BYTES]
    spoken = np.frombuffer(speech.ljust(CYCLE_FRAMES * FRAME_BYTES, b"\0"), "<i2").astype(np.float64)
    noise = np.random.default_rng(1).normal(scale=NOISE, size=len(spoken))
    pcm = swap_bytes(np.clip(spoken + noise, -32768, 32767).astype("<i2").tobytes())
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]


def speech_frames() -> int:
    """How many frames of the cycle hold the phrase: at most `SPEECH_FRAMES`."""
    return min(SPEECH_FRAMES, -(-voice.line(MONOLOGUE).size * 2 * 2 // FRAME_BYTES))


class Caller:
    """One call: its socket, its place in the cycle, and what came."""

    def __init__(self, number: int, calls: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((HOST, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        self.joined = False
        self.times, self.sequences = array("d"), array("H")
        self.spoken = 0  # packets that were not silence
        self.speech_ended_at = 0.0  # when the last frame of the phrase was due; 0: answered already
        self.answers: list[float] = []  # seconds from there to the first packet of the reply
        self._number = number
        self._place = number * CYCLE_FRAMES // calls

    def send(self, frame: int, payloads: list[bytes], last: int, due: float) -> None:
        """Send the packet of one 20 ms."""
        place = (self._place + frame) % CYCLE_FRAMES
        header = _HEADER.pack(0x80, SLIN16, frame & 0xFFFF, frame * 320 & 0xFFFFFFFF, self._number + 1)
        self.socket.send(header + payloads[place])
        if place == last:
            self.speech_ended_at = due
        elif not place:
            self.speech_ended_at = 0.0

    def receive(self, keep: bool) -> None:
        """Take one packet."""
        packet, told, _, sender = self.socket.recvmsg(2048, 64)
        seconds, nanoseconds = _TIMESPEC.unpack(told[0][2])
        at = seconds + nanoseconds * 1e-9
        if not self.joined:
            self.socket.connect(sender)
            self.joined = True
        if packet[1] & 0x7F != L16_8K:
            raise RuntimeError(f"payload type {packet[1] & 0x7F} came: Asterisk would not play it")
        if keep:
            self.times.append(at)
            self.sequences.append(packet[2] << 8 | packet[3])
            self.spoken += packet[HEADER_BYTES:] != _SILENT
        if packet[1] & 0x80 and self.speech_ended_at:
            if keep:
                self.answers.append(at - self.speech_ended_at)
            self.speech_ended_at = 0.0


class Generator:
    """All callers of one measurement."""

    def __init__(self, calls: int) -> None:
        self.callers = [Caller(number, calls) for number in range(calls)]
        self._payloads = cycle()
        self._last = speech_frames() - 1
        self._poll = select.epoll()
        self._by_file = {caller.socket.fileno(): caller for caller in self.callers}
        self._late = array("d")
        for file in self._by_file:
            self._poll.register(file, select.EPOLLIN)

    @property
    def ports(self) -> list[int]:
        """Where the callers wait."""
        return [caller.socket.getsockname()[1] for caller in self.callers]

    def wait(self) -> None:
        """Wait until every caller was sent something. Raises `TimeoutError`."""
        until = time.monotonic() + PATIENCE_S
        while not all(caller.joined for caller in self.callers):
            if time.monotonic() > until:
                raise TimeoutError(f"not every call sent audio within {PATIENCE_S:.0f} s")
            self._receive(0.1, keep=False)

    def run(self, seconds: float) -> None:
        """Talk, and after a while to warm up keep what comes for so long."""
        groups = [self.callers[n::GROUPS] for n in range(GROUPS)]
        warm, start = round(WARM_S * 1000), time.time() + 0.1
        for step in range(warm + round(seconds * 1000)):
            if step == warm:
                tell("measuring")
            due = start + step * 0.001
            if (wait := due - time.time()) > 0:
                time.sleep(wait)
            for caller in groups[step % GROUPS]:
                self._late.append(time.time() - due)
                caller.send(step // GROUPS, self._payloads, self._last, due)
            self._receive(0, keep=step >= warm)
        tell("measured")

    def _receive(self, wait_s: float, *, keep: bool) -> None:
        for file, _ in self._poll.poll(wait_s, len(self.callers)):
            self._by_file[file].receive(keep)

    def result(self) -> dict[str, Any]:
        """What was measured: times in milliseconds, shares of 1."""
        found = [
            deviations(np.frombuffer(caller.times), np.frombuffer(caller.sequences, np.uint16))
            for caller in self.callers
        ]
        jitter = Jitter.of(found)
        late_ms = np.array(self._late) * 1000
        return {
            **asdict(jitter),
            "speaking": sum(caller.spoken for caller in self.callers) / max(1, jitter.packets),
            "answers_ms": [answer * 1000 for caller in self.callers for answer in caller.answers],
            "send_late_p50_ms": float(np.median(late_ms)),
            "send_late_p99_ms": float(np.quantile(late_ms, 0.99)),
            "send_late_max_ms": float(late_ms.max()),
        }

    def close(self) -> None:
        """Close the sockets."""
        self._poll.close()
        for caller in self.callers:
            caller.socket.close()


def tell(event: str, **facts: Any) -> None:
    """A line of JSON for who started us."""
    print(json.dumps({"event": event, **facts}), flush=True)


def main() -> None:
    """One measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    generator = Generator(options.calls)
    tell("listening", ports=generator.ports)
    generator.wait()
    gc.disable()  # a collection would stop the clock of all callers
    generator.run(options.seconds)
    tell("result", **generator.result())
    generator.close()


if __name__ == "__main__":
    main()
