"""The stopwatch inside a turn, with a detector that judges when it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from bench.watch import Watches
from media.ports import SILENCE, VoiceStream

SPEECH_OPENS, GOES_ON = bytes((0x80, 0x8B)), bytes((0x80, 0x0B))
OnFrame = Callable[[bytes, bool, float], None]


class Detector:
    """Keeps frames until `run`."""

    def __init__(self) -> None:
        self._frames: list[tuple[OnFrame, bytes]] = []

    def open(self, on_frame: OnFrame) -> VoiceStream:
        detector = self

        class Stream:
            def push(self, frame: bytes, real: bool) -> None:
                detector._frames.append((on_frame, frame))

            def close(self) -> None:
                pass

        return Stream()

    def run(self) -> None:
        for on_frame, frame in self._frames:
            on_frame(frame, True, 0.0)
        self._frames.clear()


async def test_a_turn_is_counted_from_its_packet_to_the_first_of_the_reply_once() -> None:
    found: list[float] = []
    watches = Watches(found.append)
    detector = watches.detector(Detector())
    ear = watches.recognizer("yes").open("en")
    stream = detector.open(lambda frame, real, probability: ear.feed(frame))
    with watches.ports("127.0.0.1", 0, 0).take() as outgoing, socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        outgoing.connect(other.getsockname())
        outgoing.send(SPEECH_OPENS)
        assert found == []  # nobody had stopped speaking
        stream.push(bytes(SILENCE), True)
        await asyncio.sleep(0.005)
        detector.run()
        assert (await ear.speech_ended()).text == "yes"
        outgoing.send(GOES_ON)
        assert found == []
        outgoing.send(SPEECH_OPENS)
        outgoing.send(SPEECH_OPENS)
        assert len(found) == 1
        assert found[0] >= 5
    assert watches.came == {}


async def test_each_task_has_a_watch_of_its_own() -> None:
    watches = Watches(lambda _: None)

    async def mine() -> tuple[object, object]:
        return watches.mine(), watches.mine()

    first, second = await asyncio.gather(asyncio.create_task(mine()), asyncio.create_task(mine()))
    assert first[0] is first[1]
    assert first[0] is not second[0]
