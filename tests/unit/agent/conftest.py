"""The agent over the real shop on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.local import LocalAgent
from agent.tools.registry import Registry
from agent.tools.store import StoreClient
from agent.tools.tyres import tyre_tools
from callflow.load import load_file
from callflow.schema import Flow
from shop.app import make_app
from shop.catalogue import seeded
from shop.orders import Book
from shop.testing import serving
from tests.unit.agent.caller import Caller

FLOWS = Path(__file__).parents[3] / "flows"


@pytest.fixture
def book() -> Book:
    return Book.of(seeded())


@pytest.fixture
async def shop_url(book: Book) -> AsyncIterator[str]:
    async with serving(make_app(book)) as url:
        yield url


@pytest.fixture
async def registry(shop_url: str) -> AsyncIterator[Registry]:
    tools = tyre_tools(StoreClient(shop_url, timeout_s=5.0))
    await tools.learn()
    yield tools
    await tools.close()


@pytest.fixture
def flow() -> Flow:
    return load_file(FLOWS / "tyre_shop.yaml").flow


@pytest.fixture
def caller(registry: Registry, flow: Flow) -> Caller:
    return Caller(LocalAgent(registry), flow)
