"""The composition root: every part is made here, and here alone; `Controller` holds them while it serves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import uvloop

from agent.local import LocalAgent
from agent.ports import Agent
from agent.tools.registry import Registry
from agent.tools.store import StoreClient
from agent.tools.tyres import tyre_tools
from ari_app.client import AioariClient
from ari_app.fitness import check
from ari_app.link import Backoff, EventLink
from ari_app.metrics import Metrics
from ari_app.readiness import Probe, Readiness
from ari_app.selftest import prove_return_path
from ari_app.services import Observer, Services
from ari_app.settings import Settings
from ari_app.steady import keep_steady
from ari_app.summary import SummaryDesk
from ari_app.switchboard import Switchboard
from callflow.errors import AriUnreachable, FlowError
from callflow.load import LoadedFlow, load_file
from media import silero
from media.pacing import Ticker
from media.ports import Recognizer, Synthesizer
from media.transports.audiosocket import AudioSocketServer
from media.transports.rtp import RtpPorts
from media.vad import VadPool
from storage.sql import SqlStore
from web.app import Dependency, Status, make_app
from web.server import serve

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Engines:
    """What hears, thinks and speaks; `probes` ask what they depend on, by the names of `/health/ready`."""

    recognizer: Recognizer
    agent: Agent
    synthesizer: Synthesizer
    probes: Mapping[str, Probe] = field(default_factory=dict)


def embedded(settings: Settings) -> Engines:
    """The engines that need no key and no cloud. Raises `ProviderRefused` when they are not installed."""
    # Optional, installed by callflow[embedded].
    from media.stt.pocketsphinx import PocketsphinxRecognizer
    from media.stt.pool import Pool
    from media.tts.espeak import EspeakSynthesizer

    recognizer = PocketsphinxRecognizer(Pool(settings.stt_workers))
    if not settings.store_api_url:
        return Engines(recognizer, LocalAgent(Registry(())), EspeakSynthesizer())
    key = settings.store_api_key.get_secret_value()
    shop = StoreClient(settings.store_api_url, key, settings.store_api_timeout)
    agent = LocalAgent(tyre_tools(shop))
    return Engines(recognizer, agent, EspeakSynthesizer(), {"store_api": shop.health})


class Controller:
    """The whole controller. An async context manager: serving inside, released outside.

    Raises our errors on entering: a flow with problems, a port in use, a refused password, an Asterisk that
    is too old. An Asterisk that is away is waited for.
    """

    def __init__(
        self, settings: Settings, engines: Engines | None = None, observers: Sequence[Observer] = ()
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.ticker = Ticker()
        self.http_port = 0
        self._engines = engines
        self._observers = list(observers)
        self._flow: LoadedFlow | None = None
        self._held = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Controller:
        try:
            await self._start()
        except BaseException:
            await self._held.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    async def drain(self, within_s: float) -> None:
        """Take no new calls and let those that run end; the rest goes to people."""
        await self.switchboard.drain(within_s)

    # --- starting ------------------------------------------------------------------------------------

    async def _start(self) -> None:
        settings = self.settings
        self._flow = load_file(_flow_path(settings))
        engines = self._engines or embedded(settings)
        for engine in (engines.recognizer, engines.agent, engines.synthesizer):
            self._held.push_async_callback(engine.close)
        await engines.recognizer.start()
        store = SqlStore(settings.database_url.get_secret_value())
        self._held.push_async_callback(store.close)
        vad = self._start_ticker()
        audiosocket = AudioSocketServer(settings.audiosocket_host, settings.audiosocket_port)
        self._held.push_async_callback(audiosocket.close)
        await audiosocket.start()
        self.client = AioariClient(
            settings.ari_url, settings.ari_user, settings.ari_password.get_secret_value()
        )
        self._held.push_async_callback(self.client.close)
        desk = SummaryDesk(engines.synthesizer, self.ticker)
        self._held.push_async_callback(desk.close)
        self.services = Services(
            settings=settings,
            ari=self.client,
            store=store,
            agent=engines.agent,
            recognizer=engines.recognizer,
            synthesizer=engines.synthesizer,
            ticker=self.ticker,
            vad=vad,
            rtp_ports=RtpPorts(settings.rtp_host, settings.rtp_port_min, settings.rtp_port_max),
            audiosocket=audiosocket,
            desk=desk,
            metrics=self.metrics,
            flow=self._current_flow,
            observers=self._observers,
        )
        self.readiness = Readiness({"storage": lambda: store.recent(1), **engines.probes})
        self._keep(self.readiness.run(), "readiness")
        self.switchboard = Switchboard(self.services)
        audiosocket.on_call = self.switchboard.on_audiosocket
        self.http_port = await self._held.enter_async_context(
            serve(make_app(self.status, self.metrics), settings.http_host, settings.http_port)
        )
        await self._meet_asterisk()

    def _start_ticker(self) -> VadPool:
        vad = VadPool(silero.load())
        self.ticker.every_subtick(lambda _: vad.run())
        self.ticker.start()
        self._held.callback(self.ticker.stop)
        return vad

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task for as long as we serve."""
        self._held.push_async_callback(_ended, asyncio.create_task(work, name=name))

    def _current_flow(self) -> LoadedFlow:
        if self._flow is None:
            raise FlowError("no flow is loaded")
        return self._flow

    async def _meet_asterisk(self) -> None:
        """Wait for Asterisk, see that it is fit, follow its events, and prove that it hears us."""
        settings = self.settings
        self.link = EventLink(
            settings.ari_url,
            settings.ari_user,
            settings.ari_password.get_secret_value(),
            settings.ari_app,
            self.switchboard.on_event,
        )
        self._held.push_async_callback(self.link.close)
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                await self._introduce()
            except AriUnreachable as error:
                log.warning("ari.waiting", reason=str(error))
                await asyncio.sleep(backoff.next())
            else:
                break
        self._keep(self.link.run(), "ari-link")
        await self._prove_return_path()
        keep_steady()
        log.info("controller.serving", app=settings.ari_app, http=self.http_port)

    async def _introduce(self) -> None:
        await self.client.connect()
        info = await self.client.info()
        by_socket = self.settings.media_transport == "audiosocket"
        falls_back = self.settings.media_transport == "auto"
        for warning in check(
            info, "audiosocket" if by_socket else "rtp", "audiosocket" if falls_back else None
        ):
            log.warning("asterisk.warning", advice=warning)
        self.asterisk_version = info.version
        await self.link.connect_once()

    async def _prove_return_path(self) -> None:
        if self.settings.media_transport == "audiosocket":
            return
        result = await prove_return_path(self.services)
        self.services.rtp_is_heard = result.ok
        if result.ok:
            log.info("media.self_test", heard_dbfs=result.heard_dbfs, round_trip_ms=result.round_trip_ms)
        else:
            log.error("media.self_test_failed", reason=result.reason)

    # --- serving -------------------------------------------------------------------------------------

    def status(self) -> Status:
        """What the HTTP side tells."""
        up = self.link.up if hasattr(self, "link") else False
        flow = self._current_flow()
        return Status(
            active_calls=len(self.switchboard.calls),
            dependencies={
                "ari": Dependency(up, "connected" if up else "unreachable"),
                "flows": Dependency(True, f"{flow.flow.flow} {flow.version}"),
                "speech": Dependency(True, self.services.synthesizer.name),
                **self.readiness.dependencies,
            },
            draining=self.switchboard.draining,
        )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _flow_path(settings: Settings) -> Path:
    path = settings.flows_dir / f"{settings.flow}.yaml"
    if not path.is_file():
        raise FlowError(f"there is no flow {path}; write the name of a file in FLOWS_DIR into FLOW")
    return path


class Stopping:
    """SIGTERM and SIGINT: the first one while serving asks to drain; any other ends at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.draining_makes_sense = False
        self._task = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._task is not None and (self.asked.is_set() or not self.draining_makes_sense):
            self._task.cancel()
        self.asked.set()


async def _serve(settings: Settings) -> None:
    stopping = Stopping()
    async with Controller(settings) as controller:
        stopping.draining_makes_sense = True
        await stopping.asked.wait()
        calls = len(controller.switchboard.calls)
        log.info("controller.draining", seconds=settings.drain_seconds, calls=calls)
        await controller.drain(settings.drain_seconds)
    log.info("controller.stopped")


def run(settings: Settings) -> None:
    """Serve calls until told to stop. Raises our errors when it cannot begin."""
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        uvloop.run(_serve(settings))
