"""Telephones for tests, the demo and the bench: people who call, and operators who are called, with ears.

    async with PhoneExchange(target_sip_port=lab.sip_port) as phones:
        call = await phones.dial("100", caller="+380501112233")
        await call.hears_silence()                      # the greeting is over
        await call.says("winter tyres please")
        await call.hears_speech()
        print(call.latency_ms)                          # what this caller waited, mouth to ear
        operator = phones.extension("201").answers(after_s=0.5)
        taken = await operator.takes()                  # a call like any other

Between the test and the Asterisk under test stands a second private Asterisk, the phones' own:
process <-AudioSocket-> phones' Asterisk <-SIP and RTP, G.711-> Asterisk under test. So codecs, RFC 4733
keys, BYE and CANCEL are real. `PhoneExchange.sip_port` is known before the start, so that the Asterisk under
test can be told where its operators' phones are: `Lab(operators={"201": phones.sip_port})`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from types import TracebackType
from uuid import uuid4

from asterisk.lab.instance import Lab
from asterisk.lab.phone_ami import ManagerLink, Message, open_link
from asterisk.lab.phone_call import UNKNOWN, PhoneCall
from asterisk.lab.phone_extension import Extension
from asterisk.lab.phone_line import Line
from asterisk.lab.ports import HOST, free_port
from callflow.errors import AriRefused

TRUNK = "callflow-trunk"
"""The endpoint of the shipped pjsip.conf that stands for everything at 127.0.0.1."""

RINGS = "PhoneRings"
"""The user event by which the dialplan tells of an incoming call."""

DIALPLAN = """
[phone-rings]
exten => _X!,1,Ringing()
 same => n,UserEvent({rings},Dialled: ${{EXTEN}})
 same => n,Wait(600)

[phone-line]
exten => s,1,Answer()
 same => n,AudioSocket(${{PHONE_ID}},{host}:{port})
 same => n,Hangup()
"""

MANAGER = """
[general]
enabled = yes
bindaddr = {host}
port = {port}

