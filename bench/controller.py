"""The process under test behind a real Asterisk: the product's controller with engines that have no delay.

    python -m bench.controller exchange      answers 0.6 s, 4.8 s, 0.6 s and so on; `long`: always 4.8 s

Settings come from the environment as for `callflow run`. It serves until SIGTERM; each turn's own time is a
line of the log, `bench.turn`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

import structlog
import uvloop

from agent.scripted import ScriptedAgent
from ari_app.logs import configure_logs
from ari_app.main import Controller, Engines
from ari_app.settings import Settings
from bench.engines import LONG, SHORT, ReadyTones
from bench.watch import Watches

ANSWERS = {"exchange": (SHORT, LONG, SHORT) * 1000, "long": (LONG,) * 3000}

log = structlog.get_logger(__name__)


async def serve(settings: Settings, answers: tuple[str, ...]) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watches = Watches(lambda inside_ms: log.info("bench.turn", inside_ms=inside_ms))
    engines = Engines(watches.recognizer("yes"), ScriptedAgent(answers), ReadyTones())
    async with Controller(settings, engines) as controller:
        services = controller.services
        services.vad = watches.detector(services.vad)
        services.rtp_ports = watches.ports(settings.rtp_host, settings.rtp_port_min, settings.rtp_port_max)
        log.info("bench.serving", asterisk=controller.asterisk_version, rtp_is_heard=services.rtp_is_heard)
        await stop.wait()
        await controller.drain(0)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", choices=sorted(ANSWERS))
    options = parser.parse_args()
    settings = Settings.load()
    configure_logs("info", "json")
    uvloop.run(serve(settings, ANSWERS[options.answers]))


if __name__ == "__main__":
    main()
