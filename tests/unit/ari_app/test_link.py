"""The event stream: in order, through every loss, and never held up by a handler."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from ari_app.link import LARGEST_EVENT, Backoff, EventLink, LinkDown, LinkUp, Pace
from ari_app.wire import ApplicationReplaced, AriEvent, ChannelDtmfReceived, StasisStart, Unknown, channel_of
from callflow.errors import AriError, AriRefused, AriUnreachable
from tests.fakes.ari import FakeAsterisk

QUICK = Pace(first_retry_s=0.01, longest_retry_s=0.05, refused_retry_s=0.05)
CALL = "1795192289.17"


class Mailbox:
    """Takes events as the shell does, and lets a test await them in order."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[AriEvent] = asyncio.Queue()
        self.rotten: set[str] = set()

    def put(self, event: AriEvent) -> None:
        if channel_of(event) in self.rotten:
            raise RuntimeError("a fault in a handler")
        self._events.put_nowait(event)

    async def next(self) -> AriEvent:
        async with asyncio.timeout(10):
            return await self._events.get()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as fake:
        yield fake


def link_to(
    asterisk: FakeAsterisk, mailbox: Mailbox, pace: Pace = QUICK, password: str = "secret"
) -> EventLink:
    return EventLink(asterisk.url, asterisk.user, password, asterisk.app, mailbox.put, pace=pace)


@contextlib.asynccontextmanager
async def running(link: EventLink) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(link.run())
    try:
        yield task
    finally:
        await link.close()
        await task


async def test_events_come_in_order_after_the_link_is_up(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox)
    async with running(link):
        assert await mailbox.next() == LinkUp()
        await asterisk.call(CALL, caller="380671112233", args=("returned", "c1", "no_answer"))
        await asterisk.press(CALL, "123")
        start = await mailbox.next()
        assert isinstance(start, StasisStart)
        assert (start.channel.caller, start.args) == ("380671112233", ("returned", "c1", "no_answer"))
        assert [await mailbox.next() for _ in range(3)] == [
            ChannelDtmfReceived(CALL, digit, 100) for digit in "123"
        ]
    assert link.stats.received == 4
    assert not link.up


async def test_it_asks_for_our_application_alone_and_hides_the_password(
    asterisk: FakeAsterisk, mailbox: Mailbox
) -> None:
    link = link_to(asterisk, mailbox)
    await link.connect_once()
    assert asterisk.addresses == ["/ari/events?app=callflow&subscribeAll=false"]
    await link.close()


async def test_a_first_connection_is_the_one_that_runs(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox)
    await link.connect_once()
    await link.connect_once()
    async with running(link):
        assert await mailbox.next() == LinkUp()
    assert len(asterisk.addresses) == 1


async def test_a_lost_link_is_told_and_opened_again(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox)
    async with running(link):
        assert await mailbox.next() == LinkUp()
        await asterisk.cut()
        down = await mailbox.next()
        assert isinstance(down, LinkDown)
        assert not down.refused
        assert await mailbox.next() == LinkUp()
        assert link.up
        await asterisk.send_event("Something")
        assert await mailbox.next() == Unknown("Something")
    assert link.stats.connections == 2


async def test_one_reason_is_told_once_however_long_it_lasts(
    asterisk: FakeAsterisk, mailbox: Mailbox
) -> None:
    link = link_to(asterisk, mailbox)
    with capture_logs() as logs:
        async with running(link):
            assert await mailbox.next() == LinkUp()
            asterisk.refuse_events = (503, '{"message":"Asterisk not booted"}')
            await asterisk.cut()
            await asterisk.wait_asked(6)
            asterisk.refuse_events = None
            downs = [await mailbox.next(), await mailbox.next()]
            assert await mailbox.next() == LinkUp()
    assert [isinstance(down, LinkDown) for down in downs] == [True, True]
    assert len([log for log in logs if log["event"] == "ari.down"]) == 2


async def test_a_wrong_password_is_an_error_at_the_start(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox, password="wrong")
    with pytest.raises(AriRefused, match="check ARI_USER and ARI_PASSWORD"):
        await link.connect_once()
    await link.close()


async def test_a_password_that_was_changed_is_told_and_tried_slowly(
    asterisk: FakeAsterisk, mailbox: Mailbox
) -> None:
    link = link_to(asterisk, mailbox)
    async with running(link):
        assert await mailbox.next() == LinkUp()
        asterisk.password = "changed"
        await asterisk.cut()
        assert isinstance(await mailbox.next(), LinkDown)
        refused = await mailbox.next()
        assert isinstance(refused, LinkDown)
        assert refused.refused
        assert "ARI_PASSWORD" in refused.reason
        asterisk.password = "secret"
        assert await mailbox.next() == LinkUp()


async def test_nobody_there_is_unreachable_at_the_start(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    await asterisk.stop()
    link = link_to(asterisk, mailbox)
    with pytest.raises(AriUnreachable, match="cannot be reached"):
        await link.connect_once()
    await link.close()


async def test_a_server_without_ari_may_be_one_that_starts(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = EventLink(f"{asterisk.url}/elsewhere", "callflow", "secret", "callflow", mailbox.put)
    with pytest.raises(AriUnreachable, match="Asterisk is starting, or check ARI_URL"):
        await link.connect_once()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "<h1>Not Found</h1>", AriUnreachable),
        (503, '{"message":"Asterisk not booted"}', AriUnreachable),
        (404, '{"message":"Resource not found"}', AriRefused),
        (400, "<p>HTTP request is missing param: [app]</p>", AriRefused),
        (200, "<h1>Welcome</h1>", AriRefused),
    ],
)
async def test_what_an_answer_without_a_stream_means(
    asterisk: FakeAsterisk, mailbox: Mailbox, status: int, body: str, kind: type[AriError]
) -> None:
    asterisk.refuse_events = (status, body)
    link = link_to(asterisk, mailbox)
    with pytest.raises(kind):
        await link.connect_once()
    async with running(link):
        down = await mailbox.next()
        assert isinstance(down, LinkDown)
        assert down.refused == (kind is AriRefused)
        asterisk.refuse_events = None
        assert await mailbox.next() == LinkUp()


