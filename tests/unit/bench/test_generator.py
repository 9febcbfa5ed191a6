"""The load generator: what it sends, and what it makes of what comes back."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator

import numpy as np
import pytest

from bench import generator
from bench.generator import Caller
from media.rtp import L16_8K, SLIN16, parse

PAYLOADS = [bytes((number % 256,)) * 640 for number in range(generator.CYCLE_FRAMES)]


@pytest.fixture
def controller() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(2)
        yield opened


@pytest.fixture
def caller(controller: socket.socket) -> Iterator[Caller]:
    made = Caller(1, 4)
    made.socket.setblocking(True)
    made.socket.settimeout(2)
    controller.connect(made.socket.getsockname())
    yield made
    made.socket.close()


def packet(sequence: int, *, marker: bool = False, sound: bytes = bytes(320), kind: int = L16_8K) -> bytes:
    return struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), sequence, 0, 7) + sound


def test_it_learns_whom_to_send_to_and_begins_at_its_place_of_the_cycle(
    caller: Caller, controller: socket.socket
) -> None:
    controller.send(packet(0))
    caller.receive(keep=False)
    caller.send(3, PAYLOADS, last=199, due=0.0)
    sent = parse(controller.recv(2048))
    assert (sent.payload_type, sent.sequence, sent.timestamp) == (SLIN16, 3, 960)
    assert sent.payload == PAYLOADS[generator.CYCLE_FRAMES // 4 + 3]


def test_it_keeps_the_kernels_time_the_sequence_and_whether_there_was_sound(
    caller: Caller, controller: socket.socket
) -> None:
    before = time.time()
    controller.send(packet(0xFFFF))
    controller.send(packet(0, sound=b"\1" * 320))
    after = time.time()
    caller.receive(keep=True)
    caller.receive(keep=True)
    assert list(caller.sequences) == [0xFFFF, 0]
    assert caller.spoken == 1
    assert before - 0.001 <= caller.times[0] <= caller.times[1] <= after + 0.001


def test_an_answer_counts_from_the_last_packet_of_the_phrase_and_once(
    caller: Caller, controller: socket.socket
) -> None:
    controller.send(packet(0, marker=True))
    caller.receive(keep=True)
    place = generator.CYCLE_FRAMES // 4
    caller.send(10, PAYLOADS, last=place + 10, due=time.time() - 0.5)
    for sequence, marker in ((1, False), (2, True), (3, True)):
        controller.send(packet(sequence, marker=marker))
        caller.receive(keep=True)
    assert len(caller.answers) == 1
    assert caller.answers[0] >= 0.5


def test_a_payload_type_that_asterisk_would_not_play_is_an_error(
    caller: Caller, controller: socket.socket
) -> None:
    controller.send(packet(0, kind=SLIN16))
    with pytest.raises(RuntimeError, match="118"):
        caller.receive(keep=True)


def test_the_cycle_is_ten_seconds_of_which_the_first_four_are_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    loud = np.full(generator.SPEECH_FRAMES * 160, 8000, np.int16)
    monkeypatch.setattr("asterisk.lab.voice.line", lambda _: loud)
    payloads = generator.cycle()
    levels = [np.abs(np.frombuffer(each, ">i2").astype(np.float64)).mean() for each in payloads]
    assert len(payloads) == generator.CYCLE_FRAMES
    assert {len(each) for each in payloads} == {640}
    assert min(levels[1 : generator.SPEECH_FRAMES]) > 4000
    assert max(levels[generator.SPEECH_FRAMES :]) < 50
    assert generator.speech_frames() == generator.SPEECH_FRAMES


def test_it_tells_in_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    generator.tell("listening", ports=[1, 2])
    assert json.loads(capsys.readouterr().out) == {"event": "listening", "ports": [1, 2]}
