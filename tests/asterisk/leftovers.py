"""What a call may leave behind and must not: channels, bridges, sockets, connections, tasks, timers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ari_app.main import Controller
from asterisk.lab.instance import Lab

WITHIN_S = 8.0
LISTENS = "0A"
OURS = ("agent", "ari_app", "callflow", "media", "storage")


@dataclass(frozen=True)
class Socket:
    """A socket of a process: `udp` or `tcp`, its own port, the peer's (0: none), and whether it listens."""

    kind: str
    port: int
    peer: int
    listens: bool


def sockets(pid: int | None = None) -> list[Socket]:
    """The IPv4 sockets that a process has open, by default this one."""
    place = Path("/proc") / str(pid or os.getpid())
    inodes = set()
    for entry in os.scandir(place / "fd"):
        with contextlib.suppress(FileNotFoundError):
            inodes.add(Path(entry.path).readlink().name)
    return [each for kind in ("udp", "tcp") for each in _listed(place / "net" / kind, kind, inodes)]


def _listed(table: Path, kind: str, inodes: set[str]) -> Iterator[Socket]:
    """The rows of `/proc/PID/net/KIND`: 1 is the own address, 2 the peer's, 3 the state, 9 the inode."""
    for row in table.read_text().splitlines()[1:]:
        words = row.split()
        if f"socket:[{words[9]}]" in inodes:
            yield Socket(kind, _port(words[1]), _port(words[2]), words[3] == LISTENS)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def tasks() -> Counter[str]:
    """The tasks of this loop, by what they run; those of the tests' telephones apart."""
    every = (task for task in asyncio.all_tasks() if not task.get_name().startswith("phone "))
    return Counter(getattr(task.get_coro(), "__qualname__", "?") for task in every)


def timers() -> Counter[str]:
    """The timers of our own code that are to fire in this loop, the ticker's apart."""
    waiting = getattr(asyncio.get_running_loop(), "_scheduled", ())
    callbacks = (each._callback for each in waiting if not each.cancelled())
    ours = (each for each in callbacks if str(getattr(each, "__module__", "")).split(".")[0] in OURS)
    return Counter(each.__qualname__ for each in ours if each.__qualname__ != "Ticker._wake")


class Watch:
    """Remembers what there was before the calls. `left` tells what there is now and was not then."""

    def __init__(self, controller: Controller, lab: Lab) -> None:
        self._controller, self._lab = controller, lab
        self._tasks, self._timers = tasks(), timers()

    async def left(self) -> list[str]:
        """Everything that is too much, in words."""
        return [*await in_asterisk(self._lab), *self._of_controller(), *self._of_loop()]

    async def nothing(self, within_s: float = WITHIN_S) -> None:
        """Wait until nothing is left; fails with what is."""
        deadline = time.monotonic() + within_s
        while left := await self.left():
            assert time.monotonic() < deadline, f"left over after {within_s} s: {left}"
            await asyncio.sleep(0.05)

    def _of_controller(self) -> Iterator[str]:
        services, board = self._controller.services, self._controller.switchboard
        counts = {
            "calls": len(board.calls),
            "tasks of the switchboard": board.tasks,
            "places on the ticker": self._controller.ticker.stats.calls,
            "AudioSocket connections": len(services.audiosocket.connections),
            "AudioSocket calls awaited": len(services.audiosocket._expected),
            "channels awaited": len(services.arrivals._awaited),
            "verdicts for the dialplan": len(board._verdicts._to_people),
            "summaries": len(services.desk._notes) + len(services.desk._speaking),
        }
        yield from (f"{count} {name}" for name, count in counts.items() if count)
        yield from (str(each) for each in sockets() if self._is_media(each))

    def _is_media(self, each: Socket) -> bool:
        settings = self._controller.settings
        rtp = each.kind == "udp" and settings.rtp_port_min <= each.port <= settings.rtp_port_max
        return rtp or (each.kind == "tcp" and each.port == settings.audiosocket_port and not each.listens)

    def _of_loop(self) -> Iterator[str]:
        yield from (f"{n} task(s) {name}" for name, n in (tasks() - self._tasks).items())
        yield from (f"{n} timer(s) {name}" for name, n in (timers() - self._timers).items())


async def in_asterisk(lab: Lab) -> list[str]:
    """Channels and bridges of an Asterisk, as its console lists them."""
    ask: Callable[[str], str] = lab.cli
    channels = await asyncio.to_thread(ask, "core show channels concise")
    bridges = await asyncio.to_thread(ask, "bridge show all")
    return [*channels.split("\n")[:-1], *bridges.splitlines()[1:]]
