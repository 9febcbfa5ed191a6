"""Whether Asterisk hears us by RTP: a tone goes into one ExternalMedia channel and should leave by another.

Asterisk drops audio of a payload type that it does not take, and a firewall drops it too, both without a
word: callers hear silence and no log says why. So it is tried at start-up, with nobody on the line.
The channels' ids begin with `ari_app.ids.SELF_TEST`, so their `StasisStart` is no call's.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ari_app import ids
from ari_app.arrivals import Arrivals
from ari_app.ports import Ari
from ari_app.services import Services
from callflow.errors import AriError, MediaError
from media.ports import FRAME_MS, FRAME_SAMPLES, RATE, FrameSink
from media.transports.rtp import RtpPorts, RtpTransport

TONE_HZ: Final = 1000
TONE_AMPLITUDE: Final = 8192  # -15 dBFS
QUIETEST_DBFS: Final = -33.0
"""What comes back 18 dB below what was sent is not our tone."""

NOTHING_DBFS: Final = -100.0
SKIPPED_FRAMES: Final = 3
"""The tone's first frames, in which filters swell and Asterisk's path builds up, are not judged."""

JUDGED_FRAMES: Final = 10
PATIENCE_S: Final = 1.0
"""The tone lasts at most so long."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The outcome. `heard_dbfs` is the level that came back (-100: none), `round_trip_ms` the time from the
    tone's first packet to its return. `reason` is empty when `ok`, else a sentence with the next step."""

    ok: bool
    heard_dbfs: float = NOTHING_DBFS
    round_trip_ms: float = 0.0
    reason: str = ""


async def prove_return_path(services: Services) -> SelfTest:
    """Try it with the parts that calls use, once events flow. A failure of any kind is an outcome."""
    settings = services.settings
    probe = Probe(
        services.ari, services.arrivals, settings.ari_app, services.rtp_ports, settings.rtp_advertise or None
    )
    return await probe.run()


class Probe:
    """One self-test: two channels of ours in a bridge of ours, which `run` makes and removes."""

    def __init__(
        self, ari: Ari, arrivals: Arrivals, application: str, ports: RtpPorts, advertise: str | None = None
    ) -> None:
        """`advertise` is our address as Asterisk sees it, where that is another than the one we bind."""
        self._ari, self._arrivals, self._application = ari, arrivals, application
        self._ports, self._advertise = ports, advertise
        self._run = secrets.token_hex(4)
        self._bridge = ids.self_test(self._run, "bridge")
        self._undo = contextlib.AsyncExitStack()

    async def run(self) -> SelfTest:
        """Speak, listen, judge, and leave nothing behind."""
        ear = Ear(time.monotonic)  # a loop may keep its time for a whole turn
        async with self._undo:
            try:
                await self._ari.create_bridge(self._bridge)
                self._undo.push_async_callback(_quietly(self._ari.destroy_bridge), self._bridge)
                mouth = await self._leg("mouth", lambda frame, real: None)
                await self._leg("ear", ear.hear)
            except (AriError, MediaError) as error:
                return SelfTest(False, reason=f"the self-test of RTP could not be set up: {error}")
            await _speak(mouth, ear)
        return ear.judge(f"{self._advertise or mouth.local[0]}:{mouth.local[1]}")

    async def _leg(self, part: str, sink: FrameSink) -> RtpTransport:
        """A channel in the bridge, its audio at a socket of ours."""
        transport = RtpTransport(self._ports, sink)
        self._undo.push_async_callback(transport.close)
        channel_id = ids.self_test(self._run, part)
        host = f"{self._advertise or transport.local[0]}:{transport.local[1]}"
        self._undo.push_async_callback(_quietly(self._ari.hang_up), channel_id)
        async with self._arrivals.of(channel_id):
            variables = await self._ari.external_media(channel_id, self._application, host)
        try:
            remote = variables["UNICASTRTP_LOCAL_ADDRESS"], int(variables["UNICASTRTP_LOCAL_PORT"])
        except (KeyError, ValueError) as fault:
            raise MediaError(f"Asterisk did not say where it listens for RTP ({fault})") from fault
        transport.connect(remote)
        await self._ari.add_to_bridge(self._bridge, channel_id)
        return transport


