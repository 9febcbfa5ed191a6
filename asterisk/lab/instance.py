"""One private Asterisk on 127.0.0.1, with the configuration files that administrators copy.

    with Lab(operators={"201": 5071}, controller="127.0.0.1:9092") as lab:
        lab.ari_url, lab.ari_user, lab.ari_password     # http://127.0.0.1:PORT/ari
        lab.sip_port                                    # INVITE sip:100@127.0.0.1:PORT reaches [callflow]
        print(lab.cli("core show channels"))

Ports are free ones unless given, so that any number of labs run side by side; each has a directory of its own
and removes it. `start` takes under a second, waits until Asterisk serves, and raises `LabError` with the last
lines of its log if it does not. `kill` and `start` again keep ports and passwords: that is how a test
restarts Asterisk. Nothing here is asyncio: in an event loop use `asyncio.to_thread(lab.start)`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from asterisk.lab import directory, render
from asterisk.lab.installation import Installation, LabError, find
from asterisk.lab.ports import HOST, free_port, rtp_range

__all__ = ["HOST", "Lab", "LabError"]

START_S = 20.0
STOP_S = 5.0


class Lab:
    """A private Asterisk. Reads as a context manager; `start`, `stop` and `kill` do the same by hand.

    operators:        the phones of the queue: `201` and `202`, each with the UDP port at 127.0.0.1 where it
                      takes calls. One that is left out is not registered, so the queue finds nobody there.
    controller:       where AudioSocket connections go, `host:port`.
    trunk:            the SIP URI that `PJSIP/NUMBER@callflow-trunk` dials, for outbound calls.
    queue_timeout_s:  how long a caller waits for people; `queue_ring_s`: how long one phone rings.
    sip_port, http_port, ari_password: fixed ones; otherwise free and random.
    values:           further lines to fill, by marker: `grep -n '; CHANGE' asterisk/*.conf`.
    extra:            text to append, by file name: contexts for `extensions.conf`, `load =` lines for
                      `modules.conf`, endpoints for `pjsip.conf`.
    record:           whether each call to 100 is written as `*-said.wav` and `*-heard.wav` to `recordings`.
    """

    host = HOST
    ari_user = "callflow"

    def __init__(
        self,
        *,
        operators: Mapping[str, int] | None = None,
        controller: str = f"{HOST}:9092",
        trunk: str | None = None,
        queue_timeout_s: int = 10,
        queue_ring_s: int = 5,
        sip_port: int = 0,
        http_port: int = 0,
        ari_password: str | None = None,
        values: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
        record: bool = False,
        installation: Installation | None = None,
    ) -> None:
        self.installation = installation or find()
        self.sip_port = sip_port or free_port(socket.SOCK_DGRAM)
        self.http_port = http_port or free_port(socket.SOCK_STREAM)
        self.rtp_range = rtp_range()
        self.ari_password = ari_password or secrets.token_hex(16)
        self.version = ""
        self.extra = dict(extra or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self.directory, self._lock = directory.make(self.installation)
        self.recordings = self.directory / "recordings"
        self.values = {
            "controller-audiosocket": controller,
            "queue-timeout-seconds": str(queue_timeout_s),
            "queue-ring-seconds": str(queue_ring_s),
            "queue-retry-seconds": "1",
            **({"trunk-contact": trunk} if trunk else {}),
            **({"record-directory": str(self._seen("recordings"))} if record else {}),
            **{
                f"phone-{name}-contact": f"sip:{name}@{HOST}:{port}"
                for name, port in (operators or {}).items()
            },
            **self._own_values(),
            **(values or {}),
        }

    @property
    def ari_url(self) -> str:
        """The base address of ARI, without a slash at the end."""
        return f"http://{HOST}:{self.http_port}/ari"

    @property
    def pid(self) -> int:
        """The process id of the running Asterisk. Raises `LabError` when it does not run."""
        if not self.running or self._process is None:
            raise LabError("this lab's Asterisk is not running; call start() first")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether Asterisk was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Write the configuration, start Asterisk and wait until it serves. Raises `LabError`."""
        if self.running:
            return
        etc = self.directory / "etc"
        for name, text in render.fill_all(self.values, self.extra).items():
            (etc / name).write_text(text, encoding="utf-8")
        with (self.directory / "log" / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self.installation.command(self.directory, "-f"),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for the test, not for Asterisk
            )
        try:
            self._wait_until_it_serves(time.monotonic() + START_S)
        except LabError:
            self.kill()
            raise

    def stop(self) -> None:
        """End Asterisk in order, and by force if it does not listen. Safe to call twice."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End Asterisk as a crash would; `start` brings it back on the same ports."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop, and remove the directory. The lab cannot be started again."""
        self.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Lab:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cli(self, command: str) -> str:
        """Run one command of Asterisk's console and return what it prints. Raises `LabError`."""
        done = subprocess.run(
            self.installation.command(self.directory, "-rx", command),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
        )
        if done.returncode:
            raise LabError(f"`{command}` failed: {(done.stdout + done.stderr).strip()[-400:]}")
        return done.stdout

    def log(self) -> str:
        """All that Asterisk has written to its log so far."""
        files = ("console.log", "messages.log")
        paths = [self.directory / "log" / name for name in files]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def _seen(self, name: str) -> Path:
        return self.installation.seen(self.directory / name)

    def _own_values(self) -> dict[str, str]:
        first, last = self.rtp_range
        directories = {f"{name}-directory": str(self._seen(name)) for name in directory.OWN}
        return {
            **directories,
            "modules-directory": self.installation.modules,
            "system-name": self.directory.name,
            "http-port": str(self.http_port),
            "ari-password": self.ari_password,
            "sip-bind": f"{HOST}:{self.sip_port}",
            "trunk-address": HOST,
            "rtp-first": str(first),
            "rtp-last": str(last),
        }

    def _wait_until_it_serves(self, deadline: float) -> None:
        while True:
            if not self.running:
                raise LabError(f"Asterisk ended while it started: {self._last_lines()}")
            with contextlib.suppress(OSError):
                self.version = self._ask_version()
                self.cli("core waitfullybooted")
                return
            if time.monotonic() > deadline:
                raise LabError(f"Asterisk did not serve within {START_S:.0f} s: {self._last_lines()}")
            time.sleep(0.02)

    def _ask_version(self) -> str:
        key = base64.b64encode(f"{self.ari_user}:{self.ari_password}".encode()).decode()
        headers = {"Authorization": f"Basic {key}"}
        request = urllib.request.Request(f"{self.ari_url}/asterisk/info", headers=headers)
        with urllib.request.urlopen(request, timeout=2) as answer:
            told = str(json.load(answer)["system"]["version"])
        match = re.match(r"[\d.]*\d", told)
        return match[0] if match else told

    def _last_lines(self) -> str:
        return " | ".join(line.strip() for line in self.log().splitlines()[-6:]) or "its log is empty"

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for sign in (how, signal.SIGKILL):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(directory.asterisk_pid(self.directory) or process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
