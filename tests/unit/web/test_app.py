"""The HTTP side, asked over a real socket."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from ari_app.metrics import Metrics
from callflow.errors import SettingsError
from web.app import Dependency, Status, make_app
from web.server import serve

ALL_WELL = {
    name: Dependency(True, "connected") for name in ("ari", "storage", "flows", "speech", "store_api")
}


@asynccontextmanager
async def serving(status: Status, metrics: Metrics | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    app = make_app(lambda: status, metrics or Metrics())
    async with (
        serve(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def get(session: aiohttp.ClientSession, path: str) -> tuple[int, Mapping[str, object]]:
    async with session.get(path) as response:
        return response.status, await response.json()


async def test_health_says_how_many_calls_are_up() -> None:
    async with serving(Status(active_calls=3)) as session:
        assert await get(session, "/health") == (200, {"status": "ok", "active_calls": 3})


async def test_ready_names_each_dependency() -> None:
    async with serving(Status(0, ALL_WELL)) as session:
        status, body = await get(session, "/health/ready")
    assert status == 200
    assert body == {"status": "ready", **dict.fromkeys(ALL_WELL, "connected")}


async def test_one_missing_dependency_is_not_ready_and_says_which() -> None:
    async with serving(Status(0, {**ALL_WELL, "ari": Dependency(False, "unreachable")})) as session:
        status, body = await get(session, "/health/ready")
        alive, _ = await get(session, "/health")
    assert status == 503
    assert (body["status"], body["ari"], body["storage"]) == ("not_ready", "unreachable", "connected")
    assert alive == 200


async def test_a_controller_that_is_stopping_gets_no_calls() -> None:
    async with serving(Status(2, ALL_WELL, draining=True)) as session:
        status, body = await get(session, "/health/ready")
    assert (status, body["status"]) == (503, "draining")


async def test_metrics_are_in_prometheus_text() -> None:
    metrics = Metrics()
    metrics.active_calls.set(5)
    async with serving(Status(5), metrics) as session, session.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "callflow_active_calls 5.0" in await response.text()


async def test_the_api_documents_itself() -> None:
    async with serving(Status(0)) as session:
        async with session.get("/docs") as page:
            assert page.status == 200
        _, api = await get(session, "/openapi.json")
    paths = api["paths"]
    assert isinstance(paths, dict)
    assert {"/health", "/health/ready", "/metrics"} <= paths.keys()


async def test_an_unknown_path_is_not_found() -> None:
    async with serving(Status(0)) as session:
        status, _ = await get(session, "/nothing")
    assert status == 404


async def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            async with serve(make_app(lambda: Status(0), Metrics()), "127.0.0.1", port):
                pass
    assert str(caught.value) == (
        f"HTTP_PORT is {port}, which another program uses on 127.0.0.1: stop it or write another port"
    )


async def test_an_address_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(
        SettingsError, match=r'^HTTP_HOST is "192\.0\.2\.1", which cannot be served \(.+\): write'
    ):
        async with serve(make_app(lambda: Status(0), Metrics()), "192.0.2.1", 0):
            pass


async def test_signals_stay_with_the_controller() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serving(Status(0)):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_after_closing_the_port_is_free_and_no_task_is_left() -> None:
    tasks = asyncio.all_tasks()
    async with serve(make_app(lambda: Status(0), Metrics()), "127.0.0.1", 0) as port:
        pass
    assert asyncio.all_tasks() == tasks
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_closing_does_not_wait_for_an_idle_client() -> None:
    app = make_app(lambda: Status(0), Metrics())
    async with aiohttp.ClientSession() as session, AsyncExitStack() as server:
        port = await server.enter_async_context(serve(app, "127.0.0.1", 0))
        async with session.get(f"http://127.0.0.1:{port}/health") as response:
            assert response.status == 200
        await server.aclose()  # while the session holds its connection
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/health")
