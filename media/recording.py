"""The recording of a call: a stereo WAV at 16 kHz, the caller on the left and the agent on the right.

One slot of 20 ms is written for each frame that is sent, so the two sides keep their places in time. Disk
work runs in one thread for all calls; the header is brought up to date with each write, so that a file whose
process died plays to its last second.
"""

from __future__ import annotations

import asyncio
import os
import struct
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import structlog

from media.ports import FRAME_BYTES, FRAME_MS, RATE

FLUSH_SLOTS = 1000 // FRAME_MS  # a second
BACKLOG_SLOTS = 30 * FLUSH_SLOTS
"""What may wait for a slow disk, about 2 MB a call; what comes then is lost to the recording alone."""
HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BLOCK = 4  # bytes of one stereo sample

log = structlog.get_logger(__name__)


def header(data_bytes: int) -> bytes:
    """A WAV header for so many bytes of stereo 16-bit PCM at 16 kHz (RIFF sizes end at 4 GiB: 18 hours)."""
    size = min(data_bytes, 0xFFFFFFFF - HEADER_BYTES)
    return _HEADER.pack(
        *(b"RIFF", size + HEADER_BYTES - 8, b"WAVE", b"fmt ", 16, 1, 2),
        *(RATE, RATE * _BLOCK, _BLOCK, 16, b"data", size),
    )


def interleave(left: bytes, right: bytes) -> bytes:
    """Two sides of equal length as stereo samples."""
    return np.column_stack((np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2"))).tobytes()


class WavFile:
    """A WAV file that grows; blocking. One that exists is continued: a call may outlive its process."""

    def __init__(self, path: Path) -> None:
        """Open it, with its directory. Callers' voices: no others may read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        there = max(0, os.fstat(self._file).st_size - HEADER_BYTES)
        self._data_bytes = there - there % _BLOCK

    def append(self, samples: bytes) -> None:
        """Write samples behind the others, then the header that counts them."""
        self._write_at(HEADER_BYTES + self._data_bytes, samples)
        self._data_bytes += len(samples)
        self._write_at(0, header(self._data_bytes))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write_at(self, position: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # a write may take less than it is given
            written = os.pwrite(self._file, rest, position)
            rest, position = rest[written:], position + written


@cache
def _disk() -> Executor:
    """The one thread that writes all recordings: it keeps each file's order."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="recording")


class Recorder:
    """Records one call. A slow or failing disk costs the recording, not the call: `error`, `dropped`."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened before the first second is full."""
        self.path = path
        self.error: str | None = None
        self.dropped = 0  # slots that were not taken: the disk failed or was far behind
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self._given = 0  # slots for the disk, counted on this side…
        self._done = 0  # …and on the disk's side
        self._wav: WavFile | None = None
        self._closed = False

    def write(self, left: bytes, right: bytes) -> None:
        """One slot: 20 ms of the caller, and the 20 ms that were sent to them. Never blocks.

        After `close` it does nothing. Raises `ValueError` for frames that are not 640 bytes.
        """
        if len(left) != FRAME_BYTES or len(right) != FRAME_BYTES:
            raise ValueError(f"A slot has {FRAME_BYTES} bytes a side, not {len(left)} and {len(right)}.")
        if self._closed:
            return
        if self.error or self._given - self._done > BACKLOG_SLOTS:
            self.dropped += 1
            return
        self._left.append(left)
        self._right.append(right)
        if len(self._left) >= FLUSH_SLOTS:
            self._flush()

    async def close(self) -> None:
        """Write what is left and close the file. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._flush()
        await asyncio.wrap_future(_disk().submit(self._close_file))

    def _flush(self) -> None:
        if self._left:
            self._given += len(self._left)
            _disk().submit(self._append, self._left, self._right)
            self._left, self._right = [], []

    def _append(self, left: list[bytes], right: list[bytes]) -> None:
        """In the disk's thread."""
        try:
            if not self.error:
                self._wav = self._wav or WavFile(self.path)
                self._wav.append(interleave(b"".join(left), b"".join(right)))
        except OSError as error:
            self.error = str(error)
            log.warning("recording.failed", path=str(self.path), error=self.error)
        self._done += len(left)

    def _close_file(self) -> None:
        """In the disk's thread, after all else."""
        if self._wav is not None:
            self._wav.close()
