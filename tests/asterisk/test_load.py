"""Twenty callers at once for a minute: the controller as a process, its own engines, real SIP and RTP."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asterisk.lab import voice
from asterisk.lab.phone_sound import RATE, Samples
from asterisk.lab.ports import HOST
from asterisk.lab.sipp import place_calls
from asterisk.lab.stage import Stage
from tests.asterisk.leftovers import in_asterisk, sockets
from tests.asterisk.scene import FLOW

CALLS = 20
A_SECOND = 10
PROBES = 5
HOLD_S = 60
GREETED_MS = 500
AUDIBLE = 328  # -40 dBFS
WITHIN_S = 10.0
HER_LINES = ("winter", "winter tyres please", "four", "four tyres", "four", "four")
EVERY_S = 8.5

COLLECTS = """agent: Sell tyres.
    collect:
      season: winter, summer or all-season
      quantity: how many tyres
      size: for example 205/55 R16"""
ENDLESS = (
    FLOW.replace("flow: acceptance", "flow: tyre_shop")
    .replace("not_understood: operator", "not_understood: seller")
    .replace("wants_human: operator", "wants_human: seller\n  refuses: seller")
    .replace("  next: operator\nanywhere", "  next: seller\nanywhere")
    .replace("agent: Sell tyres.", COLLECTS)
)
"""She never tells the size, and whatever is understood leads to the agent again: so all calls last the
minute, and only an error leads to people."""

pytestmark = pytest.mark.timeout(300)


def her_speech(path: Path) -> Path:
    """A WAV of a minute in which a caller says a line every few seconds."""
    sound = np.zeros(int(HOLD_S * RATE), np.int16)
    for number, text in enumerate(HER_LINES):
        said, at = voice.line(text), int((7 + EVERY_S * number) * RATE)
        sound[at : at + said.size] = said
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    return path


def heard(path: Path) -> Samples:
    """What a caller heard, from before her call was answered."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def first_audible_ms(sound: Samples) -> float:
    """Where the first sample that one can hear is; at the end when there is none."""
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) >= AUDIBLE)
    return float((loud[0] if loud.size else sound.size) / RATE * 1000)


async def active_calls(stage: Stage) -> float:
    """What the controller's metrics tell."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://{HOST}:{stage.http_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    found = re.search(r"^callflow_active_calls (\S+)$", await asyncio.to_thread(ask), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def left(stage: Stage) -> list[str]:
    """What is there and should not be."""
    pid, settings = stage.controller.process.pid, stage.environment
    rtp = range(int(settings["RTP_PORT_MIN"]), int(settings["RTP_PORT_MAX"]) + 1)
    media = [
        str(each)
        for each in sockets(pid)
        if (each.kind == "udp" and each.port in rtp)
        or (each.kind == "tcp" and each.port == stage.audiosocket_port and not each.listens)
    ]
    calls = await active_calls(stage)
    return [*media, *await in_asterisk(stage.lab), *([f"{calls} active calls"] if calls else [])]


async def greeted_at_a_phone(stage: Stage) -> float:
    """One more caller, whose telephone has ears: from the answer to the greeting's first sound, in ms."""
    call = await stage.phones.dial("100", caller="+380509998877")
    began = await call.hears_speech()
    await call.hang_up()
    assert call.answered_at is not None
    return (began - call.answered_at) * 1000


async def test_twenty_calls_for_a_minute(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    settings = {"STT_WORKERS": "2", "LOG_LEVEL": "info"}
    async with Stage(flow=ENDLESS, settings=settings, shop=False, lab={"record": True}) as stage:
        callers = place_calls(
            stage.lab.sip_port,
            count=CALLS,
            rate=A_SECOND,
            hold_s=HOLD_S,
            speech=her_speech(tmp_path / "caller.wav"),
            caller="+3805011122[call_number]",
        )
        try:
            await asyncio.sleep(HOLD_S / 3)
            assert await active_calls(stage) == CALLS
            measured = [await greeted_at_a_phone(stage) for _ in range(PROBES)]
            result = await asyncio.to_thread(callers.wait)
        finally:
            callers.end()
        assert (result.succeeded, result.failed) == (CALLS, 0), result.log

        deadline = time.monotonic() + WITHIN_S
        while still := await left(stage):
            assert time.monotonic() < deadline, still
            await asyncio.sleep(0.1)

        lines = stage.controller.lines
        assert [line for line in lines if line["level"] in ("error", "critical")] == []
        suffered = [line for line in lines if line["level"] == "warning" and "call_id" in line]
        assert suffered == []
        records = [stage.record(brief["call_id"]) for brief in stage.records()]
        others = [record for record in records if record["disposition"] != "hung_up"]
        assert others == [], [
            (record["steps"][-2:], [(turn["speaker"], turn["text"]) for turn in record["turns"]][-6:])
            for record in others
        ]
        assert [record["transport"] for record in records] == ["rtp"] * (CALLS + PROBES)
        understood = [
            sum(turn["speaker"] == "caller" for turn in record["turns"])
            for record in records
            if record["caller"].startswith("+3805011122")
        ]
        assert len(understood) == CALLS
        assert min(understood) >= 1

        files = sorted(stage.lab.recordings.glob("*-heard.wav"))
        greeted = sorted(first_audible_ms(heard(file)) for file in files)
        record_property("greeted_ms", [round(ms) for ms in greeted])
        record_property("greeted_at_a_phone_ms", [round(ms) for ms in measured])
        record_property("turns_understood", understood)
        print(
            f"greeting after, ms: p50 {greeted[len(greeted) // 2]:.0f}, max {greeted[-1]:.0f}; at a phone: "
            f"{[round(ms) for ms in measured]}; understood {min(understood)} to {max(understood)} lines"
        )
        assert len(greeted) == CALLS + PROBES
        assert max(*greeted, *measured) <= GREETED_MS
