"""Takes Asterisk's events and the AudioSocket's calls, and gives each to its call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog

from ari_app import ids, wire
from ari_app.call import Call
from ari_app.dialplan_leg import AudioSocketLeg, Verdicts
from ari_app.leg import AriLeg, Leg
from ari_app.link import LinkDown, LinkUp
from ari_app.perform import new_call_id
from ari_app.resync import Resync
from ari_app.services import Services
from callflow import events as ev
from callflow.errors import AriError, CallflowError
from media.transports.audiosocket import AudioSocketTransport

HANDOVER_S = 15.0
"""Time for the last words and the hand-over of calls that did not end in time, until an operator has heard
what it is about. Who waits longer is in good hands, and needs us no more."""

log = structlog.get_logger(__name__)


class Switchboard:
    """All calls of this controller. `on_event` and `on_audiosocket` are called by the two servers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._by_channel: dict[str, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._resync = Resync(services, self)
        self._verdicts = Verdicts()
        self.ignored: Counter[str] = Counter()
        """Events that concern no call of ours, by their kind."""
        self.draining = False
        self._was_up = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that are up."""
        return tuple(self._by_id.values())

    @property
    def tasks(self) -> int:
        """Tasks that run for calls or for their rescue."""
        return len(self._tasks)

    def call_of(self, channel_id: str) -> Call | None:
        """The call of a caller's channel."""
        return self._by_channel.get(channel_id)

    # --- events of Asterisk --------------------------------------------------------------------------

    def on_event(self, event: wire.AriEvent) -> None:
        """Give an event to its call, at once. Never waits."""
        match event:
            case LinkUp():
                self._services.metrics.ari_connected.set(1)
                self._services.metrics.ari_reconnects.inc(int(self._was_up))
                self._was_up = True
                self.spawn(self._resync.run(), "resync")
            case LinkDown():
                self._services.metrics.ari_connected.set(0)
            case wire.StasisStart():
                self._entered(event)
            case _:
                self._tell(event)

    def _tell(self, event: wire.AriEvent) -> None:
        call = self._by_channel.get(wire.channel_of(event) or "")
        if call is None:
            self.ignored[type(event).__name__] += 1
            return
        match event:
            case wire.ChannelDtmfReceived(digit=digit) if digit in "0123456789*#":
                call.post(ev.KeyPressed(digit))
            case wire.StasisEnd():
                leaving = isinstance(call.leg, AriLeg) and call.leg.leaving
                call.post(ev.CallLeft() if leaving else ev.HungUp())
            case wire.ChannelHangupRequest(cause=cause) | wire.ChannelDestroyed(cause=cause):
                call.post(ev.HungUp(cause))
            case wire.ChannelVarset(name="CALLFLOW_OPERATOR", value=operator) if operator:
                call.post(ev.OperatorAnswered(operator))
            case _:
                self.ignored[type(event).__name__] += 1

    def _entered(self, event: wire.StasisStart) -> None:
        channel = event.channel
        if ids.is_ours(channel.id):
            self._services.arrivals.arrive(channel.id)
        elif event.args[:1] == ("returned",):
            self._returned(event)
        elif (call := self._by_channel.get(channel.id)) is not None:
            call.post(ev.TransferEnded("failed"))  # by a dialplan of their own, without our word for it
        elif self.draining:
            self.spawn(self.to_queue(channel.id, "draining"), f"drain-{channel.id}")
        else:
            call_id = new_call_id()
            self._begin(AriLeg(self._services, call_id, channel.id, channel.caller, channel.exten), call_id)

    def _returned(self, event: wire.StasisStart) -> None:
        """The queue gave a caller back: to the same call, if we still have it."""
        call_id, outcome = (*event.args[1:3], "", "")[:2]
        call = self._by_id.get(call_id)
        if call is not None:
            call.post(ev.TransferEnded(outcome if outcome == "no_answer" else "failed"))
        else:
            log.warning("call.unknown_returned", call_id=call_id)
            new_id = new_call_id()
            channel = event.channel
            self._begin(AriLeg(self._services, new_id, channel.id, channel.caller, channel.exten), new_id)

    async def to_queue(self, channel_id: str, reason: str) -> None:
        """Hand a channel that has no call of ours to people."""
        log.warning("caller.to_queue", channel_id=channel_id, reason=reason)
        where = self._services.settings.queue("operators")
        try:
            await self._services.ari.continue_in_dialplan(channel_id, where.context, where.extension)
        except AriError as error:
            log.warning("caller.not_queued", channel_id=channel_id, reason=str(error))

    # --- calls of the dialplan's AudioSocket() -------------------------------------------------------

    def on_audiosocket(self, key: UUID, transport: AudioSocketTransport) -> None:
        """A connection that no call expects: an operator who wants a summary, the dialplan that asks how a
        call went, or a new call without ARI."""
        if self._services.desk.serve(key, transport) or self._verdicts.tell(key, transport):
            return
        if self.draining:
            transport.refuse()
            return
        self._begin(AudioSocketLeg(transport, self._verdicts), new_call_id())

    # --- the calls -----------------------------------------------------------------------------------

    def _begin(self, leg: Leg, call_id: str) -> None:
        try:
            loaded = self._services.flow()
        except CallflowError as error:
            log.error("call.no_flow", reason=str(error))  # noqa: TRY400
            self.spawn(self.to_queue(leg.channel_id, "no flow"), f"no-flow-{leg.channel_id}")
            return
        call = Call(self._services, call_id, leg, loaded)
        self._by_channel[leg.channel_id] = call
        self._by_id[call_id] = call
        self._empty.clear()
        self.spawn(self._run(call), f"call-{call_id}")

    async def _run(self, call: Call) -> None:
        try:
            await call.run()
        finally:
            self._by_channel.pop(call.leg.channel_id, None)
            self._by_id.pop(call.call_id, None)
            if not self._by_id:
                self._empty.set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine as a task that is kept, named and looked after."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = name
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        name = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("task.failed", task=name, exc_info=error)

    # --- the end -------------------------------------------------------------------------------------

    async def drain(self, within_s: float) -> None:
        """Take no new calls; let those that run end; after `within_s` the rest goes to people."""
        self.draining = True
        if not await self._wait_empty(within_s):
            log.warning("drain.handing_over", calls=len(self._by_id))
            for call in self.calls:
                call.post(ev.Failed(ev.Part.CONTROLLER, "draining"))
            await self._wait_empty(HANDOVER_S)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait_empty(self, within_s: float) -> bool:
        try:
            await asyncio.wait_for(self._empty.wait(), within_s)
        except TimeoutError:
            return False
        return True
