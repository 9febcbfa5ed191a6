"""A real Asterisk for the tests of this directory, and just enough of a controller to see its events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from asterisk.lab.instance import Lab

WAIT_S = 20.0
Event = dict[str, Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that needs a real Asterisk is marked so: `pytest -m 'not asterisk'` leaves it out."""
    for item in items:
        if item.path.parent.name == "asterisk" and item.path.parent.parent.name == "tests":
            item.add_marker(pytest.mark.asterisk)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One private Asterisk for the whole session. Without an Asterisk the tests fail, and say what to run."""
    with Lab() as running:
        yield running


class Controller:
    """A Stasis application by hand: every event in the order it came, and a few requests."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.events: list[Event] = []
        self._read = 0
        self._came = asyncio.Condition()

    async def __aenter__(self) -> Controller:
        password = aiohttp.encode_basic_auth(self.lab.ari_user, self.lab.ari_password)
        self._session = aiohttp.ClientSession(headers={"Authorization": password})
        self._link = await self._session.ws_connect(f"{self.lab.ari_url}/events?app=callflow")
        self._reader = asyncio.create_task(self._read_events())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Disconnect: from now on Asterisk has no such application. Safe to call twice."""
        await self._link.close()
        await self._reader
        await self._session.close()

    async def _read_events(self) -> None:
        async for message in self._link:
            async with self._came:
                self.events.append(json.loads(message.data))
                self._came.notify_all()

    async def request(self, method: str, path: str, **query: str) -> Any:
        """One request to ARI; its answer's JSON."""
        async with self._session.request(method, f"{self.lab.ari_url}{path}", params=query) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def next(self, kind: str, such: Callable[[Event], bool] = lambda event: True) -> Event:
        """The next event of a kind, after the last one taken; those between are passed over."""

        def found() -> bool:
            while self._read < len(self.events):
                self._read += 1
                event = self.events[self._read - 1]
                if event["type"] == kind and such(event):
                    return True
            return False

        async with self._came, asyncio.timeout(WAIT_S):
            await self._came.wait_for(found)
            return self.events[self._read - 1]

    async def answer(self) -> str:
        """Answer the next new call and stay subscribed to it; its channel's id."""
        started = await self.next("StasisStart", lambda event: not event["args"])
        channel = str(started["channel"]["id"])
        await self.request("POST", f"/channels/{channel}/answer")
        await self.request("POST", "/applications/callflow/subscription", eventSource=f"channel:{channel}")
        return channel

    async def transfer(self, channel: str, variables: Mapping[str, str]) -> None:
        """Give a call to people."""
        for name, value in variables.items():
            await self.request("POST", f"/channels/{channel}/variable", variable=name, value=value)
        where = {"context": "transfer-to-operator", "extension": "s", "priority": "1"}
        await self.request("POST", f"/channels/{channel}/continue", **where)

    async def operator(self) -> str:
        """Wait until an operator is joined to the caller; the operator's name."""
        said = await self.next("ChannelVarset", lambda e: e["variable"] == "CALLFLOW_OPERATOR" and e["value"])
        return str(said["value"])

    async def returned(self) -> tuple[str, list[str]]:
        """Wait until a call comes back from the queue; its channel's id and `returned`'s arguments."""
        came = await self.next("StasisStart", lambda event: event["args"][:1] == ["returned"])
        return str(came["channel"]["id"]), list(came["args"][1:])


@pytest.fixture
def controller_of() -> type[Controller]:
    """`async with controller_of(lab) as controller` is the application `callflow` for a while."""
    return Controller