async def test_a_peer_that_accepts_and_says_nothing_is_unreachable(mailbox: Mailbox) -> None:
    left = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = EventLink(
        f"http://127.0.0.1:{port}", "a", "b", "c", mailbox.put, pace=dataclasses.replace(QUICK, open_s=0.1)
    )
    with pytest.raises(AriUnreachable):
        await link.connect_once()
    await left.wait()
    server.close()
    await server.wait_closed()


async def test_a_dead_peer_is_noticed_by_its_missing_pong(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    asterisk.silent = True
    link = link_to(asterisk, mailbox, dataclasses.replace(QUICK, ping_s=0.05, pong_s=0.05))
    async with running(link):
        assert await mailbox.next() == LinkUp()
        assert isinstance(await mailbox.next(), LinkDown)
        asterisk.silent = False
        assert await mailbox.next() == LinkUp()


async def test_a_fault_in_a_handler_costs_one_event_alone(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    mailbox.rotten.add(CALL)
    link = link_to(asterisk, mailbox)
    with capture_logs() as logs:
        async with running(link):
            assert await mailbox.next() == LinkUp()
            await asterisk.call(CALL)
            await asterisk.call("1.2")
            assert channel_of(await mailbox.next()) == "1.2"
    assert link.stats.handler_failures == 1
    (failed,) = [log for log in logs if log["event"] == "ari.handler_failed"]
    assert failed["event_type"] == "StasisStart"


@pytest.mark.parametrize("message", ["{", "", "[]", '{"type":"StasisStart"}', b"\x00\x01"], ids=repr)
async def test_a_bad_message_is_counted_and_passed_over(
    asterisk: FakeAsterisk, mailbox: Mailbox, message: str | bytes
) -> None:
    link = link_to(asterisk, mailbox)
    async with running(link):
        assert await mailbox.next() == LinkUp()
        await asterisk.send_text(message)
        await asterisk.send_event("Something")
        assert await mailbox.next() == Unknown("Something")
    assert link.stats.bad == 1
    assert link.stats.connections == 1


async def test_a_message_without_end_ends_the_connection_not_us(
    asterisk: FakeAsterisk, mailbox: Mailbox
) -> None:
    link = link_to(asterisk, mailbox)
    async with running(link):
        assert await mailbox.next() == LinkUp()
        await asterisk.send_text("x" * (LARGEST_EVENT + 1))
        assert isinstance(await mailbox.next(), LinkDown)
        assert await mailbox.next() == LinkUp()


async def test_another_program_under_our_name_is_told_and_not_fought(
    asterisk: FakeAsterisk, mailbox: Mailbox
) -> None:
    ours = link_to(asterisk, mailbox, dataclasses.replace(QUICK, refused_retry_s=60.0))
    theirs = link_to(asterisk, Mailbox())
    with capture_logs() as logs:
        async with running(ours):
            assert await mailbox.next() == LinkUp()
            await theirs.connect_once()
            assert await mailbox.next() == ApplicationReplaced("callflow")
            down = await mailbox.next()
            assert isinstance(down, LinkDown)
            assert down.refused
            assert "another ARI_APP" in down.reason
            assert not ours.up
    assert [log["log_level"] for log in logs if log["event"] == "ari.replaced"] == ["error"]
    await theirs.close()


async def test_closing_ends_a_long_pause_at_once(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    await asterisk.stop()
    link = link_to(asterisk, mailbox, Pace(first_retry_s=3600, longest_retry_s=3600))
    async with asyncio.timeout(10), running(link):
        assert isinstance(await mailbox.next(), LinkDown)


async def test_cancelling_the_task_closes_the_connection(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox)
    task = asyncio.create_task(link.run())
    assert await mailbox.next() == LinkUp()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not link.up
    await asterisk.wait_left()
    assert not asterisk.connected


async def test_a_closed_link_does_not_run(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox)
    await link.close()
    await link.close()
    await link.run()
    assert asterisk.addresses == []


async def test_a_burst_of_events_keeps_its_order(asterisk: FakeAsterisk, mailbox: Mailbox) -> None:
    link = link_to(asterisk, mailbox)
    async with running(link):
        assert await mailbox.next() == LinkUp()
        for number in range(1000):
            await asterisk.send_text(json.dumps({"type": f"E{number}"}))
        assert [await mailbox.next() for _ in range(1000)] == [
            Unknown(f"E{number}") for number in range(1000)
        ]


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.2, 5.0, draw=lambda: 0.0)
    assert [backoff.next() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 0.2


def test_chance_shortens_a_pause_by_up_to_a_half() -> None:
    assert Backoff(0.2, 5.0, draw=lambda: 1.0).next() == 0.1


def test_pauses_stay_finite_after_years() -> None:
    backoff = Backoff(0.2, 5.0, draw=lambda: 0.0)
    assert [backoff.next() for _ in range(5000)][-1] == 5.0
