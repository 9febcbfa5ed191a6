"""The cable between the controller and Asterisk's HTTP port, which a test can pull out and plug in again."""

from __future__ import annotations

import asyncio
from typing import cast

from asterisk.lab.ports import HOST


class Cable:
    """A TCP proxy on a port of its own. `cut` breaks every connection and refuses new ones until `mend`.

    Use it as `async with`; `stop_carrying` keeps the connections open and loses what is sent on them.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.carries = True
        self.ends: set[_End] = set()
        self._target = target
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What stands in ARI_URL."""
        return f"http://{HOST}:{self.port}/ari"

    async def __aenter__(self) -> Cable:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Plug it in, at the same port as before."""
        self.carries = True
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Near(self, self._target), HOST, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Pull it out. Safe to call twice."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for end in tuple(self.ends):
            end.wire.abort()
        while self.ends:
            await asyncio.sleep(0)
        if listener is not None:
            await listener.wait_closed()

    def stop_carrying(self) -> None:
        """Lose what is sent from now on, without a word to either side: a firewall that forgot us."""
        self.carries = False


class _End(asyncio.Protocol):
    """One end of one connection; what comes goes to the other end."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable
        self.other: _End | None = None
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = cast(asyncio.Transport, transport)
        self._cable.ends.add(self)

    def data_received(self, data: bytes) -> None:
        if not self._cable.carries:
            return
        if self.other is None:
            self._early += data
        else:
            self.other.wire.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cable.ends.discard(self)
        if self.other is not None:
            self.other.wire.close()

    def join(self, other: _End) -> None:
        """Carry to `other` from now on, and what came before."""
        self.other = other
        other.wire.write(bytes(self._early))
        self._early.clear()


class _Near(_End):
    """The controller's end: it makes the far one."""

    def __init__(self, cable: Cable, target: int) -> None:
        super().__init__(cable)
        self._target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._dialling = asyncio.ensure_future(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(lambda: _End(self._cable), HOST, self._target)
        except OSError:
            self.wire.abort()
            return
        far.join(self)
        self.join(far)
        if self.wire.is_closing():
            far.wire.abort()
