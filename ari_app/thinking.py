"""The agent's turns of one call: one runs at a time, as a task, and reports what it says as facts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from agent.ports import Agent, Conversation, Finished, Sentence, ToolUsed
from ari_app.record import CallRecord
from callflow import events as ev
from callflow.effects import AskAgent
from callflow.errors import CallflowError
from callflow.schema import AgentStep

TURN_S = 20.0
"""An agent that has not finished by then has failed; a caller waits for no machine longer than this."""

log = structlog.get_logger(__name__)


class Thinking:
    """Runs turns of the agent for one call. A cancelled turn reports nothing more."""

    def __init__(
        self, agent: Agent, talk: Conversation, record: CallRecord, post: Callable[[ev.Event], None]
    ) -> None:
        self.talk = talk
        self._agent = agent
        self._record = record
        self._post = post
        self._turn = 0
        self._task: asyncio.Task[None] | None = None

    def ask(self, order: AskAgent, step: AgentStep) -> None:
        """Begin a turn."""
        self.cancel()
        self._turn = order.turn
        self.talk.language = order.language
        self._task = asyncio.create_task(self._think(order, step), name=f"turn-{order.turn}")

    def cancel(self) -> None:
        """Stop the running turn, if there is one."""
        self._turn = 0
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Stop, and wait until it has."""
        self.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _report(self, turn: int, event: ev.Event) -> None:
        if turn == self._turn:
            self._post(event)

    async def _think(self, order: AskAgent, step: AgentStep) -> None:
        turn = order.turn
        try:
            async with asyncio.timeout(TURN_S):
                outcome = await self._reply(order, step)
        except (CallflowError, TimeoutError) as error:
            log.warning("agent.failed", turn=turn, reason=str(error) or "no answer in time")
            self._report(turn, ev.Failed(ev.Part.AGENT, getattr(error, "code", "provider-timeout")))
            return
        except Exception:  # a fault of ours in a turn: the caller goes to a person, we to the log
            log.exception("agent.broken", turn=turn)
            self._report(turn, ev.Failed(ev.Part.AGENT, "broken"))
            return
        self._report(turn, ev.AgentFinished(turn, outcome, dict(self.talk.slots), dict(self.talk.values)))

    async def _reply(self, order: AskAgent, step: AgentStep) -> str | None:
        outcome = None
        async with contextlib.aclosing(
            self._agent.reply(order.step, step, order.text, self.talk)  # type: ignore[type-var]
        ) as said:
            async for item in said:
                if isinstance(item, Sentence):
                    self._report(order.turn, ev.AgentSpoke(order.turn, item.text))
                elif isinstance(item, ToolUsed):
                    self._record.tool(item)
                elif isinstance(item, Finished):
                    outcome = item.outcome
        return outcome
