"""`make run`: all of it as one command, a call to it, and Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGINT

import pytest

from asterisk.lab.phone import PhoneExchange
from asterisk.lab.ports import HOST, free_port
from asterisk.lab.serve import Service
from asterisk.lab.stage import FLOWS, Program

TCP = ("ARI_PORT", "HTTP_PORT", "AUDIOSOCKET_PORT", "SHOP_PORT")


@pytest.fixture
def environment() -> dict[str, str]:
    """Ports of its own, and lines that a test can read."""
    return {
        "SIP_PORT": str(free_port(socket.SOCK_DGRAM)),
        **{name: str(free_port(socket.SOCK_STREAM)) for name in TCP},
        "FLOWS_DIR": str(FLOWS),
        "LOG_FORMAT": "json",
        "DRAIN_SECONDS": "1",
    }


@pytest.fixture
async def service(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Program]:
    program = Program("make run")
    try:
        await program.start(sys.executable, "-m", "asterisk.lab.serve", environment=environment, cwd=tmp_path)
        yield program
    finally:
        await program.stop()


async def test_it_serves_a_call_and_ctrl_c_leaves_nothing(
    service: Program, environment: dict[str, str]
) -> None:
    await service.says("controller.serving", timeout_s=60)
    async with PhoneExchange(int(environment["SIP_PORT"])) as phones:
        call = await phones.dial("100")
        await call.hears_speech(timeout_s=20)
        await call.hang_up()
    ended = await service.says("call.ended")
    assert ended["disposition"] == "hung_up"
    assert await service.stop(SIGINT) == 0
    assert f"sip:100@{HOST}:{environment['SIP_PORT']}" in "\n".join(service.output)
    with Service(environment):  # raises when a port is still taken
        pass


class TestAControllerThatCannotServe:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        """An address that no machine has: it is kept for documents (RFC 5737)."""
        return environment | {"AUDIOSOCKET_HOST": "192.0.2.1"}

    async def test_ends_the_rest(self, service: Program, environment: dict[str, str]) -> None:
        async with asyncio.timeout(60):
            assert await service.process.wait() == 1
        await service.stop()
        assert service.output[-1] == "run: the controller ended by itself; what it said is above"
        with Service(environment):
            pass
