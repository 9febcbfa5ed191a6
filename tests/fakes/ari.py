"""A fake Asterisk: REST, events and audio of ARI, good enough to run a whole call against, in this process.

    async with FakeAsterisk() as asterisk:
        client = AioariClient(asterisk.url, asterisk.user, asterisk.password)
        await asterisk.call("1.1", caller="380671112233")      # StasisStart, once a controller is connected
        await asterisk.press("1.1", "5")
        asterisk.fail("answer", 500)                           # the next `answer` is refused
        await asterisk.cut()                                   # the event stream breaks

`tests/asterisk/test_ari.py` holds it and a real Asterisk to the same behaviour.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.fakes import ari_api
from tests.fakes.ari_world import FakeChannel, Refusal, World, now


@dataclass(frozen=True)
class Request:
    """One REST request that came: the operation's name, and all its arguments by name."""

    operation: str
    arguments: Mapping[str, Any]


class FakeAsterisk:
    """The server. `world` holds channels, bridges, version, modules; a test may change them as it likes."""

    def __init__(self, app: str = "callflow", user: str = "callflow", password: str = "secret") -> None:
        self.app, self.user, self.password = app, user, password
        self.port = 0
        self.requests: list[Request] = []
        self.addresses: list[str] = []
        """The path and query of every HTTP request, as a proxy would log it."""
        self.world = World(app, self.send_event)
        self._socket: web.WebSocketResponse | None = None
        self.silent = False
        """When set, pings of the event stream get no answer: a process that hangs behind a living kernel."""
        self.refuse_events: tuple[int, str] | None = None
        """When set, the status and body that the event stream is refused with."""
        self._connected = asyncio.Event()
        self._left = asyncio.Event()
        self._wires: list[web.Request] = []
        self._failures: list[tuple[str, int, str]] = []
        self._delays: dict[str, float] = {}
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connected(self) -> bool:
        """Whether a controller listens to events."""
        return self._socket is not None and not self._socket.closed

    async def __aenter__(self) -> FakeAsterisk:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Serve, on the same port as before if it served before."""
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_get("/ari/api-docs/{name}.json", self._describe)
        app.router.add_route("*", "/ari/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Vanish as a process does: connections end, channels and bridges are gone."""
        await self.cut()
        self.world.clear()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    # What a test does to it.

    async def wait_connected(self) -> None:
        """Wait until a controller listens to events."""
        await self._connected.wait()

    async def wait_asked(self, count: int) -> None:
        """Wait until so many HTTP requests have come, from the beginning."""
        while len(self.addresses) < count:
            await asyncio.sleep(0.005)

    async def wait_left(self) -> None:
        """Wait until no controller listens to events."""
        await self._left.wait()

    async def cut(self) -> None:
        """Break every event stream without a farewell."""
        self._listen_to(None)
        for request in self._wires:
            if request.transport is not None:
                request.transport.abort()
        await asyncio.sleep(0)

    def fail(self, operation: str, status: int, message: str = "no", times: int = 1) -> None:
        """Refuse the next requests of an operation (`answer`, `externalMedia`…)."""
        self._failures += [(operation, status, message)] * times

    def delay(self, operation: str, seconds: float) -> None:
        """Answer an operation late from now on."""
        self._delays[operation] = seconds

    def asked(self, operation: str) -> list[Mapping[str, Any]]:
        """The arguments of all requests of one operation so far."""
        return [request.arguments for request in self.requests if request.operation == operation]

    async def send_event(self, kind: str, **fields: Any) -> None:
        """Send one event with any fields."""
        await self.send_text(
            json.dumps({"type": kind, "timestamp": now(), "application": self.app, **fields})
        )

    async def send_text(self, text: str | bytes) -> None:
        """Send one message as it stands, be it an event or not; it is lost when nobody listens."""
        socket = self._socket
        if socket is None or socket.closed:
            return
        await (socket.send_bytes(text) if isinstance(text, bytes) else socket.send_str(text))

    async def call(
        self,
        channel_id: str,
        *,
        caller: str = "100",
        exten: str = "100",
        name: str = "",
        args: tuple[str, ...] = (),
        **variables: str,
    ) -> FakeChannel:
        """A channel enters `Stasis(app,args)`: a new caller, or one that is there (sent on, or dialled)."""
        channel = self.world.channels.get(channel_id)
        if channel is None:
            channel = FakeChannel(channel_id, name or f"PJSIP/trunk-{channel_id}", caller, exten)
            self.world.channels[channel_id] = channel
        else:
            channel.state = "Up"
        channel.variables.update(variables)
        await self.world.enter(channel, args)
        return channel

    async def press(self, channel_id: str, digits: str) -> None:
        """The party presses keys."""
        for digit in digits:
            await self.world.tell(channel_id, "ChannelDtmfReceived", digit=digit, duration_ms=100)

    async def hang_up(self, channel_id: str, cause: int = 16) -> None:
        """The party hangs up."""
        await self.world.tell(channel_id, "ChannelHangupRequest", cause=cause)
        await self.world.remove(self.world.channels[channel_id], cause)

    def speak(self, channel_id: str, pcm: bytes) -> None:
        """The party says 20 ms: 640 bytes at 16 kHz. They reach everyone else in its bridge."""
        self.world.speak(channel_id, pcm)

    # REST.

    async def _describe(self, request: web.Request) -> web.Response:
        self._check_password(request)
        self.addresses.append(request.raw_path)
        document = ari_api.describe(request.match_info["name"], f"http://{request.host}")
        return web.json_response(document) if document else web.Response(status=404, text="Not Found")

    async def _rest(self, request: web.Request) -> web.Response:
        try:
            self._check_password(request)
            return await self._operate(request)
        except Refusal as no:
            return web.json_response({"message": str(no)}, status=no.status)

    async def _operate(self, request: web.Request) -> web.Response:
        self.addresses.append(request.raw_path)
        found = ari_api.find(request.method, request.raw_path.partition("?")[0].removeprefix("/ari"))
        if found is None:
            raise Refusal(404, "Resource not found")
        operation, parts = found
        given = {name: unquote(part) for name, part in parts.items()} | dict(request.query)
        given |= await request.json() if request.can_read_body else {}
        self.requests.append(Request(operation.name, given))
        if missing := [name for name in operation.required() if name not in given]:
            raise Refusal(400, f"Missing parameter {missing[0]}")
        await asyncio.sleep(self._delays.get(operation.name, 0))
        self._fail_if_told(operation.name)
        act: Callable[..., Awaitable[Any]] = getattr(self.world, f"{operation.resource}_{operation.name}")
        reply = await act(**{name: value for name, value in given.items() if name in operation.known()})
        return web.Response(status=204) if reply is None else web.json_response(reply)

    def _check_password(self, request: web.Request) -> None:
        expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            raise web.HTTPUnauthorized(text='{"message":"Authentication required"}')

    def _fail_if_told(self, operation: str) -> None:
        for failure in self._failures:
            if failure[0] == operation:
                self._failures.remove(failure)
                raise Refusal(failure[1], failure[2])

    # Events.

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """One controller at a time: a second takes over; the first stays connected and is told nothing."""
        self._check_password(request)
        self.addresses.append(request.raw_path)
        if self.refuse_events:
            return web.Response(status=self.refuse_events[0], text=self.refuse_events[1])
        if request.query.get("app") != self.app:
            raise web.HTTPBadRequest(text="HTTP request is missing param: [app]")
        await self.send_event("ApplicationReplaced")
        socket = web.WebSocketResponse(timeout=0.1, autoping=not self.silent)
        await socket.prepare(request)
        self._wires.append(request)
        self._listen_to(socket)
        async for _ in socket:
            pass  # a controller says nothing here; pings are answered below us
        self._wires.remove(request)
        if self._socket is socket:
            self._listen_to(None)
        return socket

    def _listen_to(self, socket: web.WebSocketResponse | None) -> None:
        """This is the controller now."""
        self._socket = socket
        self.world.listened = socket is not None
        gone, here = (self._connected, self._left) if socket is None else (self._left, self._connected)
        gone.clear()
        here.set()
