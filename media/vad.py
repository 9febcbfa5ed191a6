"""Voice activity of all calls at once: a cheap gate for each frame, Silero's network where the gate is open.

The shared ticker calls `VadPool.run` every few milliseconds. One run weighs what was pushed in one array and
gives the chunks of all calls whose gate is open to the network in one batch. A run that has enough leaves the
rest to the next one, so that no run delays the packets of other calls. While a gate is closed the network
keeps its memory of the call: measured, it then judges better than with an empty one.

Without the network the gate judges alone. So it does while an overloaded machine is behind: a rough verdict
now is worth more to a call than a good one that is late.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from callflow.errors import BadPacket
from media.gate import Gate, levels_db
from media.onnx import Floats
from media.ports import FRAME_BYTES, FRAME_MS
from media.silero import CHUNK_SAMPLES, CONTEXT_SAMPLES, HIDDEN, WINDOW_SAMPLES, Silero

OnFrame = Callable[[bytes, bool, float], None]
"""Takes a pushed frame, whether it is real, and the probability (0…1) that the caller speaks in it."""

FRAMES_PER_RUN = 160
CHUNKS_PER_RUN = 96
"""A run ends at the first of both: 2 to 3 ms of a 2020s server core."""
HURRIED_FRAMES_PER_RUN = 480
"""The same while the network is left out."""
LATE_FRAMES = 4
"""The pool hurries when more than this many frames a call are queued…"""
LATE_AT_LEAST = 256
"""…and never below this many in all."""

_HOLD_FRAMES = 300 // FRAME_MS  # the gate stays open this long after the last frame that opened it
_PREROLL_CHUNKS = 3  # what the network hears first when the gate opens: that frame and 76 ms before it
_CHUNK_BYTES = CHUNK_SAMPLES * 2
_CONTEXT_BYTES = CONTEXT_SAMPLES * 2
_TAIL_BYTES = _PREROLL_CHUNKS * _CHUNK_BYTES + _CONTEXT_BYTES


@dataclass(slots=True)
class _Heard:
    """A frame on its way through the pool."""

    stream: VadStream
    frame: bytes
    real: bool
    windows: list[bytes] = field(default_factory=list)  # what the network must judge for it
    probability: float | None = None  # None: that of the stream's newest chunk


class VadStream:
    """One call's stream of frames into the pool; made by `VadPool.open`."""

    def __init__(self, pool: VadPool, row: int, on_frame: OnFrame) -> None:
        self._pool = pool
        self._gate = Gate()
        self._hold = 0  # frames until the gate closes
        self._following = False  # the network hears this call
        self._tail = bytes(_TAIL_BYTES)  # the newest audio
        self._pending = 0  # bytes at the tail's end that the network has not heard yet
        self.row = row
        self.on_frame = on_frame
        self.closed = False
        self.probability = 0.0

    def push(self, frame: bytes, real: bool) -> None:
        """Queue one frame (20 ms, 640 bytes) for the next run; `BadPacket` for another size."""
        if len(frame) != FRAME_BYTES:
            raise BadPacket(f"a frame has {FRAME_BYTES} bytes, not {len(frame)}; give whole 20 ms frames")
        if not self.closed:
            self._pool.queue(_Heard(self, frame, real))

    def close(self) -> None:
        """Forget the call: what is queued for it is dropped. Safe to call twice, and inside `on_frame`."""
        if not self.closed:
            self.closed = True
            self._pool.release(self)

    def gate(self, heard: _Heard, level_db: float, network: bool) -> None:
        """Decide what a frame needs: windows for the network, or nothing more than the gate's verdict."""
        hears = self._gate.hears(heard.frame, level_db, heard.real)
        self._hold = _HOLD_FRAMES if hears else max(self._hold - 1, 0)
        self._tail = self._tail[FRAME_BYTES:] + heard.frame
        if network and self._hold:
            self._follow(heard)
        else:
            self._following = False
            heard.probability = 1.0 if hears and not network else 0.0

    def _follow(self, heard: _Heard) -> None:
        self._pending = self._pending + FRAME_BYTES if self._following else _PREROLL_CHUNKS * _CHUNK_BYTES
        self._following = True
        while self._pending >= _CHUNK_BYTES:
            start = _TAIL_BYTES - self._pending - _CONTEXT_BYTES
            self._pending -= _CHUNK_BYTES
            heard.windows.append(self._tail[start : start + _CONTEXT_BYTES + _CHUNK_BYTES])