[phones]
secret = {secret}
read = call,user
write = call,originate,system,reporting
"""


class PhoneExchange:
    """Any number of phones behind one private Asterisk. Use it as `async with`, or `start` and `close`.

    target_sip_port: where calls go, at `target_host`; may be set later, before the first `dial`.
    sip_port:        where operators' phones are called; a free one unless given.
    codecs:          what the phones speak, as in `allow =`.
    """

    def __init__(
        self,
        target_sip_port: int = 0,
        *,
        target_host: str = HOST,
        sip_port: int = 0,
        codecs: str = "alaw,ulaw",  # the trunk's order: AudioSocket() garbles a change of codec in mid-call
    ) -> None:
        self.target_sip_port, self.target_host = target_sip_port, target_host
        self.sip_port = sip_port or free_port(socket.SOCK_DGRAM)
        self.calls: list[PhoneCall] = []
        self._codecs = codecs
        self._extensions: dict[str, Extension] = {}
        self._by_id: dict[str, PhoneCall] = {}  # by our UUID, and by Asterisk's id of the channel
        self._lab: Lab | None = None
        self._server: asyncio.Server | None = None
        self._link: ManagerLink | None = None

    async def start(self) -> None:
        """Start the phones' Asterisk (under a second). Raises `LabError` or `AriUnreachable`."""
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._release)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: Line(self._by_id.get, time.monotonic), HOST, 0)
            port, secret = free_port(socket.SOCK_STREAM), secrets.token_hex(8)
            self._lab = Lab(
                sip_port=self.sip_port,
                values={"trunk-context": "phone-rings", "trunk-codecs": self._codecs},
                extra={
                    "extensions.conf": DIALPLAN.format(
                        rings=RINGS, host=HOST, port=self._server.sockets[0].getsockname()[1]
                    ),
                    "manager.conf": MANAGER.format(host=HOST, port=port, secret=secret),
                },
            )
            await asyncio.to_thread(self._lab.start)
            self._link = await open_link(port, "phones", secret, self._on_event, self._on_lost)
            undo.pop_all()

    async def close(self) -> None:
        """Hang up every call and end the phones' Asterisk. Safe to call twice."""
        live = [call for call in self.calls if call.ended_at is None]
        await asyncio.gather(*(call.hang_up() for call in live), return_exceptions=True)
        await self._release()

    async def __aenter__(self) -> PhoneExchange:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- calling and being called -------------------------------------------------------------------------

    async def dial(
        self,
        number: str,
        *,
        caller: str = "+380501112233",
        name: str = "",
        timeout_s: float = 20,
        stops_sending: bool = False,
    ) -> PhoneCall:
        """Call and wait for the answer. Raises `ChannelGone` if it is refused or not answered in time."""
        call = await self.place(
            number, caller=caller, name=name, timeout_s=timeout_s, stops_sending=stops_sending
        )
        await call.answered(timeout_s + 2)
        return call

    async def place(
        self,
        number: str,
        *,
        caller: str = "+380501112233",
        name: str = "",
        timeout_s: float = 20,
        stops_sending: bool = False,
    ) -> PhoneCall:
        """Begin a call and return at once; `answered` and `hung_up` of the call tell what comes of it.

        caller and name:  the caller's number and name as the other side sees them.
        timeout_s:        how long it may ring.
        stops_sending:    send no RTP between words, as phones with silence suppression do.
        """
        call = PhoneCall(self, str(uuid4()), caller=caller, number=number)
        call.stops_sending = stops_sending
        self._by_id[call.id] = call
        self.calls.append(call)
        await self._act(
            "Originate",
            ("Channel", f"PJSIP/{TRUNK}/sip:{number}@{self.target_host}:{self.target_sip_port}"),
            ("ChannelId", call.id),
            ("CallerID", f'"{name}" <{caller}>'),
            ("Context", "phone-line"),
            ("Exten", "s"),
            ("Priority", 1),
            ("Timeout", round(timeout_s * 1000)),
            ("Async", "true"),
            ("Variable", f"PHONE_ID={call.id}"),
        )
        return call

    def extension(self, number: str) -> Extension:
        """The phone with this number. It rings until told else; a number never asked for is unknown (404)."""
        return self._extensions.setdefault(number, Extension(number))

    def contact(self, number: str) -> str:
        """The SIP address of a phone, for the Asterisk under test."""
        return f"sip:{number}@{HOST}:{self.sip_port}"

    # --- what a call asks (the Switch of phone_call) ------------------------------------------------------

    async def hang_up(self, call: PhoneCall, cause: int) -> None:
        """End the call's channel with a cause of Q.850."""
        await self._act("Hangup", ("Channel", call.channel or call.id), ("Cause", cause))

    async def answer(self, call: PhoneCall) -> None:
        """Send a ringing call to the line that answers it."""
        line = (("Variable", "PHONE_ID"), ("Value", call.id))
        await self._act("Setvar", ("Channel", call.channel), *line)
        await self._act(
            "Redirect",
            ("Channel", call.channel),
            ("Context", "phone-line"),
            ("Exten", "s"),
            ("Priority", 1),
        )

    async def press(self, call: PhoneCall, digit: str, duration_ms: int) -> None:
        """Send one digit by RFC 4733."""
        await self._act("PlayDTMF", ("Channel", call.channel), ("Digit", digit), ("Duration", duration_ms))

    async def read(self, call: PhoneCall, variable: str) -> str:
        """A variable or function of the call's channel."""
        answer = await self._act("Getvar", ("Channel", call.channel), ("Variable", variable))
        return answer.get("Value", "")

    # --- what the phones' Asterisk tells ------------------------------------------------------------------

    def _on_event(self, event: Message) -> None:
        handle = self._handlers().get(event["Event"])
        if handle is not None:
            handle(event)

    def _handlers(self) -> dict[str, Callable[[Message], None]]:
        return {"Newchannel": self._channel_made, "UserEvent": self._rings, "Hangup": self._channel_ended}

    def _channel_made(self, event: Message) -> None:
        if call := self._by_id.get(event["Uniqueid"]):
            call.channel = event["Channel"]

    def _rings(self, event: Message) -> None:
        if event["UserEvent"] != RINGS:
            return
        number = event["Dialled"]
        call = PhoneCall(self, str(uuid4()), caller=event["CallerIDNum"], number=number)
        call.channel, call.caller_name = event["Channel"], event["CallerIDName"]
        self._by_id[call.id] = self._by_id[event["Uniqueid"]] = call
        self.calls.append(call)
        phone = self._extensions.get(number) or Extension(number).declines(cause=UNKNOWN)
        phone.ring(call)

    def _channel_ended(self, event: Message) -> None:
        if call := self._by_id.get(event["Uniqueid"]):
            call.channel_ended(time.monotonic(), int(event["Cause"]))

    def _on_lost(self) -> None:
        for call in self.calls:
            if call.cause is None:
                call.channel_ended(time.monotonic(), 0)

    # --- inside -------------------------------------------------------------------------------------------

    async def _act(self, action: str, *fields: tuple[str, object]) -> Message:
        if self._link is None:
            raise AriRefused("the phones are not started: use `async with PhoneExchange(...)`")
        return await self._link.act(action, fields)

    async def _release(self) -> None:
        link, self._link = self._link, None
        lab, self._lab = self._lab, None
        server, self._server = self._server, None
        for phone in self._extensions.values():
            await phone.close()
        if link is not None:
            await link.close()
        if lab is not None:
            await asyncio.to_thread(lab.close)
        if server is not None:
            server.close()
            await server.wait_closed()
