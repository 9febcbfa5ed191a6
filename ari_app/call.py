"""One call: a mailbox of facts, a machine that decides, a performer that does. One task, in order.

Whatever happens in here, the caller is not lost: a fault of ours sends her to the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import structlog

from agent.ports import Conversation
from agent.slots import digits
from ari_app.leg import Leg
from ari_app.logs import bind_call
from ari_app.perform import Performer
from ari_app.record import CallRecord, now
from ari_app.services import Services
from callflow import events as ev
from callflow.errors import CallflowError
from callflow.load import LoadedFlow
from callflow.machine import CallMachine
from callflow.table import State
from media.endpoint import EndpointSettings
from media.hearing import Hearing, Report
from media.line import Line
from media.recording import Recorder
from storage.ports import Call as StoredCall

log = structlog.get_logger(__name__)


class Call:
    """A call from its arrival to its last trace. `post` facts from anywhere in the loop; `run` once."""

    def __init__(self, services: Services, call_id: str, leg: Leg, loaded: LoadedFlow) -> None:
        self.call_id = call_id
        self.leg = leg
        self.machine = CallMachine(loaded.flow)
        self._services = services
        self._loaded = loaded
        self._mailbox: asyncio.Queue[ev.Event] = asyncio.Queue()
        self._farewell: ev.HungUp | None = None
        self._started_at = asyncio.get_running_loop().time()

    def post(self, event: ev.Event) -> None:
        """Put a fact into the mailbox; facts are taken in the order they come."""
        self._mailbox.put_nowait(event)

    async def run(self) -> None:
        """Live through the call and release everything it held. Raises nothing but cancellation."""
        bind_call(self.call_id, self.leg.channel_id, self._loaded.flow.flow, self._loaded.version)
        log.info("call.arrived", caller=self.leg.caller, called=self.leg.called)
        self._services.metrics.active_calls.inc()
        try:
            await self._live()
        finally:
            self._services.metrics.active_calls.dec()

    async def _live(self) -> None:
        async with contextlib.AsyncExitStack() as held:
            record = CallRecord(self._services.store, self._new_record())
            held.push_async_callback(record.close)
            held.push_async_callback(self.leg.release)
            line = self._line(record)
            held.push_async_callback(line.close)
            self.leg.attach(self.post)
            talk = Conversation(self.call_id, self.leg.caller, self.machine.language)
            performer = Performer(self._services, self._loaded.flow, self.leg, line, record, talk, self.post)
            held.push_async_callback(performer.close)
            held.callback(self._note_the_end, record)
            try:
                await self._follow(performer, line)
            except Exception:  # the top of the call's task: she must not be lost by a fault of ours
                log.exception("call.broken", state=self.machine.state, step=self.machine.step)
                await self._rescue()

    async def _follow(self, performer: Performer, line: Line) -> None:
        self.post(ev.CallArrived(self.leg.caller, self.leg.called))
        while self.machine.state is not State.ENDED:
            event = await self._mailbox.get()
            if isinstance(event, ev.CallerSaid):
                event = replace(event, digits=digits(event.text))
            if isinstance(event, ev.HungUp) and event is not self._farewell:
                self._hear_farewell(event, line)
            else:
                await self._take_in(event, performer)

    def _hear_farewell(self, event: ev.HungUp, line: Line) -> None:
        """She is gone, which Asterisk may tell twice. The record holds what she heard of the agent's last
        words: so they are stopped, which is told before she is gone."""
        if self._farewell is None:
            self._farewell = event
            if line.speaking.speech:
                line.stop_speaking(line.speaking.speech)
            self.post(event)

    async def _take_in(self, event: ev.Event, performer: Performer) -> None:
        before = self.machine.state
        if isinstance(event, ev.Failed):
            log.warning("call.part_failed", part=str(event.part), code=event.code, state=str(before))
        effects = self.machine.handle(event)
        if self.machine.state is not before:
            log.info("call.state", state=str(self.machine.state), step=self.machine.step)
        for observe in self._services.observers:
            observe(self.call_id, self.machine, event, effects)
        for effect in effects:
            await performer.carry_out(effect)

    def _line(self, record: CallRecord) -> Line:
        settings = EndpointSettings(hangover_ms=self._services.settings.vad_hangover_ms)

        def hearing(report: Report) -> Hearing:
            ear = self._services.recognizer.open(self.machine.language)
            return Hearing(self._services.vad, ear, report, settings)

        return Line(
            self._services.ticker, hearing, self._services.synthesizer, self.post, self._recorder(record)
        )

    def _recorder(self, record: CallRecord) -> Recorder | None:
        """A recorder when the flow says so; the flow's notice has told the caller."""
        if not self._loaded.flow.record:
            return None
        folder = Path(self._services.settings.recordings_dir)
        path = folder / f"{self.call_id}.wav"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            recorder = Recorder(path)
        except OSError as error:
            log.warning("recording.impossible", reason=str(error))
            return None
        record.update(recording=str(path))
        return recorder

    async def _rescue(self) -> None:
        """Our machine is broken: people take over."""
        try:
            await self.leg.transfer(self._services.settings.queue("operators"), {})
        except CallflowError as error:
            log.error("call.lost", reason=str(error))  # noqa: TRY400  # the traceback is logged already

    def _note_the_end(self, record: CallRecord) -> None:
        machine, metrics = self.machine, self._services.metrics
        ignored = sum(machine.ignored.values())
        for (state, name), times in machine.ignored.items():
            metrics.events_ignored.labels(str(state), name).inc(times)
        disposition = machine.disposition or self._cut_short(record)
        metrics.calls.labels(disposition).inc()
        record.update(ignored_events=ignored, language=machine.language)
        log.info(
            "call.ended",
            disposition=disposition,
            step=machine.step,
            turns=machine.caller_turns,
            seconds=round(asyncio.get_running_loop().time() - self._started_at, 1),
            ignored=ignored,
        )

    def _cut_short(self, record: CallRecord) -> str:
        """We stop, or are broken, before the call has ended: the queue may have it already."""
        disposition = "handed_over" if self.machine.state is State.TRANSFERRING else "error"
        record.update(disposition=disposition, last_step=self.machine.step, ended_at=now())
        return disposition

    def _new_record(self) -> StoredCall:
        flow = self._loaded.flow
        return StoredCall(
            call_id=self.call_id,
            channel_id=self.leg.channel_id,
            caller=self.leg.caller,
            called=self.leg.called,
            direction=flow.direction,
            flow=flow.flow,
            flow_version=self._loaded.version,
            language=self.machine.language,
            started_at=now(),
        )