class VadPool:
    """Judges the frames of all calls of a process.

    `network` is what `silero.load()` gives; with None the gate judges alone.
    """

    def __init__(self, network: Silero | None) -> None:
        self._network = network
        self._queue: deque[_Heard] = deque()
        self._judged: deque[_Heard] = deque()
        self._memory: Floats = np.zeros((2, 0, HIDDEN), dtype=np.float32)
        self._free: list[int] = []
        self.open_streams = 0
        self.chunks = 0
        """Chunks the network has judged since the start."""
        self.hurried = 0
        """Frames that the gate judged alone because the pool was behind."""

    @property
    def backlog(self) -> int:
        """Frames that wait for a run."""
        return len(self._queue)

    def open(self, on_frame: OnFrame) -> VadStream:
        """Open a call's stream. `on_frame` gets its frames in order, inside `run`; it should not raise."""
        if not self._free:
            self._grow()
        self.open_streams += 1
        row = self._free.pop()
        self._memory[:, row] = 0.0
        return VadStream(self, row, on_frame)

    def queue(self, heard: _Heard) -> None:
        """Take a frame of a stream."""
        self._queue.append(heard)

    def release(self, stream: VadStream) -> None:
        """Take back what a closed stream held."""
        self._free.append(stream.row)
        self.open_streams -= 1

    def run(self) -> None:
        """Judge what is queued, oldest first, up to the bounds of one run, and call the streams back.

        What `on_frame` raises comes through; the other answers are then given by the next run.
        """
        if self._queue:
            self._hear()
        self._deliver()

    def _hear(self) -> None:
        late = len(self._queue) > max(LATE_FRAMES * self.open_streams, LATE_AT_LEAST)
        batch = self._take(network=self._network is not None and not late)
        if self._network is not None:
            self.hurried += len(batch) if late else 0
            self._judge(self._network, [heard for heard in batch if heard.windows])
        self._judged.extend(batch)

    def _take(self, network: bool) -> list[_Heard]:
        """Pass frames through their gates until the run has enough to do."""
        limit = FRAMES_PER_RUN if network else HURRIED_FRAMES_PER_RUN
        waiting = list(islice(self._queue, limit))
        batch: list[_Heard] = []
        chunks = 0
        for heard, level_db in zip(waiting, levels_db([heard.frame for heard in waiting]), strict=True):
            if chunks >= CHUNKS_PER_RUN:
                break
            self._queue.popleft()
            if not heard.stream.closed:
                heard.stream.gate(heard, level_db, network)
                chunks += len(heard.windows)
                batch.append(heard)
        return batch

    def _judge(self, network: Silero, batch: list[_Heard]) -> None:
        """Give each frame with windows the probability of its last one."""
        if not batch:
            return
        windows = b"".join(window for heard in batch for window in heard.windows)
        samples = np.frombuffer(windows, dtype="<i2").reshape(-1, WINDOW_SAMPLES).astype(np.float32)
        drive = network.encode(samples / np.float32(32768))
        self.chunks += len(drive)
        for turn in _turns(batch):
            rows = [heard.stream.row for _, heard in turn]
            step = network.step(drive[[index for index, _ in turn]], self._memory[:, rows])
            probabilities, self._memory[:, rows] = step
            for (_, heard), probability in zip(turn, probabilities.tolist(), strict=True):
                heard.probability = probability

    def _deliver(self) -> None:
        while self._judged:
            heard = self._judged.popleft()
            stream = heard.stream
            if stream.closed:
                continue
            if heard.probability is not None:
                stream.probability = heard.probability
            stream.on_frame(heard.frame, heard.real, stream.probability)

    def _grow(self) -> None:
        rows = self._memory.shape[1]
        more = max(rows, 16)
        self._memory = np.concatenate((self._memory, np.zeros((2, more, HIDDEN), np.float32)), axis=1)
        self._free.extend(range(rows + more - 1, rows - 1, -1))


def _turns(batch: list[_Heard]) -> list[list[tuple[int, _Heard]]]:
    """Order the windows (numbered as they lie in the batch) for the LSTM.

    A turn has at most one window of each call, and the windows of a call stay in order.
    """
    turns: list[list[tuple[int, _Heard]]] = []
    seen: Counter[VadStream] = Counter()
    index = 0
    for heard in batch:
        for _ in heard.windows:
            turn = seen[heard.stream]
            seen[heard.stream] += 1
            if turn == len(turns):
                turns.append([])
            turns[turn].append((index, heard))
            index += 1
    return turns
