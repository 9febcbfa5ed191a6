"""What an administrator sees of a controller that cannot start: one sentence that says what to do."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from asterisk.lab.instance import Lab
from asterisk.lab.ports import HOST, free_port
from asterisk.lab.stage import Program, open_all_day
from tests.fakes.ari import FakeAsterisk

PROGRAM = str(Path(sys.executable).with_name("callflow"))
ENDS_S = 60.0
FAILED, MISUSED = 1, 2


@dataclass(frozen=True)
class Ended:
    """How a controller ended."""

    code: int
    stdout: str
    stderr: str

    def with_one_sentence(self, code: int) -> str:
        """The one sentence on stderr, the exit code being this; no traceback anywhere."""
        assert self.code == code, self
        assert "Traceback" not in self.stdout + self.stderr
        assert len(self.stderr.splitlines()) == 1, self.stderr
        return self.stderr.strip()


@dataclass(frozen=True)
class Office:
    """A directory with a flow, and settings that are all right."""

    directory: Path
    settings: Mapping[str, str]

    async def run(self, **settings: str) -> Ended:
        """Run `callflow run` with some settings changed, until it ends by itself."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "run",
            env={**os.environ, **self.settings, **settings},
            cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), ENDS_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        with pytest.raises(ProcessLookupError):  # none of its own processes is left
            os.killpg(process.pid, 0)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    @property
    def flow(self) -> Path:
        """The flow's file."""
        return self.directory / "flows" / "tyre_shop.yaml"


@pytest.fixture
def office(lab: Lab, tmp_path: Path) -> Office:
    """Everything in order, on free ports, at the session's Asterisk."""
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "tyre_shop.yaml").write_text(open_all_day(), encoding="utf-8")
    return Office(
        tmp_path,
        {
            "ARI_URL": lab.ari_url,
            "ARI_USER": lab.ari_user,
            "ARI_PASSWORD": lab.ari_password,
            "HTTP_PORT": str(free_port(socket.SOCK_STREAM)),
            "AUDIOSOCKET_PORT": str(free_port(socket.SOCK_STREAM)),
            "DATABASE_URL": f"sqlite:///{tmp_path / 'callflow.db'}",
            "FLOWS_DIR": str(flows),
        },
    )


@contextmanager
def taken_port() -> Iterator[int]:
    """A TCP port that another program listens at."""
    with socket.create_server((HOST, 0)) as other:
        yield other.getsockname()[1]


async def test_a_wrong_password(office: Office) -> None:
    said = (await office.run(ARI_PASSWORD="nobody-knows-this")).with_one_sentence(FAILED)
    assert "ARI_PASSWORD" in said
    assert "nobody-knows-this" not in said


async def test_no_password(office: Office) -> None:
    said = (await office.run(ARI_PASSWORD="")).with_one_sentence(MISUSED)
    assert "ARI_PASSWORD" in said


async def test_an_address_that_is_no_asterisk_yet_is_waited_for(office: Office) -> None:
    """A starting Asterisk looks the same for a while: the log says what to check, and SIGTERM is obeyed."""

    async def answers_html(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    controller = Program("the controller")
    async with await asyncio.start_server(answers_html, HOST, 0) as server:
        url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/ari"
        settings = {**office.settings, "ARI_URL": url, "LOG_FORMAT": "json"}
        await controller.start(PROGRAM, "run", environment=settings, cwd=office.directory)
        try:
            line = await controller.says("ari.waiting", timeout_s=ENDS_S)
        finally:
            assert await controller.stop() == 0
    assert "ARI_URL" in line["reason"]
    assert "Traceback" not in "\n".join(controller.output)


@pytest.mark.parametrize("name", ["HTTP_PORT", "AUDIOSOCKET_PORT"])
async def test_a_port_in_use(office: Office, name: str) -> None:
    with taken_port() as port:
        ended = await office.run(**{name: str(port)})
    said = ended.with_one_sentence(MISUSED if name == "HTTP_PORT" else FAILED)
    assert str(port) in said


async def test_a_flow_that_is_not_there(office: Office) -> None:
    said = (await office.run(FLOW="shop")).with_one_sentence(FAILED)
    assert "shop.yaml" in said
    assert "FLOW" in said


async def test_a_flow_with_a_mistake(office: Office) -> None:
    text = office.flow.read_text(encoding="utf-8")
    office.flow.write_text(text.replace("start: opening", "start: openning"), encoding="utf-8")
    said = (await office.run()).with_one_sentence(FAILED)
    assert "tyre_shop.yaml:" in said
    assert "openning" in said


async def test_a_setting_that_does_not_exist(office: Office) -> None:
    said = (await office.run(ARI_PASWORD="x")).with_one_sentence(MISUSED)
    assert "ARI_PASWORD" in said
    assert "did you mean ARI_PASSWORD" in said


async def test_a_setting_with_a_wrong_value(office: Office) -> None:
    said = (await office.run(RTP_PORT_MIN="a lot")).with_one_sentence(MISUSED)
    assert "RTP_PORT_MIN" in said


async def test_an_asterisk_without_a_module(office: Office, lab: Lab) -> None:
    await asyncio.to_thread(lab.cli, "module unload chan_rtp.so")
    try:
        said = (await office.run()).with_one_sentence(FAILED)
    finally:
        await asyncio.to_thread(lab.cli, "module load chan_rtp.so")
    assert "chan_rtp" in said
    assert "module load chan_rtp.so" in said


@pytest.fixture
async def fake() -> AsyncIterator[FakeAsterisk]:
    """An Asterisk whose version a test may choose."""
    async with FakeAsterisk() as asterisk:
        yield asterisk


async def test_an_asterisk_that_is_too_old(office: Office, fake: FakeAsterisk) -> None:
    fake.world.version = "16.30.1"
    ended = await office.run(ARI_URL=f"{fake.url}/ari", ARI_USER=fake.user, ARI_PASSWORD=fake.password)
    said = ended.with_one_sentence(FAILED)
    assert "16.30.1" in said
    assert "too old" in said
