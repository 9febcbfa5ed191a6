"""From the agent to people and back: the shipped dialplan and queue on a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest

from asterisk.lab.instance import Lab
from asterisk.lab.ports import free_port
from asterisk.lab.sipp import Behaviour, Callers, Phone, SippResult, phone, place_calls
from tests.asterisk.conftest import WAIT_S, Controller

HANG_UP, AUDIO, ERROR = b"\x00\x00\x00", b"\x10", b"\xff\x00\x00"
SILENCE = AUDIO + (320).to_bytes(2, "big") + bytes(320)
SHORT = 'Шини: "зима" 205/55, (2 шт); ${EPOCH}'
Conversation = Callable[["Socket"], Awaitable[None]]


@dataclass
class Socket:
    """One AudioSocket connection that Asterisk made."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    call: uuid.UUID = field(default_factory=uuid.uuid4)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: kind and payload."""
        head = await self.reader.readexactly(3)
        return head[0], await self.reader.readexactly(int.from_bytes(head[1:], "big"))

    async def speak(self, seconds: float) -> None:
        """Send silence at the pace of speech, as a synthesiser would send words."""
        for _ in range(int(seconds * 50)):
            self.writer.write(SILENCE)
            await self.writer.drain()
            await asyncio.sleep(0.02)

    async def until_key(self) -> str:
        """Read on until the other side presses a key."""
        while True:
            kind, payload = await self.frame()
            if kind == 0x03:
                return payload.decode()


@dataclass
class Ears:
    """An AudioSocket server that has one way to converse; `calls` are the UUIDs it got."""

    converse: Conversation
    calls: list[uuid.UUID] = field(default_factory=list)
    ended: list[uuid.UUID] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection in a task of its own."""
        self.tasks.append(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the UUID, converse, close."""
        line = Socket(reader, writer)
        kind, payload = await line.frame()
        assert kind == 0x01
        line.call = uuid.UUID(bytes=payload)
        self.calls.append(line.call)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self.converse(line)
        self.ended.append(line.call)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def ears(port: int, converse: Conversation) -> AsyncIterator[Ears]:
    """Listen for AudioSocket at a port for a while."""
    heard = Ears(converse)
    server = await asyncio.start_server(heard.accept, "127.0.0.1", port)
    try:
        yield heard
    finally:
        server.close()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*heard.tasks)


@dataclass(frozen=True)
class Exchange:
    """A lab, the port of its operator's phone and the port of its controller's ears."""

    lab: Lab
    operator: int
    ears: int


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    port, ears_port = free_port(), free_port(socket.SOCK_STREAM)
    with Lab(
        operators={"201": port},
        controller=f"127.0.0.1:{ears_port}",
        queue_timeout_s=3,
        queue_ring_s=2,
        values={"summary-seconds": "2", "queue-places": "1"},
    ) as lab:
        yield Exchange(lab, port, ears_port)


@contextlib.contextmanager
def caller(lab: Lab, hold_s: float = 30) -> Iterator[Callers]:
    """One caller who stays on the line until the block ends; then nobody is on any line."""
    calling = place_calls(lab.sip_port, hold_s=hold_s)
    try:
        yield calling
    finally:
        lab.cli("channel request hangup all")
        calling.end()


async def end_of(calling: Callers) -> SippResult:
    """Wait until the caller's call is over."""
    return await asyncio.to_thread(calling.wait)


def variables(**more: str) -> dict[str, str]:
    """What a controller sets before it transfers."""
    return {"__CALLFLOW_CALL_ID": "call-1", "__CALLFLOW_SHORT": SHORT, **more}


def invites(operator: Phone) -> list[str]:
    """The INVITEs a phone got."""
    return [message for message in operator.messages() if message.startswith("INVITE ")]


# --- without a controller ---------------------------------------------------------------------------------


async def test_without_a_controller_the_call_is_the_operators(exchange: Exchange) -> None:
    with phone(exchange.operator, "answers", hold_s=0.5) as operator, caller(exchange.lab) as calling:
        assert (await end_of(calling)).succeeded == 1
    invite = invites(operator)[0]
    assert "+380501112233" in invite
    assert "X-Callflow" not in invite


