"""uvicorn inside the controller's own loop: no signal handlers, no exit of the process, no log of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from callflow.errors import SettingsError

CLOSE_S = 2
"""How long a request may still take when the server closes."""


class _Server(uvicorn.Server):
    """Leaves signals to the controller, and tells when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: SIGTERM means "drain" here, which is not this server's to decide."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def serve(app: FastAPI, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` while the context is open; gives the port, which matters when `port` is 0.

    Raises `SettingsError` when the address cannot be taken.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=CLOSE_S,
    )
    server = _Server(config)
    taken = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve([listener]), name="http")
    serving.add_done_callback(lambda _: server.ready.set())
    await server.ready.wait()
    if serving.done():
        serving.result()  # raises what kept it from starting
    try:
        yield taken
    finally:
        server.should_exit = True
        await serving


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(_refusal(host, port, error)) from None


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"HTTP_PORT is {port}, which another program uses on {host}: stop it or write another port"
    if error.errno == errno.EACCES:
        return f"HTTP_PORT is {port}, which this user may not take: write a port above 1023"
    reason = error.strerror or str(error)
    return f'HTTP_HOST is "{host}", which cannot be served ({reason}): write an address of this machine'
