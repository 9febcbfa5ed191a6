"""What the controller relies on of ARI, seen through our own client and event link.

The first part runs on the fake Asterisk too: both must behave alike, or tests against the fake prove nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

import aiohttp
import pytest
import pytest_asyncio

from ari_app import ids, wire
from ari_app.arrivals import Arrivals
from ari_app.client import AioariClient
from ari_app.fitness import check
from ari_app.link import EventLink, LinkDown, LinkUp, Pace
from ari_app.selftest import Probe
from ari_app.wire import AriEvent, channel_of
from asterisk.lab.instance import Lab
from callflow.errors import AriError, AriRefused, AriUnreachable, ChannelGone
from media.transports.rtp import RtpPorts
from tests.fakes.ari import FakeAsterisk

WAIT_S = 20.0
APP = "callflow"
FAR = """
[far]
exten = s,1,Answer()
 same = n,Wait(60)
exten = _keys-.,1,SendDTMF(${EXTEN:5},50,80)
 same = n,Wait(60)
"""
"""What the caller of these tests does: it stays on the line, and presses keys when it is sent to."""

AriEventT = TypeVar("AriEventT", bound=AriEvent)


class Asterisk(Protocol):
    """An Asterisk of either kind, and its caller."""

    url: str
    user: str
    password: str

    async def call(self, channel_id: str, caller: str) -> None:
        """A caller enters Stasis on a channel of this id, at extension 100."""

    async def press(self, channel_id: str, digits: str) -> None:
        """The caller presses keys."""

    async def hang_up(self, channel_id: str) -> None:
        """The caller hangs up."""


class RealAsterisk:
    """The lab, with one end of a Local channel as the caller."""

    def __init__(self, lab: Lab, session: aiohttp.ClientSession) -> None:
        self.url, self.user, self.password = lab.ari_url, lab.ari_user, lab.ari_password
        self._lab = lab
        self._session = session

    async def _ask(self, method: str, path: str, **body: str | int) -> None:
        async with self._session.request(method, f"{self.url}/{path}", json=body or None) as answer:
            assert answer.status < 300, await answer.text()

    async def call(self, channel_id: str, caller: str) -> None:
        """`/n`: the two ends stay two."""
        await self._ask(
            "POST",
            "channels",
            endpoint=f"Local/100@{APP}/n",
            context="far",
            extension="s",
            priority=1,
            callerId=caller,
            channelId=f"far-{channel_id}",
            otherChannelId=channel_id,
        )

    async def press(self, channel_id: str, digits: str) -> None:
        """From the dialplan, as the caller is there."""
        async with self._session.get(f"{self.url}/channels/far-{channel_id}") as answer:
            name = (await answer.json())["name"]
        await asyncio.to_thread(self._lab.cli, f"channel redirect {name} far,keys-{digits},1")

    async def hang_up(self, channel_id: str) -> None:
        """The far end goes, and takes ours along."""
        await self._ask("DELETE", f"channels/far-{channel_id}")


class FakeForTests:
    """The fake, by the same names."""

    def __init__(self, fake: FakeAsterisk) -> None:
        self.url, self.user, self.password = f"{fake.url}/ari", fake.user, fake.password
        self._fake = fake

    async def call(self, channel_id: str, caller: str) -> None:
        """Local channels have no RTP of Asterisk's own."""
        await self._fake.call(channel_id, caller=caller, name="Local/100@callflow-00000001;2")

    async def press(self, channel_id: str, digits: str) -> None:
        """As it is."""
        await self._fake.press(channel_id, digits)

    async def hang_up(self, channel_id: str) -> None:
        """As it is."""
        await self._fake.hang_up(channel_id)


