"""The process under test for many calls: the controller with all its call logic, and no Asterisk before it.

    python -m bench.port --ports 40001,40002

holds one call for each UDP port of 127.0.0.1 and talks RTP with whoever is there. Everything is the
product's, the machine of each call, its performer, its record in SQLite, the line, the VAD with its network,
the shared ticker, uvloop; only the engines have no delay, and the calls do not come by ARI. It serves until
SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
import uvloop

from agent.scripted import ScriptedAgent
from ari_app.call import Call
from ari_app.client import AioariClient
from ari_app.logs import configure_logs
from ari_app.metrics import Metrics
from ari_app.services import Services
from ari_app.settings import Destination, Settings
from ari_app.steady import keep_steady
from ari_app.summary import SummaryDesk
from asterisk.lab.ports import HOST
from bench.engines import FLOW, LONG, ReadyTones
from callflow import events as ev
from callflow.load import LoadedFlow, load_file
from media import silero
from media.fakes import InstantRecognizer
from media.line import Line
from media.pacing import Ticker
from media.transports.audiosocket import AudioSocketServer
from media.transports.rtp import RtpPorts, RtpTransport
from media.vad import VadPool
from storage.sql import SqlStore

ARRIVAL_S = 0.01
"""Calls come one after the other, a hundred a second."""

log = structlog.get_logger(__name__)


class PortLeg:
    """A caller who is nothing but a UDP port."""

    by_ari = False
    caller = called = ""

    def __init__(self, ports: RtpPorts, remote: tuple[str, int]) -> None:
        self.channel_id = f"port-{remote[1]}"
        self._ports = ports
        self._remote = remote

    def attach(self, post: object) -> None:
        """Nothing happens to a port."""

    async def answer(self, line: Line) -> None:
        """Open RTP to it."""
        transport = RtpTransport(self._ports, line.hear)
        line.attach(transport)
        transport.connect(self._remote)

    async def transfer(self, destination: Destination, variables: object) -> None:
        """There is no dialplan: the caller stays."""

    async def hang_up(self) -> None:
        """There is no channel."""

    async def release(self) -> None:
        """The line closes its transport."""


@contextlib.asynccontextmanager
async def services(flow: LoadedFlow, vad: VadPool, directory: Path) -> AsyncIterator[Services]:
    """The parts of a controller, without Asterisk."""
    settings = Settings.of({"ARI_PASSWORD": "unused", "DATABASE_URL": f"sqlite:///{directory}/calls.db"})
    ticker = Ticker()
    store = SqlStore(settings.database_url.get_secret_value())
    synthesizer = ReadyTones()
    ticker.every_subtick(lambda _: vad.run())
    ticker.start()
    try:
        yield Services(
            settings=settings,
            ari=AioariClient(settings.ari_url, settings.ari_user, "unused"),
            store=store,
            agent=ScriptedAgent(),
            recognizer=InstantRecognizer(lambda: LONG),
            synthesizer=synthesizer,
            ticker=ticker,
            vad=vad,
            rtp_ports=RtpPorts(HOST, 0, 0),
            audiosocket=AudioSocketServer(HOST, 0),
            desk=SummaryDesk(synthesizer, ticker),
            metrics=Metrics(),
            flow=lambda: flow,
        )
    finally:
        ticker.stop()
        await store.close()


async def serve(remotes: list[int], directory: Path) -> None:
    """Hold a call with each port until SIGTERM, then tell what the ticker and the VAD counted."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    path = directory / "bench.yaml"
    path.write_text(FLOW, encoding="utf-8")
    vad = VadPool(silero.load())
    async with services(load_file(path), vad, directory) as parts:
        keep_steady()
        calls = [
            Call(parts, f"bench-{port}", PortLeg(parts.rtp_ports, (HOST, port)), parts.flow())
            for port in remotes
        ]
        running = []
        for call in calls:
            running.append(asyncio.create_task(call.run(), name=call.call_id))
            await asyncio.sleep(ARRIVAL_S)
        log.info("bench.serving", calls=len(calls))
        await stop.wait()
        pacing = parts.ticker.stats
        for call in calls:
            call.post(ev.HungUp())
        await asyncio.gather(*running)
        log.info(
            "bench.served",
            pacing_p99_ms=pacing.p99_s * 1000,
            skipped=pacing.skipped,
            failed=pacing.failed,
            hurried=vad.hurried,
        )


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", required=True, help="the callers' UDP ports, with commas between")
    options = parser.parse_args()
    configure_logs("info", "json")
    with tempfile.TemporaryDirectory(prefix="callflow-bench-") as name:
        uvloop.run(serve([int(port) for port in options.ports.split(",")], Path(name)))


if __name__ == "__main__":
    main()
