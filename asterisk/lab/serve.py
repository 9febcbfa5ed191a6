"""`python -m asterisk.lab.serve`: a private Asterisk, the shop and the controller, until Ctrl-C.

    make run                              # SIP 5060, ARI 8088, HTTP 8080, AudioSocket 9092
    make run SIP_PORT=5070 HTTP_PORT=8181

Everything is on 127.0.0.1. What is changed by the environment: the names of `Wishes`, in capitals, and every
setting of docs/settings.md. Ctrl-C ends it in order: calls that run may end, then each process is waited for;
a second Ctrl-C ends the calls too. Exit code 0 after Ctrl-C, 1 when a part ended by itself, 2 when it cannot
begin.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import aiohttp

from ari_app.settings import Settings
from asterisk.lab.instance import Lab, LabError
from asterisk.lab.ports import HOST, free_port
from asterisk.lab.stage import open_all_day
from callflow.errors import CallflowError, SettingsError
from callflow.load import load_file

READY_S = 60.0
STOP_S = 15.0

BANNER = """
Callflow is serving. Ctrl-C ends it in order; calls that run may end.

  call it    sip:100@{host}:{sip}
             a softphone on this machine, SIP over UDP, no account, no registration, no password; G.711
             for example: baresip -e '/dial sip:100@{host}:{sip}'
  operators  {operators}
  hours      {hours}
  ready?     http://{host}:{http}/health/ready
  metrics    http://{host}:{http}/metrics
  HTTP API   http://{host}:{http}/docs
  records    .venv/bin/callflow calls
  Asterisk   {version}, ARI http://{host}:{ari}/ari, its log is {log}
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What this command has beyond the controller's settings. A port of 0 is a free one.

    `operator_port`: where a second softphone takes the operator's calls; 0: nobody is at work.
    `sip_rtp_min`, `sip_rtp_max`: UDP ports of Asterisk's own for the telephones' sound.
    `hours`: `any`, the flow's opening hours do not count, or `flow`, they do.
    """

    sip_port: int = 5060
    ari_port: int = 8088
    shop_port: int = 0
    operator_port: int = 0
    sip_rtp_min: int = 10_000
    sip_rtp_max: int = 11_998
    hours: str = "any"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """From the environment. Raises `SettingsError`."""
        given = {f.name: environ[f.name.upper()] for f in fields(cls) if environ.get(f.name.upper())}
        hours = given.pop("hours", cls().hours)
        if hours not in ("any", "flow"):
            raise SettingsError(f'HOURS is "{hours}": write any or flow')
        return cls(**{name: _port(name.upper(), text) for name, text in given.items()}, hours=hours)

    @classmethod
    def names(cls) -> frozenset[str]:
        """The names in the environment, which the controller would not know."""
        return frozenset(f.name.upper() for f in fields(cls))


def _port(name: str, text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise SettingsError(f'{name} is "{text}": write a port from 0 (any free one) to 65535')
    return int(text)


class Service:
    """The processes of `make run`. Reads as a context manager around Asterisk; `serve` runs the rest."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.wishes = Wishes.read(environ)
        own = self.wishes.names() | {"ARI_PASSWORD_FILE"}
        rest = {name: text for name, text in environ.items() if name not in own}
        settings = Settings.load({**rest, "ARI_PASSWORD": "is chosen later"})
        self.http_port = settings.http_port or free_port(socket.SOCK_STREAM)
        self.audiosocket_port = settings.audiosocket_port or free_port(socket.SOCK_STREAM)
        self.drain_s = settings.drain_seconds
        self._shop_port = self.wishes.shop_port or free_port(socket.SOCK_STREAM)
        self._flows = settings.flows_dir / f"{settings.flow}.yaml"
        self._rest = rest
        self._controller: Process | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Service:
        self._require_free_ports()
        load_file(self._flows)  # its problems are told by its own name, not by its copy's
        self.directory = Path(tempfile.mkdtemp(prefix="callflow-run-"))
        self._held.callback(shutil.rmtree, self.directory, ignore_errors=True)
        try:
            self.lab = self._held.enter_context(self._make_lab())
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    async def serve(self) -> str:
        """Serve until cancelled; returns only when a part ended by itself: its name."""
        async with contextlib.AsyncExitStack() as running:
            shop = await self._start(sys.executable, "-m", "shop", "--port", str(self._shop_port))
            running.push_async_callback(_end, shop, STOP_S)
            program = str(Path(sys.executable).with_name("callflow"))
            self._controller = await self._start(program, "run", environment=self._environment())
            running.push_async_callback(_end, self._controller, self.drain_s + STOP_S)
            parts = {
                asyncio.create_task(self._controller.wait()): "the controller",
                asyncio.create_task(shop.wait()): "the shop",
            }
            for part in parts:
                running.callback(part.cancel)
            telling = asyncio.create_task(self._tell_when_ready())
            running.callback(telling.cancel)
            return await self._first_to_end(parts)

    def hurry(self) -> None:
        """End the calls that still run: the controller takes its second signal for that."""
        if self._controller is not None and self._controller.returncode is None:
            self._controller.terminate()

    async def _first_to_end(self, parts: Mapping[asyncio.Task[int], str]) -> str:
        while self.lab.running:
            done, _ = await asyncio.wait(parts, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return parts[done.pop()]
        return "Asterisk"

    async def _start(self, *command: str, environment: Mapping[str, str] | None = None) -> Process:
        """Start a program of ours; its output is on our terminal, the terminal's Ctrl-C is not for it."""
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            env=environment or self._rest,
            start_new_session=True,
        )

    def _make_lab(self) -> Lab:
        wishes = self.wishes
        return Lab(
            operators={"201": wishes.operator_port} if wishes.operator_port else {},
            controller=f"{HOST}:{self.audiosocket_port}",
            sip_port=wishes.sip_port,
            http_port=wishes.ari_port,
            queue_timeout_s=30,
            queue_ring_s=15,
            values={"rtp-first": str(wishes.sip_rtp_min), "rtp-last": str(wishes.sip_rtp_max)},
        )

    def _require_free_ports(self) -> None:
        tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
        for name, port, kind in (
            ("SIP_PORT", self.wishes.sip_port, udp),
            ("ARI_PORT", self.wishes.ari_port, tcp),
            ("HTTP_PORT", self.http_port, tcp),
            ("AUDIOSOCKET_PORT", self.audiosocket_port, tcp),
            ("SHOP_PORT", self._shop_port, tcp),
        ):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == tcp)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    reason = f"which cannot be taken ({error.strerror}): make run {name}=ANOTHER"
                    raise SettingsError(f"{name} is {port}, {reason}") from None

    def _environment(self) -> dict[str, str]:
        """The controller's settings: those given, and where the private Asterisk and the shop are."""
        return {
            "STORE_API_URL": f"http://{HOST}:{self._shop_port}/api/v1",
            "LOG_FORMAT": "console",
            **self._rest,
            "HTTP_PORT": str(self.http_port),
            "AUDIOSOCKET_PORT": str(self.audiosocket_port),
            "ARI_URL": self.lab.ari_url,
            "ARI_USER": self.lab.ari_user,
            "ARI_PASSWORD": self.lab.ari_password,
            "FLOWS_DIR": str(self._flows_directory()),
        }

    def _flows_directory(self) -> Path:
        """The flow's own, or one with a copy of it whose doors are always open."""
        if self.wishes.hours == "flow":
            return self._flows.parent
        copy = self.directory / self._flows.name
        copy.write_text(open_all_day(self._flows), encoding="utf-8")
        return self.directory

    async def _tell_when_ready(self) -> None:
        url = f"http://{HOST}:{self.http_port}/health/ready"
        try:
            await asyncio.wait_for(_until_yes(url), READY_S)
        except TimeoutError:
            print(f"Not ready after {READY_S:.0f} s; {url} says what is missing.", flush=True)
        else:
            print(self._banner(), flush=True)

    def _banner(self) -> str:
        port = self.wishes.operator_port
        nobody = "nobody is at work (make run OPERATOR_PORT=5080: a second softphone listens there)"
        return BANNER.format(
            host=HOST,
            sip=self.lab.sip_port,
            ari=self.lab.http_port,
            http=self.http_port,
            operators=f"calls for people ring at sip:201@{HOST}:{port}" if port else nobody,
            hours="as in the flow" if self.wishes.hours == "flow" else "always open (make run HOURS=flow)",
            version=self.lab.version,
            log=self.lab.directory / "log" / "messages.log",
        )


async def _until_yes(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


async def _end(process: Process, within_s: float) -> None:
    """End a program in order; by force when it takes longer than it may."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _serve(service: Service) -> int:
    """Serve until a signal, then end in order; a further signal hurries the controller."""
    serving = asyncio.create_task(service.serve())
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if not serving.cancelling():
            serving.cancel()
            with contextlib.suppress(OSError):  # the terminal may be gone: that is what SIGHUP says
                print("\nEnding in order; Ctrl-C again does not wait for calls.", flush=True)
        else:
            service.hurry()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    await asyncio.wait({serving})
    if serving.cancelled():
        return 0
    print(f"run: {serving.result()} ended by itself; what it said is above", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Until the event loop has its own: whatever tells us to end raises KeyboardInterrupt."""
    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in usual:
        signal.signal(number, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def main() -> int:
    """Serve; the exit code."""
    with _signals_interrupt():
        try:
            print("Starting Asterisk, the shop and the controller.", flush=True)
            with Service(os.environ) as service:
                return asyncio.run(_serve(service))
        except (CallflowError, LabError) as error:
            print(f"run: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
