"""The store's HTTP API: timeouts, retries, a circuit breaker, and typed answers.

A POST is retried like a GET, because each carries an `Idempotency-Key`: the store does it once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar

import aiohttp
from pydantic import BaseModel, Field, ValidationError

from agent.tools.breaker import Breaker
from callflow.errors import ToolError

BACKOFF_S = (0.1, 0.3)
"""Pauses before the second and the third attempt."""
MAX_BODY = 256 * 1024
_BUSY = frozenset({429, 500, 502, 503, 504})

Hryvnias = Annotated[int, Field(gt=0)]
"""Whole hryvnias. A price of 0 is a broken answer, never an offer."""


class StoreUnreachable(ToolError):
    """The store did not answer in time, or the breaker is open: check `STORE_API_URL` and the store."""

    code = "store-unreachable"


class StoreRefused(ToolError):
    """The store said no; the same request will be refused again. `status` is the HTTP status."""

    code = "store-refused"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StoreTyre(BaseModel):
    """A tyre; `price` for one piece."""

    id: str
    name: str
    brand: str = ""
    model: str = ""
    price: Hryvnias
    stock: int = Field(ge=0)


class StoreTyres(BaseModel):
    """Tyres that fit, cheapest first."""

    items: list[StoreTyre]


class StoreOrder(BaseModel):
    """An order; `total` for all pieces."""

    id: str
    number: str
    status: str
    tyre: str
    quantity: int = Field(gt=0)
    total: Hryvnias
    phone: str


class StoreOrders(BaseModel):
    """The orders of one number, newest first."""

    items: list[StoreOrder]


class StoreWords(BaseModel):
    """The values by which tyres can be asked for."""

    sizes: list[str]
    seasons: list[str]
    brands: list[str]


Model = TypeVar("Model", bound=BaseModel)


class _Unanswered(Exception):
    """An attempt that is worth another."""


class StoreClient:
    """One client for all calls. `url` ends in `/api/v1`; `timeout_s` bounds a request with its retries, and
    one attempt gets half of it. Close it."""

    def __init__(
        self,
        url: str,
        key: str = "",
        timeout_s: float = 5.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self.breaker = Breaker(clock)

    async def health(self) -> None:
        """Return when the store answers. Raises `StoreUnreachable`, `StoreRefused`."""
        await self._request("GET", "/health")

    async def words(self) -> StoreWords:
        """What tyres can be asked for by."""
        return _read(StoreWords, await self._request("GET", "/catalogue"))

    async def tyres(self, size: str, season: str, brand: str = "", limit: int = 10) -> list[StoreTyre]:
        """Tyres that fit, cheapest first, at most `limit`."""
        query = {"size": size, "season": season, "brand": brand, "limit": str(limit)}
        body = await self._request("GET", "/tyres", {k: v for k, v in query.items() if v})
        return _read(StoreTyres, body).items[:limit]

    async def availability(self, tyre_id: str) -> StoreTyre:
        """One tyre with its stock now."""
        return _read(StoreTyre, await self._request("GET", f"/tyres/{_segment(tyre_id)}/availability"))

    async def create_order(self, tyre_id: str, quantity: int, phone: str, *, key: str) -> StoreOrder:
        """Make an order that is not confirmed yet. The same key makes it once."""
        body: dict[str, str | int] = {"tyre_id": tyre_id, "quantity": quantity, "phone": phone}
        return _read(StoreOrder, await self._request("POST", "/orders", body=body, key=key))

    async def confirm_order(self, order_id: str, quantity: int, total: int, *, key: str) -> StoreOrder:
        """Confirm an order for what was agreed. Refused with 409 when it is for something else."""
        path = f"/orders/{_segment(order_id)}/confirm"
        body = {"quantity": quantity, "total": total}
        return _read(StoreOrder, await self._request("POST", path, body=body, key=key))

    async def orders(self, phone: str) -> list[StoreOrder]:
        """The orders of a number, newest first."""
        return _read(StoreOrders, await self._request("GET", "/orders", {"phone": phone})).items

    async def close(self) -> None:
        """Release the connections. Safe to call twice."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str | int] | None = None,
        key: str = "",
    ) -> bytes:
        headers = {"Idempotency-Key": key} if key else {}
        try:
            async with asyncio.timeout(self._timeout_s):
                for pause_s in BACKOFF_S:
                    try:
                        return await self._attempt(method, path, query, body, headers)
                    except _Unanswered:
                        await self._sleep(pause_s)
                return await self._attempt(method, path, query, body, headers)
        except (_Unanswered, TimeoutError) as error:
            raise StoreUnreachable(f"the store does not answer at {self._url}: {error}") from error

    async def _attempt(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
    ) -> bytes:
        if not self.breaker.allows():
            raise StoreUnreachable(
                f"the store is left alone for {self.breaker.open_s:.0f} s: it failed often"
            )
        session = self._open()
        try:
            async with session.request(
                method, self._url + path, params=query, json=body, headers=headers, allow_redirects=False
            ) as response:
                content = await _bounded(response)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.breaker.failed()
            raise _Unanswered(str(error) or type(error).__name__) from error
        if status in _BUSY:
            self.breaker.failed()
            raise _Unanswered(f"status {status}")
        self.breaker.succeeded()
        if status >= 300:
            raise StoreRefused(f"the store refused {method} {path}: {_reason(content)}", status)
        return content

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=aiohttp.ClientTimeout(total=self._timeout_s / 2)
            )
        return self._session


class _Refusal(BaseModel):
    detail: str = ""


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, when it is of a sane length."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        content += chunk
        if len(content) > MAX_BODY:
            raise aiohttp.ClientPayloadError(f"the store's answer is longer than {MAX_BODY} bytes")
    return bytes(content)


def _read(model: type[Model], content: bytes) -> Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise ToolError(
            f"the store's answer is no {model.__name__}: {error.error_count()} problems"
        ) from error


def _reason(content: bytes) -> str:
    try:
        return _Refusal.model_validate_json(content).detail[:200]
    except ValidationError:
        return "no reason given"


def _segment(text: str) -> str:
    """One segment of a path: an id of the store, never a way elsewhere."""
    if not text or not all(char.isalnum() or char in "-_" for char in text):
        raise ToolError("an id of the store has letters, digits, - and _")
    return text
