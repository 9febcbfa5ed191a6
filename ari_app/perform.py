"""How each order of the machine is carried out. One performer a call; orders are done one after another."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable

import structlog

from agent.ports import Conversation
from agent.ports import Line as SaidLine
from ari_app.handover import Handover
from ari_app.leg import Leg
from ari_app.record import CallRecord, now
from ari_app.services import Services
from ari_app.thinking import Thinking
from ari_app.timing import TurnClocks
from callflow import effects as do
from callflow import events as ev
from callflow.errors import AriError, CallflowError, ChannelGone, MediaError
from callflow.hours import is_open
from callflow.schema import AgentStep, Flow, MenuStep
from media.line import Line
from media.ports import Phrases

log = structlog.get_logger(__name__)

SETTLE_S = 1.0
"""The last words leave our buffers in a sixth of a second; a dead line must not hold a hang-up for ever."""


class Performer:
    """Does what the machine orders. `post` puts facts into the call's mailbox."""

    def __init__(
        self,
        services: Services,
        flow: Flow,
        leg: Leg,
        line: Line,
        record: CallRecord,
        talk: Conversation,
        post: Callable[[ev.Event], None],
    ) -> None:
        self._services = services
        self._flow = flow
        self._leg = leg
        self._line = line
        self._record = record
        self._talk = talk
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._timers: dict[ev.Timer, asyncio.TimerHandle] = {}
        self.thinking = Thinking(services.agent, talk, record, post)
        self.clocks = TurnClocks(line, services.metrics)
        self.handover = Handover(services, leg, record, talk)
        self._how: dict[type[do.Effect], Callable[..., Awaitable[None] | None]] = {
            do.Answer: self._answer,
            do.Say: self._say,
            do.SayMore: lambda order: line.say_more(order),
            do.StopSpeaking: lambda order: line.stop_speaking(order.speech),
            do.Listen: self._listen,
            do.AskAgent: self._ask_agent,
            do.CancelAgent: lambda order: self.thinking.cancel(),
            do.Check: self._check,
            do.StartTimer: self._start_timer,
            do.StopTimer: self._stop_timer,
            do.Transfer: self._transfer,
            do.CloseAudio: lambda _: leg.release(),
            do.HangUp: self._hang_up,
            do.RecordTurn: self._record_turn,
            do.RecordStep: self._record_step,
            do.CloseCall: self._close_call,
        }

    async def carry_out(self, order: do.Effect) -> None:
        """Carry out one order. What fails is reported as a fact, not raised."""
        done = self._how[type(order)](order)
        if done is not None:
            await done

    async def close(self) -> None:
        """Stop the timers and the agent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await self.thinking.close()
        self.handover.close()

    # --- the channel ---------------------------------------------------------------------------------

    async def _answer(self, _: do.Answer) -> None:
        try:
            await self._leg.answer(self._line)
        except ChannelGone:
            self._post(ev.HungUp())
            return
        except (AriError, MediaError) as error:
            log.warning("call.not_answered", reason=str(error))
            self._post(ev.Failed(ev.Part.MEDIA, error.code))
            return
        transport = self._line.transport
        self._record.update(answered_at=now(), transport=transport.name if transport else None)
        self._post(ev.CallAnswered())

    async def _hang_up(self, _: do.HangUp) -> None:
        await self._settled()
        try:
            await self._leg.hang_up()
        except CallflowError as error:
            log.warning("call.not_hung_up", reason=str(error))

    async def _transfer(self, order: do.Transfer) -> None:
        await self._settled()
        try:
            await self.handover.carry_out(order)
        except ChannelGone:
            self._post(ev.HungUp())
        except CallflowError as error:
            log.warning("call.not_transferred", reason=str(error))
            self._post(ev.Failed(ev.Part.TRANSFER, error.code))

    async def _settled(self) -> None:
        try:
            await asyncio.wait_for(self._line.settle(), SETTLE_S)
        except TimeoutError:
            log.warning("media.not_settled")

    # --- speech --------------------------------------------------------------------------------------

    def _say(self, order: do.Say) -> None:
        self.clocks.spoke(order.speech, self._loop.time())
        self._line.say(order)

    def _listen(self, order: do.Listen) -> None:
        step = self._flow.steps.get(order.step)
        if isinstance(step, AgentStep):
            expected = self._services.agent.expects(order.step, step, self._talk)
            self._line.expect(Phrases(expected.phrases, expected.digits), order.language)
        elif isinstance(step, MenuStep):
            self._line.expect(Phrases(digits=True), order.language)

    def _ask_agent(self, order: do.AskAgent) -> None:
        step = self._flow.steps[order.step]
        if isinstance(step, AgentStep):
            self.clocks.asked(self._loop.time(), answers=bool(order.text))
            self.thinking.ask(order, step)

    def _check(self, order: do.Check) -> None:
        hours = self._flow.hours
        opened = hours is None or is_open(hours, dt.datetime.now(dt.UTC))
        self._post(ev.Checked(order.step, "open" if opened else "closed"))

    # --- time ----------------------------------------------------------------------------------------

    def _start_timer(self, order: do.StartTimer) -> None:
        self._stop_timer(order)
        self._timers[order.timer] = self._loop.call_later(order.after_s, self._fire, order.timer)

    def _stop_timer(self, order: do.StartTimer | do.StopTimer) -> None:
        if timer := self._timers.pop(order.timer, None):
            timer.cancel()

    def _fire(self, timer: ev.Timer) -> None:
        del self._timers[timer]
        self._post(ev.TimerFired(timer))

    # --- the record ----------------------------------------------------------------------------------

    async def _record_turn(self, order: do.RecordTurn) -> None:
        speaker = "caller" if order.speaker is do.Speaker.CALLER else "agent"
        self._talk.lines.append(SaidLine(speaker, order.text))  # type: ignore[arg-type]
        marks = self.clocks.ended(order.speech)
        log.info("turn", speaker=speaker, step=order.step, interrupted=order.interrupted, **marks)
        log.debug("turn.words", speaker=speaker, words=order.text)
        await self._record.turn(
            order.speaker, order.text, order.step, interrupted=order.interrupted, latency_ms=marks
        )

    def _record_step(self, order: do.RecordStep) -> None:
        self._talk.visit += 1
        self._record.step(order.step, order.reason)

    async def _close_call(self, order: do.CloseCall) -> None:
        self._record.update(disposition=order.disposition, last_step=order.step, ended_at=now())
        await self.handover.summarize(order.disposition)
        if self._talk.slots:
            self._record.update(slots=dict(self._talk.slots))
        if self._line.transport is not None:  # another than at the answer, if the path had to fall back
            self._record.update(transport=self._line.transport.name)


def new_call_id() -> str:
    """A call's id, in logs, records and the names of its channels."""
    return str(uuid.uuid4())
