"""The store client against the real shop, and against a shop that loses answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI, Response

from agent.tools.store import StoreClient, StoreRefused, StoreUnreachable
from callflow.errors import ToolError
from shop.app import make_app
from shop.catalogue import seeded
from shop.orders import Book
from shop.testing import serving

Message = MutableMapping[str, Any]
KEY = "call-1-create_order-0"


class Losing:
    """Does what the application does, and loses its first answers: the client gets 503 in their place."""

    def __init__(self, app: FastAPI, lose: int) -> None:
        self.app, self.lose, self.seen = app, lose, 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.seen += 1
        if self.seen > self.lose:
            await self.app(scope, receive, send)
            return

        async def swallow(_: Message) -> None:
            """The answer goes nowhere."""

        await self.app(scope, receive, swallow)
        await Response(status_code=503)(scope, receive, send)


class Pauses:
    """Sleeps by writing it down."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_that_was_lost_never_makes_a_second_order() -> None:
    book = Book.of(seeded())
    async with serving(Losing(make_app(book), lose=2)) as url:
        pauses = Pauses()
        store = StoreClient(url, sleep=pauses)
        order = await store.create_order("T133", 4, "0501112233", key=KEY)
        await store.close()
    assert (order.number, len(book.orders)) == ("1001", 1)
    assert pauses.taken == [0.1, 0.3]


async def test_three_attempts_and_no_more() -> None:
    losing = Losing(make_app(), lose=99)
    async with serving(losing) as url:
        store = StoreClient(url, sleep=Pauses())
        with pytest.raises(StoreUnreachable, match="status 503"):
            await store.tyres("205/55 R16", "winter")
        await store.close()
    assert losing.seen == 3


async def test_the_breaker_leaves_a_failing_store_alone_and_tries_again() -> None:
    clock, losing = Clock(), Losing(make_app(), lose=5)
    async with serving(losing) as url:
        store = StoreClient(url, clock=clock, sleep=Pauses())
        for _ in range(3):
            with pytest.raises(StoreUnreachable):
                await store.health()
        assert losing.seen == 5
        clock.now += 30
        await store.health()
        assert losing.seen == 6
        assert not store.breaker.is_open
        await store.close()


async def test_a_store_that_hangs_is_given_up_in_time() -> None:
    app = FastAPI()
    go = asyncio.Event()

    @app.get("/api/v1/health")
    async def health() -> None:
        await go.wait()

    async with serving(app) as url:
        store = StoreClient(url, timeout_s=0.1)
        with pytest.raises(StoreUnreachable):
            await store.health()
        go.set()
        await store.close()


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_a_wrong_key_is_refused_and_not_tried_again(key: str) -> None:
    losing = Losing(make_app(api_key="right"), lose=0)
    async with serving(losing) as url:
        store = StoreClient(url, key)
        with pytest.raises(StoreRefused, match="API key") as refusal:
            await store.words()
        assert (refusal.value.status, losing.seen) == (401, 1)
        await store.close()
        await store.close()
        right = StoreClient(url, "right")
        assert "205/55 R16" in (await right.words()).sizes
        await right.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"items": [{"id": "T1", "name": "x", "price": 0, "stock": 4}]}', b"x" * 300_000],
)
async def test_a_broken_answer_is_never_an_offer(body: bytes) -> None:
    app = FastAPI()

    @app.get("/api/v1/tyres")
    async def tyres() -> Response:
        return Response(body, media_type="application/json")

    async with serving(app) as url:
        store = StoreClient(url, sleep=Pauses())
        with pytest.raises(ToolError):
            await store.tyres("205/55 R16", "winter")
        await store.close()


@pytest.mark.parametrize("tyre_id", ["", "../orders", "a b"])
async def test_an_id_is_no_path(tyre_id: str) -> None:
    with pytest.raises(ToolError, match="letters, digits"):
        await StoreClient("http://127.0.0.1:9/api/v1").availability(tyre_id)
