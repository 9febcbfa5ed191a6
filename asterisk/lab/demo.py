"""`python -m asterisk.lab.demo [SCENARIO]`: one real call through a real Asterisk, told as it happens.

Exit code 0 only if the call came to the end it was meant to come to, and the caller's telephone heard the
agent.
The last line is one JSON object for programs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from asterisk.lab import provision
from asterisk.lab.installation import LabError
from asterisk.lab.phone_call import PhoneCall
from asterisk.lab.stage import LogLine, Stage
from asterisk.lab.story import STORIES, Caller, Checks, Story
from callflow.errors import CallflowError

CALLER = "+380501112233"
HEARD_MS = 1000
"""So much of the agent must have been audible at the telephone, at the least."""


class Teller:
    """Tells the call on the terminal, from the controller's log."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._marks: LogLine = {}

    def tell(self, who: str, what: str) -> None:
        """One line, with the time since the beginning."""
        print(f"{time.monotonic() - self._start:6.1f} s  {who:<11} {what}", flush=True)

    def watch(self, line: LogLine) -> None:
        """What the controller logged."""
        match line.get("event"):
            case "call.arrived":
                self.tell("controller", f"a call to {line['called']} from {line['caller']}")
            case "call.state":
                self.tell("state", f"{line['state']} · {line['step']}")
            case "turn":
                self._marks = line
            case "turn.words":
                self._words(line)
            case "media.fell_back":
                self.tell("media", f"AudioSocket takes over: {line['reason']}")
            case "call.ended":
                self.tell("controller", f"the call ended: {line['disposition']}, {line['seconds']} s")

    def _words(self, line: LogLine) -> None:
        cut = " (cut in on)" if self._marks.get("interrupted") else ""
        first = self._marks.get("first_audio")
        took = f"   ← {first:.0f} ms after her last word" if first else ""
        self.tell(line["speaker"], f"“{line['words']}”{cut}{took}")


async def play(story: Story, directory: Path) -> dict[str, Any]:
    """Play a story on a stage of its own; the outcome as the demo's JSON."""
    teller = Teller()
    teller.tell("demo", "starting Asterisk, the telephones, the shop and the controller")
    async with Stage(directory=directory, watch=teller.watch) as stage:
        teller.tell("demo", f"Asterisk {stage.lab.version} answers; a caller dials 100 and {story.title}")
        call = await stage.phones.dial("100", caller=CALLER)
        caller = Caller(stage, call)
        arrived = await stage.controller.says("call.arrived")
        checks = await _played(story, stage, caller)
        ended = await stage.controller.says("call.ended", call_id=arrived["call_id"])
        record = stage.record(ended["call_id"])
        _save(call, directory)
        checks[f"the call came to its end: {story.end}"] = record["disposition"] == story.end
        heard_ms = call.heard.audible_ms()
        checks[f"the telephone heard {heard_ms / 1000:.1f} s of sound"] = heard_ms >= HEARD_MS
        (directory / "call.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        return _outcome(stage, record, caller, checks, directory)


async def _played(story: Story, stage: Stage, caller: Caller) -> Checks:
    try:
        return await story.play(stage, caller)
    except (TimeoutError, CallflowError) as error:
        return {f"the story came to its end ({error or 'something awaited did not come'})": False}


def _save(call: PhoneCall, directory: Path) -> None:
    call.recording().save_wav(directory / "telephone.wav")


def _outcome(
    stage: Stage, record: dict[str, Any], caller: Caller, checks: Checks, directory: Path
) -> dict[str, Any]:
    print()
    for what, good in checks.items():
        print(f"  {'✓' if good else '✗'} {what}")
    print(f"\n  summary    {record.get('summary') or '—'}")
    print(f"  recording  {record.get('recording') or '—'}   (left: the caller, right: the agent)")
    print(f"  telephone  {directory / 'telephone.wav'}   (what the telephone said and heard)")
    print(f"  record     {directory / 'call.json'}\n")
    waits = sorted(caller.waits_ms)
    return {
        "ok": all(checks.values()),
        "call_id": record["call_id"],
        "end": record["disposition"],
        "turns": len(record["turns"]),
        "caller_heard_ms": {"p50": _quantile(waits, 0.5), "p95": _quantile(waits, 0.95)},
        "recording": record.get("recording"),
        "asterisk": stage.lab.version,
    }


def _quantile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    if len(values) == 1:
        return round(values[0])
    return round(statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1])


def main() -> int:
    """Play the named story; 0 when all went as it should."""
    parser = argparse.ArgumentParser(prog="demo", description="One real call through a real Asterisk.")
    parser.add_argument("scenario", nargs="?", default="order", choices=sorted(STORIES))
    parser.add_argument("--directory", type=Path, default=Path("var/demo"), help="where recordings go")
    options = parser.parse_args()
    directory = (options.directory / time.strftime("%Y%m%d-%H%M%S")).absolute()
    directory.mkdir(parents=True)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            provision.ensure()
            outcome = asyncio.run(play(STORIES[options.scenario], directory))
        except (LabError, CallflowError, TimeoutError) as error:
            print(f"demo: {error}", file=sys.stderr)
            outcome = {"ok": False, "error": str(error).splitlines()[0] if str(error) else "timeout"}
        print(json.dumps(outcome, ensure_ascii=False))
        return 0 if outcome["ok"] else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())