class Mailbox:
    """Every event, in order."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[AriEvent] = asyncio.Queue()

    def put(self, event: AriEvent) -> None:
        """Take an event."""
        self._events.put_nowait(event)

    async def next(self, kind: type[AriEventT], channel_id: str = "") -> AriEventT:
        """The next event of a kind (of a channel, if one is given); those before it are passed over."""
        async with asyncio.timeout(WAIT_S):
            while True:
                event = await self._events.get()
                if isinstance(event, kind) and channel_id in ("", channel_of(event)):
                    return event

    async def kinds_until(self, last: type[AriEvent], channel_id: str) -> list[type[AriEvent]]:
        """The kinds of a channel's events up to one of kind `last`, without the dialplan's own."""
        left_out = (wire.ChannelVarset, wire.Unknown, wire.ChannelConnectedLine, wire.ChannelCallerId)
        kinds: list[type[AriEvent]] = []
        async with asyncio.timeout(WAIT_S):
            while last not in kinds:
                event = await self._events.get()
                if channel_of(event) == channel_id and not isinstance(event, left_out):
                    kinds.append(type(event))
        return kinds


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    with Lab(extra={"extensions.conf": FAR}) as lab:
        yield lab


@pytest_asyncio.fixture(params=["fake", "real"])
async def asterisk(request: pytest.FixtureRequest) -> AsyncIterator[Asterisk]:
    if request.param == "fake":
        async with FakeAsterisk() as fake:
            yield FakeForTests(fake)
        return
    lab: Lab = request.getfixturevalue("own_lab")
    login = aiohttp.encode_basic_auth(lab.ari_user, lab.ari_password)
    async with aiohttp.ClientSession(headers={"Authorization": login}) as session:
        yield RealAsterisk(lab, session)


@contextlib.asynccontextmanager
async def following(
    url: str, user: str, password: str, mailbox: Mailbox, pace: Pace | None = None
) -> AsyncIterator[EventLink]:
    """The events of our application, inside."""
    link = EventLink(url, user, password, APP, mailbox.put, pace=pace)
    await link.connect_once()
    task = asyncio.create_task(link.run())
    try:
        await mailbox.next(LinkUp)
        yield link
    finally:
        await link.close()
        await task


@pytest_asyncio.fixture
async def mailbox(asterisk: Asterisk) -> AsyncIterator[Mailbox]:
    box = Mailbox()
    async with following(asterisk.url, asterisk.user, asterisk.password, box):
        yield box


@pytest_asyncio.fixture
async def client(asterisk: Asterisk, mailbox: Mailbox) -> AsyncIterator[AioariClient]:
    client = AioariClient(asterisk.url, asterisk.user, asterisk.password)
    yield client
    for channel in await client.channels():
        await client.hang_up(channel.id)
    for bridge_id in await client.bridges():
        await client.destroy_bridge(bridge_id)
    await client.close()


@pytest_asyncio.fixture
async def call(asterisk: Asterisk, mailbox: Mailbox, client: AioariClient) -> str:
    """The channel id of a caller who has just entered Stasis."""
    await asterisk.call("near", "380671112233")
    await mailbox.next(wire.StasisStart, "near")
    return "near"


# --- alike on the fake and on the real one -----------------------------------------------------------


async def test_a_caller_is_shown(asterisk: Asterisk, mailbox: Mailbox, client: AioariClient) -> None:
    await asterisk.call("near", "380671112233")
    start = await mailbox.next(wire.StasisStart, "near")
    assert (start.channel.caller, start.channel.exten, start.args) == ("380671112233", "100", ())
    assert start.channel.context == APP
    assert start.channel.language == "en"
    assert not ids.is_ours(start.channel.id)
    assert "near" in [channel.id for channel in await client.channels()]
    assert "near" in (await client.application(APP)).channels


async def test_a_call_is_answered_and_bridged_with_its_media(
    call: str, mailbox: Mailbox, client: AioariClient
) -> None:
    bridge, media = ids.bridge("c1"), ids.media("c1", 1)
    await client.answer(call)
    await client.answer(call)
    await client.create_bridge(bridge)
    variables = await client.external_media(media, APP, "127.0.0.1:4000")
    start = await mailbox.next(wire.StasisStart)
    assert start.channel.id == media
    assert ids.is_ours(media)
    assert variables["UNICASTRTP_LOCAL_ADDRESS"] == "127.0.0.1"
    assert 0 < int(variables["UNICASTRTP_LOCAL_PORT"]) < 65536
    await client.add_to_bridge(bridge, call, media)
    entered = {(await mailbox.next(wire.ChannelEnteredBridge)).channel_id for _ in range(2)}
    assert entered == {call, media}
    assert bridge in await client.bridges()
    await client.destroy_bridge(bridge)
    left = {(await mailbox.next(wire.ChannelLeftBridge)).channel_id for _ in range(2)}
    assert left == {call, media}
    assert await client.bridges() == ()


async def test_keys_come_in_order(
    asterisk: Asterisk, call: str, mailbox: Mailbox, client: AioariClient
) -> None:
    await client.answer(call)
    await asterisk.press(call, "12#*")
    keys = [(await mailbox.next(wire.ChannelDtmfReceived, call)).digit for _ in range(4)]
    assert keys == ["1", "2", "#", "*"]


async def test_variables_hold_long_texts_and_any_letters(call: str, client: AioariClient) -> None:
    long = "Клієнт питає: «Де моє замовлення №205?» & <що>; $1, 50%. " * 60
    await client.set_variables(call, {"SUMMARY": long, "EMPTY": "", "NAME": "O'Neil, ü"})
    assert await client.get_variable(call, "SUMMARY") == long
    assert await client.get_variable(call, "EMPTY") == ""
    assert await client.get_variable(call, "NAME") == "O'Neil, ü"
    assert await client.get_variable(call, "NEVER_SET") == ""
    assert await client.get_variable(call, "CHANNEL(language)") == "en"


async def test_a_caller_who_hangs_up_ends_with_stasis_end(
    asterisk: Asterisk, call: str, mailbox: Mailbox, client: AioariClient
) -> None:
    await client.answer(call)
    await asterisk.hang_up(call)
    kinds = await mailbox.kinds_until(wire.StasisEnd, call)
    assert kinds[-2:] == [wire.ChannelHangupRequest, wire.StasisEnd]
    with pytest.raises(AriRefused) as refused:
        await client.answer(call)
    assert refused.value.status in (404, 409)  # for a moment Asterisk still has a channel that left Stasis
    await client.hang_up(call)


async def test_what_we_hang_up_ends_with_stasis_end(
    call: str, mailbox: Mailbox, client: AioariClient
) -> None:
    await client.hang_up(call)
    kinds = await mailbox.kinds_until(wire.StasisEnd, call)
    assert kinds[-2:] == [wire.ChannelHangupRequest, wire.StasisEnd]


async def test_a_channel_of_ours_ends_with_destroyed(mailbox: Mailbox, client: AioariClient) -> None:
    media = ids.media("c1", 1)
    await client.external_media(media, APP, "127.0.0.1:4000")
    await mailbox.next(wire.StasisStart, media)
    await client.hang_up(media)
    kinds = await mailbox.kinds_until(wire.ChannelDestroyed, media)
    assert kinds == [wire.ChannelHangupRequest, wire.StasisEnd, wire.ChannelDestroyed]


async def test_a_call_that_went_on_is_heard_of_when_subscribed(
    asterisk: Asterisk, call: str, mailbox: Mailbox, client: AioariClient
) -> None:
    await client.answer(call)
    await client.subscribe(APP, f"channel:{call}")
    await client.continue_in_dialplan(call, "far")
    await mailbox.next(wire.StasisEnd, call)
    with pytest.raises(AriRefused) as refused:
        await client.continue_in_dialplan(call, "far")
    assert refused.value.status == 409
    await asterisk.hang_up(call)
    assert (await mailbox.next(wire.ChannelDestroyed, call)).cause == 16


async def test_channels_without_asterisks_rtp_have_no_count(call: str, client: AioariClient) -> None:
    await client.external_media(ids.media("c1", 1), APP, "127.0.0.1:4000")
    assert await client.rtp_count(call) is None
    assert await client.rtp_count(ids.media("c1", 1)) is None


Ask = Callable[[AioariClient], Awaitable[object]]
REFUSALS: dict[str, tuple[Ask, type[AriError], int]] = {
    "answer": (lambda c: c.answer("gone"), ChannelGone, 404),
    "continue": (lambda c: c.continue_in_dialplan("gone", "far"), ChannelGone, 404),
    "variable": (lambda c: c.get_variable("gone", "X"), ChannelGone, 404),
    "set": (lambda c: c.set_variables("gone", {"X": "1"}), ChannelGone, 404),
    "count": (lambda c: c.rtp_count("gone"), ChannelGone, 404),
    "application": (lambda c: c.application("never-connected"), ChannelGone, 404),
    "subscribe": (lambda c: c.subscribe(APP, "channel:gone"), ChannelGone, 422),
    "bridge": (lambda c: c.add_to_bridge("gone", "gone"), ChannelGone, 404),
    "into-bridge": (lambda c: c.add_to_bridge("b1", "gone"), ChannelGone, 400),
    "same-bridge": (lambda c: c.create_bridge("b1"), AriRefused, 409),
    "same-channel": (
        lambda c: c.originate(ids.media("c1", 1), f"Local/100@{APP}/n", APP),
        AriRefused,
        409,
    ),
    "format": (
        lambda c: c.external_media("m2", APP, "127.0.0.1:4000", audio_format="slin17"),
        AriRefused,
        500,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals_are_alike(client: AioariClient, name: str) -> None:
    ask, kind, status = REFUSALS[name]
    await client.create_bridge("b1")
    await client.external_media(ids.media("c1", 1), APP, "127.0.0.1:4000")
    with pytest.raises(AriRefused) as refused:
        await ask(client)
    assert (type(refused.value), refused.value.status) == (kind, status)


async def test_to_remove_what_is_gone_is_no_error(client: AioariClient) -> None:
    await client.hang_up("gone")
    await client.destroy_bridge("gone")
    assert await client.bridges() == ()


async def test_a_wrong_password_is_refused_by_both_ways(asterisk: Asterisk) -> None:
    client = AioariClient(asterisk.url, asterisk.user, "wrong")
    link = EventLink(asterisk.url, asterisk.user, "wrong", APP, Mailbox().put)
    for connect in (client.connect, link.connect_once):
        with pytest.raises(AriRefused, match="ARI_USER and ARI_PASSWORD"):
            await connect()
    await client.close()


async def test_a_second_program_of_our_name_takes_over(
    asterisk: Asterisk, mailbox: Mailbox, client: AioariClient
) -> None:
    theirs = Mailbox()
    async with following(asterisk.url, asterisk.user, asterisk.password, theirs):
        assert (await mailbox.next(wire.ApplicationReplaced)).application == APP
        assert (await mailbox.next(LinkDown)).refused
        await asterisk.call("near", "100")
        await theirs.next(wire.StasisStart, "near")


async def test_the_return_path_is_proved(asterisk: Asterisk, client: AioariClient) -> None:
    arrivals = Arrivals()

    def on_event(event: AriEvent) -> None:
        if isinstance(event, wire.StasisStart):
            arrivals.arrive(event.channel.id)

    link = EventLink(asterisk.url, asterisk.user, asterisk.password, "selftest", on_event)
    if isinstance(asterisk, FakeForTests):
        link = EventLink(asterisk.url, asterisk.user, asterisk.password, APP, on_event)
    await link.connect_once()
    task = asyncio.create_task(link.run())
    app = APP if isinstance(asterisk, FakeForTests) else "selftest"
    result = await Probe(client, arrivals, app, RtpPorts("127.0.0.1", 0, 0)).run()
    await link.close()
    await task
    assert result.reason == ""
    assert result.ok
    assert result.heard_dbfs == pytest.approx(-15, abs=3)
    assert await client.channels() == ()
    assert await client.bridges() == ()


# --- on the real one alone ---------------------------------------------------------------------------


@pytest_asyncio.fixture
async def real_client(own_lab: Lab) -> AsyncIterator[AioariClient]:
    client = AioariClient(own_lab.ari_url, own_lab.ari_user, own_lab.ari_password)
    yield client
    await client.close()


async def test_our_configuration_makes_a_fit_asterisk(real_client: AioariClient) -> None:
    info = await real_client.info()
    warnings = check(info)
    assert [warning for warning in warnings if "#2089" not in warning] == []


async def test_a_burst_of_fifty_calls_is_set_up(own_lab: Lab, real_client: AioariClient) -> None:
    box = Mailbox()
    async with following(own_lab.ari_url, own_lab.ari_user, own_lab.ari_password, box):
        await asyncio.gather(*(_set_up(real_client, f"burst{number}") for number in range(50)))
        bridges, channels = await real_client.bridges(), await real_client.channels()
        await asyncio.gather(*(real_client.hang_up(channel.id) for channel in channels))
        await asyncio.gather(*(real_client.destroy_bridge(bridge_id) for bridge_id in bridges))
    assert sorted(bridges) == sorted(ids.bridge(f"burst{number}") for number in range(50))
    assert len(channels) == 50


async def _set_up(client: AioariClient, call_id: str) -> None:
    await client.create_bridge(ids.bridge(call_id))
    await client.external_media(ids.media(call_id, 1), APP, "127.0.0.1:4000")
    assert await client.get_variable(ids.media(call_id, 1), "UNICASTRTP_LOCAL_PORT")


QUICK = Pace(ping_s=0.2, pong_s=0.3, open_s=0.5, first_retry_s=0.05, longest_retry_s=0.2)


async def test_a_restart_of_asterisk_is_survived() -> None:
    box = Mailbox()
    with Lab() as lab:
        client = AioariClient(lab.ari_url, lab.ari_user, lab.ari_password)
        async with following(lab.ari_url, lab.ari_user, lab.ari_password, box, QUICK):
            await asyncio.gather(*(client.create_bridge(f"b{number}") for number in range(5)))
            await asyncio.to_thread(lab.kill)
            assert not (await box.next(LinkDown)).refused
            with pytest.raises(AriUnreachable):
                await client.bridges()
            await asyncio.to_thread(lab.start)
            await box.next(LinkUp)
            assert await client.bridges() == ()
            await client.external_media("m1", APP, "127.0.0.1:4000")
            await box.next(wire.StasisStart, "m1")
        await client.close()


async def test_an_asterisk_that_hangs_is_noticed() -> None:
    box = Mailbox()
    with Lab() as lab:
        client = AioariClient(lab.ari_url, lab.ari_user, lab.ari_password, timeout_s=0.5)
        await client.connect()
        pace = dataclasses.replace(QUICK, open_s=0.5)
        async with following(lab.ari_url, lab.ari_user, lab.ari_password, box, pace):
            os.kill(lab.pid, signal.SIGSTOP)
            try:
                assert "ping" in (await box.next(LinkDown)).reason
                with pytest.raises(AriUnreachable, match="did not answer"):
                    await client.bridges()
            finally:
                os.kill(lab.pid, signal.SIGCONT)
            await box.next(LinkUp)
            assert await client.bridges() == ()
        await client.close()
