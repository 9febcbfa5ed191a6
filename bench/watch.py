"""A look inside a turn: from the packet that decided that the caller has stopped to the first of the reply.

    watch = Watches(report)
    recognizer = watch.recognizer("yes")
    services.vad, services.rtp_ports = watch.detector(services.vad), watch.ports(host, low, high)

The packet is the one whose frame made the endpointer's hangover complete, so the time counted is our own: the
wait for the VAD's run, end-pointing, the machine, the record, agent, voice, pacing and the sending. It is
read at the two ends, on the sockets' side of everything; the parts in between are the product's.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from media.fakes import InstantEar, InstantRecognizer
from media.ports import VoiceDetector, VoiceStream
from media.transports.rtp import RtpPorts

MARKER = 0x80


class Watch:
    """One call's stopwatch. `came_at` is when the newest judged frame came, in monotonic seconds."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self.came_at = 0.0
        self._report = report
        self._decided_at = 0.0

    def decided(self) -> None:
        """The caller has stopped."""
        self._decided_at = self.came_at

    def spoke(self, now: float) -> None:
        """A packet that opens speech was sent."""
        if self._decided_at:
            self._report((now - self._decided_at) * 1000)
            self._decided_at = 0.0


class Watches:
    """The stopwatches of all calls; `report` gets milliseconds.

    What a call opens belongs to the watch of the task it opens it in: a call has one task.
    """

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._by_task: WeakKeyDictionary[asyncio.Task[Any], Watch] = WeakKeyDictionary()
        self.came: dict[int, float] = {}
        """When each frame came that is not judged yet, by the identity of its bytes."""

    def mine(self) -> Watch:
        """The watch of the running task."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call opens its parts inside its task")
        return self._by_task.setdefault(task, Watch(self._report))

    def recognizer(self, words: str) -> WatchedRecognizer:
        """A recogniser without delay that always understands `words`."""
        return WatchedRecognizer(self, words)

    def detector(self, detector: VoiceDetector) -> WatchedDetector:
        """The same detector, watched."""
        return WatchedDetector(self, detector)

    def ports(self, host: str, low: int, high: int) -> WatchedPorts:
        """Ports whose sockets are watched."""
        return WatchedPorts(self, host, low, high)


class WatchedRecognizer(InstantRecognizer):
    """Opens ears that know when what they hear came."""

    def __init__(self, watches: Watches, words: str) -> None:
        super().__init__(lambda: words)
        self._watches = watches
        self._words = words

    def open(self, language: str) -> InstantEar:
        """An ear for one call."""
        return WatchedEar(self._watches.mine(), self._watches.came, self._words)


class WatchedEar(InstantEar):
    """Is fed each frame at the moment it is judged, and asked for the words when one of them was the last."""

    def __init__(self, watch: Watch, came: dict[int, float], words: str) -> None:
        super().__init__(lambda: words)
        self._watch = watch
        self._came = came

    def feed(self, frame: bytes) -> None:
        """Note when it came."""
        self._watch.came_at = self._came.pop(id(frame), self._watch.came_at)

    async def speech_ended(self) -> Any:
        """The words; the last frame fed was the one that decided."""
        self._watch.decided()
        return await super().speech_ended()


class WatchedDetector:
    """Notes when frames come, and hands them on."""

    def __init__(self, watches: Watches, detector: VoiceDetector) -> None:
        self._watches = watches
        self._detector = detector

    def open(self, on_frame: Callable[[bytes, bool, float], None]) -> VoiceStream:
        """Begin a call."""
        return WatchedStream(self._watches.came, self._detector.open(on_frame))

    def run(self) -> None:
        """Judge what was pushed."""
        self._detector.run()


class WatchedStream:
    """One call's stream into the detector."""

    def __init__(self, came: dict[int, float], stream: VoiceStream) -> None:
        self._came = came
        self._stream = stream

    def push(self, frame: bytes, real: bool) -> None:
        """A frame comes here in the very call that took its packet from the socket."""
        self._came[id(frame)] = time.monotonic()
        self._stream.push(frame, real)

    def close(self) -> None:
        """Forget the call."""
        self._stream.close()


class WatchedPorts(RtpPorts):
    """Hands out sockets that tell their call's watch when speech begins."""

    def __init__(self, watches: Watches, host: str, low: int, high: int) -> None:
        super().__init__(host, low, high)
        self._watches = watches

    def take(self) -> WatchedSocket:
        """A bound socket."""
        taken = WatchedSocket(fileno=super().take().detach())
        taken.watch = self._watches.mine()
        return taken


class WatchedSocket(socket.socket):
    """A socket that looks at the marker bit of what it sends."""

    watch: Watch

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send, then look."""
        sent = super().send(data, flags)
        if data[1] & MARKER:
            self.watch.spoke(time.monotonic())
        return sent
