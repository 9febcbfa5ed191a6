"""A call that the dialplan's `AudioSocket()` brought, without ARI: 8 kHz audio, and a way to people.

The dialplan cannot be told by a connection's end what to do next, so it asks: it connects once more with the
same UUID. We end that connection in order for "hang up", and by an error for "to the operators".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from uuid import UUID

from ari_app.settings import Destination
from callflow import events as ev
from media.line import Line
from media.transports.audiosocket import AudioSocketTransport

ASKED_WITHIN_S = 30.0
"""The dialplan asks at once; one whose caller hung up never does."""


class Verdicts:
    """How calls of the dialplan ended, until the dialplan has asked."""

    def __init__(self) -> None:
        self._to_people: dict[UUID, tuple[bool, float]] = {}

    def leave(self, key: UUID, *, to_people: bool) -> None:
        """A call ended: by a hang-up, or to be taken over by people."""
        now = time.monotonic()
        self._to_people = {k: v for k, v in self._to_people.items() if now - v[1] < ASKED_WITHIN_S}
        self._to_people[key] = (to_people, now)

    def tell(self, key: UUID, transport: AudioSocketTransport) -> bool:
        """Answer a connection that asks; False when the call is not one that ended: it is a new one."""
        verdict = self._to_people.pop(key, None)
        if verdict is None:
            return False
        if verdict[0]:
            transport.refuse()
        else:
            transport.hang_up()
        return True


class AudioSocketLeg:
    """One connection of the dialplan's application. The number of the caller is not known."""

    by_ari = False
    caller = ""
    called = ""

    def __init__(self, transport: AudioSocketTransport, verdicts: Verdicts) -> None:
        self.channel_id = str(transport.uuid)
        self._transport = transport
        self._verdicts = verdicts
        self._post: Callable[[ev.Event], None] = lambda _: None

    def attach(self, post: Callable[[ev.Event], None]) -> None:
        """Report keys and the caller's hang-up."""
        self._post = post
        self._transport.on_key = lambda key: post(ev.KeyPressed(key)) if key in "0123456789*#" else None
        self._transport.on_hangup = lambda: post(ev.HungUp())
        if self._transport.gone:
            post(ev.HungUp())

    async def answer(self, line: Line) -> None:
        """The dialplan has answered; the connection is the audio path."""
        self._transport.set_sink(line.hear)
        line.attach(self._transport)

    async def transfer(self, destination: Destination, variables: Mapping[str, str]) -> None:
        """Let the dialplan go on to the operators. It tells us nothing more, so the call is over for us."""
        self._verdicts.leave(self._transport.uuid, to_people=True)
        self._transport.hang_up()
        self._post(ev.CallLeft())
        self._post(ev.OperatorAnswered())

    async def hang_up(self) -> None:
        """End the call."""
        self._verdicts.leave(self._transport.uuid, to_people=False)
        self._transport.hang_up()

    async def release(self) -> None:
        """Close the connection. Left without a verdict, the dialplan's question finds people."""
        await self._transport.close()
