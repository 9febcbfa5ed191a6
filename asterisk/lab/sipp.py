"""Callers and operators' phones by sipp: many at once, without ears. (`phone.py` has a few that listen.)

result = place_calls(lab.sip_port, count=20, rate=5, hold_s=8, speech=Path("order.wav")).wait()
assert result.failed == 0

with phone(port, "declines") as operator:
    …                       # the queue calls it
operator.messages()         # every SIP message it sent and got
"""

from __future__ import annotations

import csv
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asterisk.lab.installation import LabError
from asterisk.lab.ports import HOST, free_port

CALLER = "+380501112233"
SIP_GIVES_UP_S = 40.0
"""32 s is how long a SIP request is repeated that nobody answers (RFC 3261, timers B and F)."""
SCENARIOS = Path(__file__).resolve().parent

_TRACED = re.compile(r"^-{20,}.*\n(?:UDP|TCP) message .*\n", re.MULTILINE)
"""What sipp writes above each message."""

Behaviour = Literal["answers", "declines", "rings_out"]


@dataclass(frozen=True, slots=True)
class SippResult:
    """How many calls went as the scenario says, and how many did not. `log` is sipp's word on the latter."""

    succeeded: int
    failed: int
    log: str = ""


@dataclass(frozen=True, slots=True)
class Callers:
    """Calls under way; `wait` for their end."""

    process: subprocess.Popen[bytes]
    directory: tempfile.TemporaryDirectory[str]
    timeout_s: float

    def wait(self) -> SippResult:
        """Wait until all calls are over. Raises `LabError` when sipp tells no figures or does not end."""
        try:
            self.process.wait(self.timeout_s)
            return _result(Path(self.directory.name), self.process.returncode)
        except subprocess.TimeoutExpired:
            raise LabError(f"sipp did not end within {self.timeout_s:.0f} s") from None
        finally:
            self.end()

    def end(self) -> None:
        """Stop at once, in the middle of calls if need be. Safe to call twice."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()


@dataclass(slots=True)
class Phone:
    """An operator's phone at 127.0.0.1:`port`; its messages stay readable when it is off."""

    port: int
    trace: Path
    last_trace: str = ""

    def messages(self) -> list[str]:
        """Every SIP message so far, sent and received, in order."""
        text = self.trace.read_text(errors="replace") if self.trace.exists() else self.last_trace
        return [message.strip() for message in _TRACED.split(text)[1:]]


def place_calls(
    sip_port: int,
    *,
    count: int = 1,
    rate: float = 10,
    hold_s: float = 5,
    speech: Path | None = None,
    extension: str = "100",
    caller: str = CALLER,
    answer_s: float = 10,
) -> Callers:
    """Start `count` calls, `rate` a second, each held for `hold_s` once it was answered within `answer_s`.

    `speech` is a WAV (any that sox reads) that each caller says once. `caller` may hold `[call_number]`, so
    that each has a number of its own. Nobody need register: the lab's trunk is 127.0.0.1.
    """
    directory = tempfile.TemporaryDirectory(prefix="callflow-sipp-")
    place = Path(directory.name)
    fills = {"CALLER": caller, "HOLD_MS": _ms(hold_s), "ANSWER_MS": _ms(answer_s)}
    scenario = _scenario(place, "uac.xml", fills | {"SPEAK": _speak(place, speech)})
    load = ["-m", str(count), "-r", f"{rate:g}", "-l", str(count)]
    errors = ["-trace_err", "-error_file", "errors.log"]
    target = ["-p", str(free_port(socket.SOCK_DGRAM)), "-s", extension, f"{HOST}:{sip_port}"]
    process = _run(place, scenario, [*load, *errors, *target])
    return Callers(process, directory, count / rate + answer_s + hold_s + SIP_GIVES_UP_S)


@contextmanager
def phone(
    port: int, behaviour: Behaviour, *, ring_s: float = 0.1, hold_s: float = 60, speech: Path | None = None
) -> Iterator[Phone]:
    """A phone at 127.0.0.1:`port` that does the same with each call, until the block ends.

    answers: after `ring_s`; hangs up after `hold_s` unless the other side does; says `speech` once.
    declines: 486 after `ring_s`. rings_out: rings until the caller gives up.
    """
    with tempfile.TemporaryDirectory(prefix="callflow-sipp-") as name:
        place = Path(name)
        fills = {"BEHAVIOUR": behaviour, "RING_MS": _ms(ring_s), "HOLD_MS": _ms(hold_s)}
        scenario = _scenario(place, "uas.xml", fills | {"SPEAK": _speak(place, speech)})
        process = _run(place, scenario, ["-p", str(port), "-trace_msg", "-message_file", "messages.log"])
        running = Phone(port, place / "messages.log")
        try:
            _wait_until_bound(port, process)
            yield running
        finally:
            process.kill()
            process.wait()
            running.last_trace = running.trace.read_text(errors="replace") if running.trace.exists() else ""


def _wait_until_bound(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the kernel lists the UDP port: from then on no INVITE is lost."""
    deadline = time.monotonic() + 5
    while f":{port:04X} " not in Path("/proc/net/udp").read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"sipp does not listen at port {port}; it ended with {process.poll()}")
        time.sleep(0.01)


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _scenario(place: Path, name: str, fills: dict[str, str]) -> str:
    text = (SCENARIOS / name).read_text(encoding="utf-8")
    for key, value in fills.items():
        text = text.replace(f"@{key}@", value)
    (place / name).write_text(text, encoding="utf-8")
    return name


def _speak(place: Path, speech: Path | None) -> str:
    """The action that says a WAV. sipp sends a file's bytes as they are: they must be bare µ-law at 8 kHz."""
    if speech is None:
        return ""
    ulaw = ["-t", "ul", "-r", "8000", "-c", "1", str(place / "speech.ul")]
    done = subprocess.run(["sox", str(speech), *ulaw], capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"sox cannot read {speech}: {done.stderr.strip()}")
    return '<exec rtp_stream="speech.ul,1,0,PCMU/8000"/>'


def _run(place: Path, scenario: str, options: list[str]) -> subprocess.Popen[bytes]:
    own = ["-i", HOST, "-nostdin", "-trace_stat", "-stf", "figures.csv", "-fd", "1"]
    try:
        return subprocess.Popen(
            ["sipp", "-sf", scenario, *own, *options],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise LabError("sipp is not installed; run `python -m asterisk.lab.provision` once") from None


def _result(place: Path, code: int) -> SippResult:
    """Read the figures' last line. sipp ends with 0 (all went well), 1 (some did not) or another (fault)."""
    errors = place / "errors.log"
    log = errors.read_text(errors="replace") if errors.exists() else ""
    figures = place / "figures.csv"
    lines = figures.read_text().splitlines() if figures.exists() else []
    rows = list(csv.DictReader(lines, delimiter=";"))
    if not rows or code not in (0, 1):
        raise LabError(f"sipp ended with {code}: {log.strip()[-400:] or 'it wrote no figures'}")
    return SippResult(int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"]), log)
