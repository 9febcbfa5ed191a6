"""A whole call centre on one machine: Asterisk, the telephones, the shop and the controller, each a process.

    async with Stage() as stage:
        call = await stage.phones.dial("100")
        line = await stage.controller.says("call.ended")        # what the controller's log said
        print(stage.record(line["call_id"]))                    # what it stored

The controller is the product as an administrator starts it, `callflow run`, with its settings in the
environment and JSON on stdout. Everything listens on free ports of 127.0.0.1 unless they are given.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any

from asterisk.lab.instance import Lab
from asterisk.lab.phone import PhoneExchange
from asterisk.lab.ports import HOST, free_port, rtp_range

READY_S = 30.0
STOP_S = 15.0
FLOWS = Path(__file__).parents[2] / "flows"

LogLine = Mapping[str, Any]


class Program:
    """A process whose stdout is read line by line; JSON lines are kept and can be waited for."""

    def __init__(self, name: str, watch: Callable[[LogLine], None] | None = None) -> None:
        self.name = name
        self.lines: list[LogLine] = []
        self.output: list[str] = []
        self._watch = watch
        self._news = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running process."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    async def start(self, *command: str, environment: Mapping[str, str] | None = None, cwd: Path) -> None:
        """Start it; its environment is ours and `environment`."""
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
            limit=1 << 20,
        )
        self._reader = asyncio.create_task(self._read(), name=f"reads-{self.name}")

    async def says(self, event: str, *, timeout_s: float = 30.0, since: int = 0, **fields: object) -> LogLine:
        """Wait for a log line of this event with these fields, looking back to line `since`.

        Raises TimeoutError with the last lines of output when it does not come.
        """

        def found() -> LogLine | None:
            wanted = {"event": event, **fields}
            return next((ln for ln in self.lines[since:] if wanted.items() <= ln.items()), None)

        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: found() is not None or self._ended)
        except TimeoutError:
            pass
        line = found()
        if line is None:
            tail = "\n".join(self.output[-15:])
            raise TimeoutError(
                f"{self.name} did not say {event} {fields} in {timeout_s} s; it said last:\n{tail}"
            )
        return line

    async def stop(self, number: Signals = SIGTERM) -> int:
        """End it, by force if need be; its exit code."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(number)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            await self._reader
        return self._process.returncode or 0

    @property
    def _ended(self) -> bool:
        return self._reader is not None and self._reader.done()

    async def _read(self) -> None:
        stream = self.process.stdout
        while stream is not None and (raw := await stream.readline()):
            text = raw.decode(errors="replace").rstrip()
            self.output.append(text)
            line: LogLine = {}
            if text.startswith("{"):
                with contextlib.suppress(ValueError):
                    line = json.loads(text)
            async with self._news:
                if line:
                    self.lines.append(line)
                self._news.notify_all()
            if line and self._watch is not None:
                self._watch(line)
        async with self._news:
            self._news.notify_all()