class Ear:
    """What came back. Time is what `clock` says, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s: float | None = None
        self._heard_s: float | None = None
        self._frames: list[bytes] = []

    @property
    def done(self) -> bool:
        """Enough was heard to judge."""
        return len(self._frames) >= SKIPPED_FRAMES + JUDGED_FRAMES

    def begin(self) -> None:
        """The tone begins now; what came before it was something else."""
        self._began_s = self._clock()

    def hear(self, frame: bytes, real: bool) -> None:
        """Take a frame of 20 ms; keep it from the first one on that is loud enough."""
        if not real or self._began_s is None or (not self._frames and level_dbfs(frame) < QUIETEST_DBFS):
            return
        if self._heard_s is None:
            self._heard_s = self._clock()
        self._frames.append(frame)

    def judge(self, address: str) -> SelfTest:
        """Whether it was our tone; `address` is where Asterisk sees us."""
        if self._heard_s is None or self._began_s is None:
            return SelfTest(
                False,
                reason="nothing of what we send by RTP comes back: see that UDP passes both ways between "
                f"Asterisk and {address} (firewall, NAT, RTP_ADVERTISE)",
            )
        pcm = b"".join(self._frames[SKIPPED_FRAMES:])
        heard_dbfs, hertz = round(level_dbfs(pcm), 1), pitch_hz(pcm)
        round_trip_ms = round((self._heard_s - self._began_s) * 1000, 1)
        if heard_dbfs < QUIETEST_DBFS or abs(hertz - TONE_HZ) > TONE_HZ / 20:
            reason = (
                f"a tone of {TONE_HZ} Hz came back by RTP as {hertz:.0f} Hz at {heard_dbfs:.0f} dBFS: "
                "Asterisk takes our audio for another format, or much of it is lost on the way"
            )
            return SelfTest(False, heard_dbfs, round_trip_ms, reason)
        return SelfTest(True, heard_dbfs, round_trip_ms)


def level_dbfs(pcm: bytes) -> float:
    """The level of 16-bit PCM: a full square wave has 0."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    power = float(np.mean(samples * samples)) if len(samples) else 0.0
    return max(NOTHING_DBFS, 10.0 * float(np.log10(power / 32768.0**2))) if power else NOTHING_DBFS


def pitch_hz(pcm: bytes) -> float:
    """The strongest frequency of PCM at 16 kHz; 0 for none."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    if not samples.any():
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), n=RATE))
    return float(np.argmax(spectrum))


def tone() -> list[bytes]:
    """The tone as frames for `PATIENCE_S`."""
    count = int(PATIENCE_S * 1000 / FRAME_MS)
    angles = 2 * np.pi * TONE_HZ * np.arange(count * FRAME_SAMPLES) / RATE
    pcm = (TONE_AMPLITUDE * np.sin(angles)).astype("<i2").tobytes()
    return [pcm[at : at + 2 * FRAME_SAMPLES] for at in range(0, len(pcm), 2 * FRAME_SAMPLES)]


async def _speak(mouth: RtpTransport, ear: Ear) -> None:
    """Send the tone in real time until enough of it was heard."""
    loop = asyncio.get_running_loop()
    ear.begin()
    began_s = loop.time()
    for number, frame in enumerate(tone()):
        if ear.done:
            return
        mouth.send(frame, marker=number == 0)
        await asyncio.sleep(max(0.0, began_s + (number + 1) * FRAME_MS / 1000 - loop.time()))


def _quietly(undo: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
    """To tidy up what may be gone with Asterisk itself."""

    async def tidy(name: str) -> None:
        with contextlib.suppress(AriError):
            await undo(name)

    return tidy
