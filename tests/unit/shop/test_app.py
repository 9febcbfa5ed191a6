"""The shop over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from shop.app import make_app
from shop.testing import serving

ORDER = {"tyre_id": "T133", "quantity": 4, "phone": "0501112233"}
KEY = {"Idempotency-Key": "key-00001"}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(make_app()) as url, aiohttp.ClientSession(f"{url}/") as session:
        yield session


async def test_health_needs_no_key() -> None:
    async with serving(make_app(api_key="k")) as url, aiohttp.ClientSession(f"{url}/") as http:
        assert (await http.get("health")).status == 200
        assert (await http.get("tyres")).status == 401
        assert (await http.get("tyres", headers={"Authorization": "Bearer k"})).status == 200
        assert (await http.get("tyres", headers={"Authorization": "Bearer ж"})).status == 401


async def test_search_is_by_size_season_and_brand_and_bounded(http: aiohttp.ClientSession) -> None:
    found = await (await http.get("tyres", params={"size": "205/55r16", "season": "winter"})).json()
    assert [tyre["id"] for tyre in found["items"]] == ["T133", "T132"]
    page = await (await http.get("tyres", params={"limit": "3"})).json()
    assert (len(page["items"]), page["total"]) == (3, 42)
    assert (await http.get("tyres", params={"limit": "51"})).status == 422


async def test_availability(http: aiohttp.ClientSession) -> None:
    params = {"quantity": "5"}
    assert (await (await http.get("tyres/T134/availability", params=params)).json())["available"] is False
    assert (await http.get("tyres/nope/availability")).status == 404


async def test_an_order_needs_a_key_and_the_same_key_is_the_same_order(http: aiohttp.ClientSession) -> None:
    assert (await http.post("orders", json=ORDER)).status == 422
    first = await http.post("orders", json=ORDER, headers=KEY)
    again = await http.post("orders", json=ORDER, headers=KEY)
    assert (first.status, await first.json()) == (201, await again.json())
    other = await http.post("orders", json={**ORDER, "quantity": 5}, headers=KEY)
    assert other.status == 422
    assert await (await http.get("orders/count")).json() == {"orders": 1, "confirmed": 0}


async def test_confirming(http: aiohttp.ClientSession) -> None:
    order = await (await http.post("orders", json=ORDER, headers=KEY)).json()
    path, key = f"orders/{order['id']}/confirm", {"Idempotency-Key": "key-00002"}
    assert (await http.post(path, json={}, headers={})).status == 422
    wrong = await http.post(path, json={"total": 1}, headers={"Idempotency-Key": "key-00003"})
    assert wrong.status == 409
    for _ in range(2):
        done = await http.post(path, json={"quantity": 4, "total": order["total"]}, headers=key)
        assert (done.status, (await done.json())["status"]) == (200, "confirmed")
    assert await (await http.get("orders/count")).json() == {"orders": 1, "confirmed": 1}
    found = await (await http.get("orders", params={"phone": "+380501112233"})).json()
    assert [one["number"] for one in found["items"]] == ["1001"]


async def test_an_order_says_nothing_about_its_price(http: aiohttp.ClientSession) -> None:
    refused = await http.post("orders", json={**ORDER, "price": 0}, headers=KEY)
    assert refused.status == 422
