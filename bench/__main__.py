"""`python -m bench`: measure everything once, print one table. `--quick` takes a minute, the whole five."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import table
from bench.load import Load, by_port
from bench.machine import Machine
from bench.turns import Turns, loads, stage, turns

METHOD = """\
Method. Engines without delay: any words are understood at once, the answer is a tone that is ready.

Through Asterisk: telephones behind a second Asterisk (G.711 over SIP and RTP) call the one under test, whose
ExternalMedia (RTP) leads to the controller, a process of its own. Instants are read at the telephone; a sound
is audible from -46 dBFS on. {dials} calls one by one for the set-up, then {callers} callers at once, who also
cut in on long answers. What a caller waits holds the VAD's hangover, the caller's packet, Asterisk's way
there and back with its mixing (up to 20 ms each), the VAD's tail and our own part. Our own part is read
inside: from the arrival of the packet that made the hangover complete to the sending of the reply's first.

By the RTP port alone: another process sends each call 50 packets a second, speech in 4 s of every 10, and
stamps by the kernel what comes back. The controller's whole call logic runs, with the VAD's network, records
in SQLite, and an agent that speaks as long as the caller; only ARI is left out. CPU: user and system time of
the process under test alone, over {seconds:g} s. Jitter: a packet's distance from its call's own grid of
20 ms (the first packet of an answer leaves it on purpose, to come early); late: more than 10 ms behind it.
answer: last packet of speech to first of the answer, less the hangover: the VAD's tail and our own part.
no core: how much of the time the process under test could run and the machine had no core for it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    dials: int
    callers: int
    rounds: int
    through_asterisk: tuple[int, ...]
    by_port: tuple[int, ...]
    seconds: float


FULL = Plan(dials=30, callers=4, rounds=12, through_asterisk=(1, 20), by_port=(1, 20, 100, 400), seconds=20)
QUICK = Plan(dials=4, callers=4, rounds=1, through_asterisk=(20,), by_port=(1, 100, 400), seconds=4)


async def through_asterisk(plan: Plan) -> tuple[Turns, list[Load]]:
    """Everything that needs a real Asterisk."""
    async with stage() as centre:
        told("calls through Asterisk")
        found = await turns(centre, plan.dials, plan.callers, plan.rounds)
        told(f"{plan.through_asterisk} calls at once through Asterisk")
        return found, await loads(centre, plan.through_asterisk, plan.seconds)


async def measure(plan: Plan) -> tuple[Turns, list[Load]]:
    """Everything, one part after another."""
    found, sizes = await through_asterisk(plan)
    for calls in plan.by_port:
        told(f"{calls} calls by the RTP port")
        sizes.append(await by_port(calls, plan.seconds))
    return found, sizes


def told(what: str) -> None:
    """Progress, for who waits; not part of the table."""
    print(f"… {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples, shorter windows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    began = time.monotonic()
    told("the machine itself")
    machine = Machine.here()
    found, sizes = asyncio.run(measure(plan))
    print(f"Callflow bench, {time.strftime('%Y-%m-%d %H:%M')}, {time.monotonic() - began:.0f} s")
    print(f"{machine.cores} cores of {machine.cpu}, Linux {machine.kernel}, {machine.python}", end=", ")
    print(f"Asterisk {found.asterisk}")
    print(f"Load average {machine.load} before, {os.getloadavg()[0]:.2f} after;", end=" ")
    print(f"with all cores counting, one was away for up to {machine.away_ms:g} ms\n")
    print(METHOD.format(dials=plan.dials, callers=plan.callers, seconds=plan.seconds), end="\n\n")
    print(table.aligned(table.figure_rows(table.figures(found))))
    print(f"not heard within its time: {found.missed}\n")
    print(table.aligned(table.load_rows(sizes)))
    if options.json:
        text = json.dumps(table.as_json(machine, found, sizes), indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