async def test_without_a_controller_and_operators_the_call_ends_politely(exchange: Exchange) -> None:
    with phone(exchange.operator, "declines"), caller(exchange.lab) as calling:
        assert (await end_of(calling)).succeeded == 1


async def test_the_emergency_switch_sends_calls_past_a_living_controller(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        exchange.lab.cli("dialplan set global CALLFLOW_ENABLED no")
        try:
            with phone(exchange.operator, "answers", hold_s=0.5) as operator, caller(exchange.lab) as calling:
                assert (await end_of(calling)).succeeded == 1
        finally:
            exchange.lab.cli("dialplan set global CALLFLOW_ENABLED yes")
        assert invites(operator)
        assert [event["type"] for event in controller.events if event["type"] == "StasisStart"] == []


# --- answered ---------------------------------------------------------------------------------------------


async def test_the_operator_sees_what_it_is_about(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "answers") as operator, caller(exchange.lab):
            await controller.transfer(await controller.answer(), variables())
            assert await controller.operator() == "201"
    invite = invites(operator)[0]
    assert f"X-Callflow-Summary: {SHORT}" in invite
    assert "X-Callflow-Call-Id: call-1" in invite
    assert 'From: "Шини: \\"зима\\" 205/55, (2 шт); ${EPOCH}" <sip:+380501112233@' in invite


async def test_a_line_break_makes_no_header(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "answers") as operator, caller(exchange.lab):
            evil = variables(__CALLFLOW_SHORT="tyres\r\nX-Evil: yes", __CALLFLOW_CALL_ID="a\r\nX-Worse: b")
            await controller.transfer(await controller.answer(), evil)
            await controller.operator()
    invite = invites(operator)[0]
    assert "X-Callflow-Summary: tyres" in invite
    assert "\nX-Evil" not in invite
    assert "\nX-Worse" not in invite
    assert "X-Callflow-Call-Id: aX-Worseb" in invite


async def test_the_operator_hears_the_summary_before_the_caller(exchange: Exchange) -> None:
    summary = uuid.uuid4()

    async def speaks(line: Socket) -> None:
        await line.speak(0.5)
        line.writer.write(HANG_UP)

    async with Controller(exchange.lab) as controller, ears(exchange.ears, speaks) as heard:
        with phone(exchange.operator, "answers"), caller(exchange.lab):
            await controller.transfer(
                await controller.answer(), variables(__CALLFLOW_SUMMARY_ID=str(summary))
            )
            assert await controller.operator() == "201"
            assert heard.ended == [summary]
            await controller.next("Dial", lambda event: event["dialstatus"] == "ANSWER")


async def test_an_operator_ends_the_summary_by_a_key() -> None:
    async def speaks_on(line: Socket) -> None:
        await line.speak(WAIT_S)

    ears_port = free_port(socket.SOCK_STREAM)
    presses = "exten => s,1,Answer()\n same => n,Wait(0.5)\n same => n,SendDTMF(*)\n same => n,Wait(30)"
    with Lab(
        controller=f"127.0.0.1:{ears_port}",
        values={"summary-seconds": "60"},
        extra={
            "extensions.conf": f"[impatient]\n{presses}",
            "queues.conf": "member => Local/s@impatient,0,impatient",
        },
    ) as patient:
        async with Controller(patient) as controller, ears(ears_port, speaks_on):
            with caller(patient):
                summary = variables(__CALLFLOW_SUMMARY_ID=str(uuid.uuid4()))
                await controller.transfer(await controller.answer(), summary)
                assert await controller.operator() == "impatient"


async def test_a_controller_that_is_down_does_not_break_the_transfer(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "answers"), caller(exchange.lab):
            no_ears = variables(__CALLFLOW_SUMMARY_ID=str(uuid.uuid4()))
            await controller.transfer(await controller.answer(), no_ears)
            assert await controller.operator() == "201"


async def test_a_controller_that_hangs_does_not_keep_the_caller(exchange: Exchange) -> None:
    async def hangs(line: Socket) -> None:
        while await line.reader.read(4096):
            pass  # says nothing, and closes only when Asterisk does

    async with Controller(exchange.lab) as controller, ears(exchange.ears, hangs) as heard:
        with phone(exchange.operator, "answers"), caller(exchange.lab):
            await controller.transfer(
                await controller.answer(), variables(__CALLFLOW_SUMMARY_ID=str(uuid.uuid4()))
            )
            assert await controller.operator() == "201"
            assert len(heard.calls) == 1


async def test_an_operator_who_hangs_up_in_the_summary_has_refused(exchange: Exchange) -> None:
    async def speaks_long(line: Socket) -> None:
        await line.speak(10)

    async with Controller(exchange.lab) as controller, ears(exchange.ears, speaks_long) as heard:
        with phone(exchange.operator, "answers", hold_s=0.3), caller(exchange.lab):
            channel = await controller.answer()
            await controller.transfer(channel, variables(__CALLFLOW_SUMMARY_ID=str(uuid.uuid4())))
            assert await controller.returned() == (channel, ["call-1", "no_answer"])
            assert len(heard.calls) >= 2  # asked again, as long as the caller waits


async def test_the_call_is_over_when_the_operator_hangs_up(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "answers", hold_s=0.5), caller(exchange.lab) as calling:
            await controller.transfer(await controller.answer(), variables())
            await controller.operator()
            await controller.next("ChannelDestroyed")
            assert (await end_of(calling)).succeeded == 1


# --- not answered -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["declines", "rings_out"])
async def test_a_caller_whom_nobody_takes_comes_back(exchange: Exchange, behaviour: Behaviour) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, behaviour), caller(exchange.lab):
            channel = await controller.answer()
            await controller.transfer(channel, variables())
            assert await controller.returned() == (channel, ["call-1", "no_answer"])


