"""Recordings: both sides in their places, and a file that can be played whatever happens."""

from __future__ import annotations

import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from media import recording
from media.ports import FRAME_BYTES, FRAME_SAMPLES, SILENCE
from media.recording import HEADER_BYTES, Recorder, WavFile, header, interleave


def frame(value: int) -> bytes:
    return value.to_bytes(2, "little", signed=True) * FRAME_SAMPLES


def sides(path: Path) -> tuple[list[int], list[int]]:
    """The first sample of each slot, left and right, as another program reads the file."""
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (2, 2, 16_000)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2)
    slots = samples[::FRAME_SAMPLES]
    return slots[:, 0].tolist(), slots[:, 1].tolist()


async def test_the_caller_is_left_and_the_agent_right(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for slot in range(123):
        recorder.write(frame(slot), frame(-slot))
    await recorder.close()
    assert sides(recorder.path) == (list(range(123)), [-slot for slot in range(123)])
    assert recorder.error is None


async def test_every_second_the_file_on_disk_is_whole(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for slot in range(99):
        recorder.write(frame(slot), SILENCE)
    recording._disk().submit(lambda: None).result()  # the one thread has done what was given to it
    assert len(sides(recorder.path)[0]) == 50
    await recorder.close()
    assert len(sides(recorder.path)[0]) == 99


async def test_a_recording_is_continued_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    first = WavFile(path)
    first.append(interleave(frame(1), frame(2)))
    first.close()
    with path.open("ab") as file:
        file.write(b"\7\7\7")  # the process died in the midst of a write, before the header
    second = Recorder(path)
    second.write(frame(3), frame(4))
    await second.close()
    assert sides(path) == ([1, 3], [2, 4])


async def test_a_call_without_a_slot_leaves_no_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    await recorder.close()
    await recorder.close()
    assert not recorder.path.exists()


async def test_after_close_nothing_is_written(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    recorder.write(frame(1), frame(1))
    await recorder.close()
    recorder.write(frame(2), frame(2))
    await recorder.close()
    assert sides(recorder.path) == ([1], [1])


async def test_directories_are_made_and_others_cannot_read(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "2026" / "11" / "call.wav")
    recorder.write(SILENCE, SILENCE)
    await recorder.close()
    assert not stat.S_IMODE(recorder.path.stat().st_mode) & 0o007


async def test_a_failing_disk_costs_the_recording_and_not_the_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    recorder = Recorder(tmp_path / "file" / "call.wav")
    for _ in range(50):
        recorder.write(SILENCE, SILENCE)
    recording._disk().submit(lambda: None).result()
    recorder.write(SILENCE, SILENCE)
    await recorder.close()
    assert recorder.error is not None
    assert recorder.dropped == 1


async def test_a_disk_far_behind_loses_slots_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck:
        def submit(self, *work: object) -> None:
            """Never does anything."""

    recorder = Recorder(tmp_path / "call.wav")
    with monkeypatch.context() as patch:
        patch.setattr(recording, "_disk", Stuck)
        for _ in range(recording.BACKLOG_SLOTS + 200):
            recorder.write(SILENCE, SILENCE)
    assert recorder.dropped == 150
    await recorder.close()


async def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    with pytest.raises(ValueError, match="640"):
        recorder.write(SILENCE[:-2], SILENCE)
    await recorder.close()


def test_the_header_holds_sizes_up_to_the_format_s_end() -> None:
    small = header(FRAME_BYTES * 2)
    assert len(small) == HEADER_BYTES
    assert int.from_bytes(small[4:8], "little") == FRAME_BYTES * 2 + 36
    assert int.from_bytes(small[40:44], "little") == FRAME_BYTES * 2
    assert int.from_bytes(header(2**33)[4:8], "little") == 0xFFFFFFFF - 8
