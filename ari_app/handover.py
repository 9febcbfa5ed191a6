"""Handing a caller to people: what the operator must know goes with her."""

from __future__ import annotations

import asyncio
import re
import uuid

import structlog

from agent.ports import Conversation
from ari_app.leg import Leg
from ari_app.record import CallRecord
from ari_app.services import Services
from callflow.effects import Transfer
from callflow.errors import CallflowError

SUMMARY_S = 3.0
"""A caller waits no longer than this for her own summary to be made."""
SHORT_BYTES = 120
"""What a telephone's display and a SIP header are given."""

log = structlog.get_logger(__name__)


class Handover:
    """Makes the summary, leaves it for the operator, and gives the channel to the dialplan."""

    def __init__(self, services: Services, leg: Leg, record: CallRecord, talk: Conversation) -> None:
        self._services = services
        self._leg = leg
        self._record = record
        self._talk = talk
        self._note: uuid.UUID | None = None
        self._summary: str | None = None

    async def carry_out(self, order: Transfer) -> None:
        """Hand over. Raises `AriError` when Asterisk will not."""
        summary = await self.summarize(order.reason)
        variables = self._variables(order, summary)
        if order.summary:
            self.close()
            self._note = self._services.desk.leave(summary, self._talk.language)
            variables["__CALLFLOW_SUMMARY_ID"] = str(self._note)
        await self._leg.transfer(self._services.settings.queue(order.queue), variables)

    def close(self) -> None:
        """Take the summary back: nobody will ask for it any more."""
        if self._note is not None:
            self._services.desk.take_back(self._note)
            self._note = None

    async def summarize(self, reason: str) -> str:
        """One or two sentences on the call, stored; the first that were made stay."""
        if self._summary is None:
            try:
                made = self._services.agent.summarize(self._talk, reason)
                self._summary = await asyncio.wait_for(made, SUMMARY_S)
            except (CallflowError, TimeoutError) as error:
                log.warning("summary.plain", reason=str(error) or "not in time")
                self._summary = f"A call from {self._talk.caller or 'an unknown number'}: {reason}."
            self._record.update(summary=self._summary)
        return self._summary

    def _variables(self, order: Transfer, summary: str) -> dict[str, str]:
        """The channel variables of a hand-over; two underlines: the operator's channel inherits it."""
        return {
            "__CALLFLOW_CALL_ID": self._record.call_id,
            "__CALLFLOW_SHORT": _short(summary),
            "CALLFLOW_SUMMARY": _one_line(summary),
            "CALLFLOW_INTENT": order.reason,
            "CALLFLOW_LANGUAGE": self._talk.language,
            "CALLFLOW_CALLER": self._talk.caller,
            **{
                f"CALLFLOW_SLOT_{re.sub(r'[^A-Z0-9_]', '_', name.upper())}": _one_line(value)
                for name, value in self._talk.slots.items()
            },
        }


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    """At most `SHORT_BYTES` bytes of UTF-8, cut between characters."""
    return _one_line(text).encode()[:SHORT_BYTES].decode(errors="ignore")