async def test_a_queue_that_does_not_exist_has_failed(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with caller(exchange.lab):
            channel = await controller.answer()
            await controller.transfer(channel, variables(CALLFLOW_QUEUE="no-such-queue"))
            assert await controller.returned() == (channel, ["call-1", "failed"])


async def test_a_full_queue_has_failed(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "rings_out"), caller(exchange.lab), caller(exchange.lab):
            first, second = await controller.answer(), await controller.answer()
            await controller.transfer(first, variables())
            await controller.next("Dial")
            await controller.transfer(second, variables(__CALLFLOW_CALL_ID="call-2"))
            assert await controller.returned() == (second, ["call-2", "failed"])
            assert await controller.returned() == (first, ["call-1", "no_answer"])


async def test_nobody_at_work_has_failed(lab: Lab) -> None:
    async with Controller(lab) as controller:
        with caller(lab):
            channel = await controller.answer()
            await controller.transfer(channel, variables())
            assert await controller.returned() == (channel, ["call-1", "failed"])


async def test_a_returned_caller_may_be_transferred_again(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with caller(exchange.lab):
            channel = await controller.answer()
            with phone(exchange.operator, "declines"):
                await controller.transfer(channel, variables())
                assert (await controller.returned())[0] == channel
            with phone(exchange.operator, "answers"):
                await controller.transfer(channel, variables())
                assert await controller.operator() == "201"


async def test_a_caller_who_hangs_up_in_the_queue_is_reported(exchange: Exchange) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "rings_out") as operator, caller(exchange.lab, hold_s=1) as calling:
            channel = await controller.answer()
            await controller.transfer(channel, variables())
            await controller.next("ChannelHangupRequest", lambda event: event["channel"]["id"] == channel)
            await controller.next("ChannelDestroyed", lambda event: event["channel"]["id"] == channel)
            assert (await end_of(calling)).succeeded == 1
        assert any(message.startswith("CANCEL sip:") for message in operator.messages())


async def test_a_controller_that_died_meanwhile_gets_nobody_back_and_the_call_ends(
    exchange: Exchange,
) -> None:
    async with Controller(exchange.lab) as controller:
        with phone(exchange.operator, "declines") as operator, caller(exchange.lab) as calling:
            await controller.transfer(await controller.answer(), variables())
            await controller.leave()
            assert (await end_of(calling)).succeeded == 1
    assert len(invites(operator)) >= 2


# --- AudioSocket without ARI ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare() -> Iterator[Exchange]:
    """An Asterisk whose calls go to the controller by AudioSocket alone."""
    port, ears_port = free_port(), free_port(socket.SOCK_STREAM)
    presses = (
        "[presses]\nexten => s,1,Answer()\n same => n,Wait(0.3)\n same => n,SendDTMF(5#*)\n same => n,Wait(9)"
    )
    with Lab(
        operators={"201": port},
        controller=f"127.0.0.1:{ears_port}",
        queue_timeout_s=3,
        values={"trunk-context": "callflow-audiosocket"},
        extra={"extensions.conf": presses},
    ) as lab:
        yield Exchange(lab, port, ears_port)


class Dialogue:
    """Ends the first connection by `first`, and what the dialplan asks afterwards by `second`."""

    def __init__(self, first: bytes, second: bytes) -> None:
        self.last_words = [first, second]

    async def __call__(self, line: Socket) -> None:
        await line.speak(0.2)
        line.writer.write(self.last_words.pop(0))
        await line.writer.drain()


@pytest.mark.parametrize("end", [HANG_UP, b""], ids=["hang-up", "closed"])
@pytest.mark.parametrize("then", [HANG_UP, b""], ids=["hang-up", "closed"])
async def test_a_controller_by_audiosocket_ends_the_call(bare: Exchange, end: bytes, then: bytes) -> None:
    with phone(bare.operator, "answers") as operator:
        async with ears(bare.ears, Dialogue(end, then)) as heard:
            with caller(bare.lab) as calling:
                assert (await end_of(calling)).succeeded == 1
        assert len(heard.calls) == 2
        assert len(set(heard.calls)) == 1
    assert invites(operator) == []


@pytest.mark.parametrize("end", [HANG_UP, b"", ERROR], ids=["hang-up", "closed", "error"])
async def test_a_controller_by_audiosocket_sends_the_call_on(bare: Exchange, end: bytes) -> None:
    with phone(bare.operator, "answers", hold_s=0.3) as operator:
        async with ears(bare.ears, Dialogue(end, ERROR)):
            with caller(bare.lab) as calling:
                assert (await end_of(calling)).succeeded == 1
    assert len(invites(operator)) == 1


async def test_a_controller_that_dies_on_audiosocket_drops_nobody(bare: Exchange) -> None:
    with phone(bare.operator, "answers", hold_s=0.3) as operator:

        async def dies(line: Socket) -> None:
            server.close()
            line.writer.transport.abort()

        heard = Ears(dies)
        server = await asyncio.start_server(heard.accept, "127.0.0.1", bare.ears)
        with caller(bare.lab) as calling:
            assert (await end_of(calling)).succeeded == 1
        await asyncio.gather(*heard.tasks)
        assert len(heard.ended) == 1
    assert len(invites(operator)) == 1


async def test_without_ears_at_all_the_call_is_the_operators(bare: Exchange) -> None:
    with phone(bare.operator, "answers", hold_s=0.3) as operator, caller(bare.lab) as calling:
        assert (await end_of(calling)).succeeded == 1
    assert len(invites(operator)) == 1


async def test_speech_and_keys_come_by_audiosocket(bare: Exchange) -> None:
    got: asyncio.Queue[str] = asyncio.Queue()

    async def listens(line: Socket) -> None:
        for _ in range(3):
            got.put_nowait(await line.until_key())
        line.writer.write(HANG_UP)

    async with ears(bare.ears, listens), asyncio.timeout(WAIT_S):
        await asyncio.to_thread(
            bare.lab.cli, "channel originate Local/100@callflow-audiosocket extension s@presses"
        )
        assert [await got.get() for _ in range(3)] == ["5", "#", "*"]