class Stage:
    """See the module. `settings` are the controller's, by name; `flow` a flow's text instead of the shop's.

    operators: the queue's phones that take calls on `stage.phones`; `watch` sees the controller's log lines.
    lab: further arguments of `Lab`; `controller` False: nothing answers, as when it is down.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        flow: str | None = None,
        operators: tuple[str, ...] = ("201",),
        lab: Mapping[str, Any] | None = None,
        controller: bool = True,
        shop: bool = True,
        watch: Callable[[LogLine], None] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.phones = PhoneExchange()
        self.audiosocket_port = free_port(socket.SOCK_STREAM)
        self.http_port = free_port(socket.SOCK_STREAM)
        self.shop_port = free_port(socket.SOCK_STREAM)
        self.rtp_range = rtp_range()
        self.lab = Lab(
            operators=dict.fromkeys(operators, self.phones.sip_port),
            controller=f"{HOST}:{self.audiosocket_port}",
            **(lab or {}),
        )
        self.directory = directory or Path(tempfile.mkdtemp(prefix="callflow-stage-"))
        self._temporary = directory is None
        self._settings = dict(settings or {})
        self._flow = flow
        self._with_controller, self._with_shop = controller, shop
        self.controller = Program("the controller", watch)
        self.shop = Program("the shop")
        self._watch = watch
        self._held = contextlib.AsyncExitStack()

    @property
    def database(self) -> Path:
        """The controller's SQLite file."""
        return self.directory / "callflow.db"

    @property
    def environment(self) -> dict[str, str]:
        """The controller's settings."""
        low, high = self.rtp_range
        return {
            "ARI_URL": self.lab.ari_url,
            "ARI_USER": self.lab.ari_user,
            "ARI_PASSWORD": self.lab.ari_password,
            "AUDIOSOCKET_PORT": str(self.audiosocket_port),
            "HTTP_PORT": str(self.http_port),
            "RTP_PORT_MIN": str(low),
            "RTP_PORT_MAX": str(high),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "RECORDINGS_DIR": str(self.directory / "recordings"),
            "FLOWS_DIR": str(self.directory / "flows"),
            "STORE_API_URL": f"http://{HOST}:{self.shop_port}/api/v1" if self._with_shop else "",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "debug",
            **self._settings,
        }

    async def __aenter__(self) -> Stage:
        try:
            await self._start()
        except BaseException:
            await self._held.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    async def _start(self) -> None:
        if self._temporary:
            self._held.callback(shutil.rmtree, self.directory, ignore_errors=True)
        flows = self.directory / "flows"
        flows.mkdir(parents=True, exist_ok=True)
        (flows / "tyre_shop.yaml").write_text(self._flow or open_all_day(), encoding="utf-8")
        self._held.callback(self.lab.close)
        await asyncio.to_thread(self.lab.start)
        self.phones.target_sip_port = self.lab.sip_port
        await self._held.enter_async_context(self.phones)
        if self._with_shop:
            await self.start_shop()
        if self._with_controller:
            await self.start_controller()

    async def start_shop(self) -> None:
        """Start the shop's service and wait until it answers."""
        self._held.push_async_callback(self.shop.stop)
        await self.shop.start(sys.executable, "-m", "shop", "--port", str(self.shop_port), cwd=self.directory)
        await _listens(self.shop_port)

    async def start_controller(self, **settings: str) -> None:
        """Start the controller (again) and wait until it serves. Raises TimeoutError with its last words."""
        self.controller = Program("the controller", self._watch)
        self._held.push_async_callback(self.controller.stop)
        program = str(Path(sys.executable).with_name("callflow"))
        await self.controller.start(
            program, "run", environment={**self.environment, **settings}, cwd=self.directory
        )
        await self.controller.says("controller.serving", timeout_s=READY_S)

    def record(self, call_id: str) -> dict[str, Any]:
        """What `callflow call show ID --json` prints. Raises RuntimeError with its words when it fails."""
        return dict(json.loads(self._cli("call", "show", call_id, "--json")))

    def records(self) -> list[dict[str, Any]]:
        """What `callflow calls --json` prints."""
        return list(json.loads(self._cli("calls", "--json", "--limit", "1000")))

    def _cli(self, *arguments: str) -> str:
        import subprocess

        done = subprocess.run(
            [str(Path(sys.executable).with_name("callflow")), *arguments],
            env={**os.environ, **self.environment},
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"callflow {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout


async def _listens(port: int) -> None:
    """Wait until something listens on a port of ours."""
    async with asyncio.timeout(READY_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


def open_all_day(flow: Path = FLOWS / "tyre_shop.yaml") -> str:
    """A flow's text with its doors always open: a demo and a test have no business hours."""
    text = flow.read_text(encoding="utf-8")
    return re.sub(r"(?m)^hours:.*\n(?:[ \t].*\n|\n)*", "hours: {timezone: UTC, mon-sun: 00:00-24:00}\n", text)
