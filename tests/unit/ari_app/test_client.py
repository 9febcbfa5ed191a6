"""The REST client against the fake Asterisk: what it asks, and what refusals become."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web

from ari_app.client import AioariClient
from ari_app.ports import Application, Ari, AsteriskInfo, RtpCount
from callflow.errors import AriRefused, AriUnreachable, ChannelGone
from tests.fakes.ari import FakeAsterisk

CALL = "1795192289.17"


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as fake:
        await fake.call(CALL, caller="380671112233", CALLFLOW_CALL_ID="c1")
        yield fake


@pytest_asyncio.fixture
async def client(asterisk: FakeAsterisk) -> AsyncIterator[AioariClient]:
    client = AioariClient(asterisk.url, asterisk.user, asterisk.password)
    yield client
    await client.close()


@pytest_asyncio.fixture
async def aiohttp_page() -> AsyncIterator[str]:
    """A web server that answers everything with a page."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<h1>Welcome</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_it_is_the_port(client: AioariClient) -> None:
    port: Ari = client
    assert (await port.info()).version == "22.10.1"


async def test_info_tells_version_and_modules(asterisk: FakeAsterisk, client: AioariClient) -> None:
    asterisk.world.modules = {"res_stasis", "chan_rtp"}
    assert await client.info() == AsteriskInfo("22.10.1", frozenset({"res_stasis", "chan_rtp"}))


async def test_a_channel_is_shown_with_its_variables(client: AioariClient) -> None:
    (channel,) = await client.channels()
    assert (channel.id, channel.caller, channel.exten, channel.state) == (CALL, "380671112233", "100", "Ring")
    assert channel.variables == {"CALLFLOW_CALL_ID": "c1"}


async def test_a_call_is_answered_bridged_and_sent_on(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.answer(CALL)
    await client.create_bridge("b1")
    variables = await client.external_media("m1", "callflow", "127.0.0.1:4000")
    await client.add_to_bridge("b1", CALL, "m1")
    assert asterisk.world.channels[CALL].state == "Up"
    assert asterisk.world.bridges == {"b1": [CALL, "m1"]}
    assert variables["UNICASTRTP_LOCAL_ADDRESS"] == "127.0.0.1"
    assert int(variables["UNICASTRTP_LOCAL_PORT"]) > 0
    assert await client.bridges() == ("b1",)
    await client.continue_in_dialplan(CALL, "transfer-to-operator")
    assert asterisk.world.channels[CALL].context == "transfer-to-operator"
    assert asterisk.world.bridges == {"b1": ["m1"]}
    await client.destroy_bridge("b1")
    assert asterisk.world.bridges == {}


async def test_external_media_asks_for_what_it_was_told(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.external_media(
        "m1",
        "callflow",
        "127.0.0.1:9092",
        audio_format="slin",
        encapsulation="audiosocket",
        transport="tcp",
        data="3f0c",
    )
    assert asterisk.asked("externalMedia") == [
        {
            "channelId": "m1",
            "app": "callflow",
            "external_host": "127.0.0.1:9092",
            "format": "slin",
            "encapsulation": "audiosocket",
            "transport": "tcp",
            "data": "3f0c",
        }
    ]


async def test_variables_are_set_in_order_and_may_be_long(
    asterisk: FakeAsterisk, client: AioariClient
) -> None:
    long = "Клієнт питає про замовлення. " * 300
    await client.set_variables(CALL, {"B": long, "A": "", "CALLERID(name)": "Ann, <x> & ü"})
    assert [asked["variable"] for asked in asterisk.asked("setChannelVar")] == ["B", "A", "CALLERID(name)"]
    assert await client.get_variable(CALL, "B") == long
    assert await client.get_variable(CALL, "A") == ""
    assert await client.get_variable(CALL, "CALLERID(name)") == "Ann, <x> & ü"


async def test_an_unset_variable_is_empty_and_a_gone_channel_is_gone(client: AioariClient) -> None:
    assert await client.get_variable(CALL, "NOPE") == ""
    with pytest.raises(ChannelGone):
        await client.get_variable("gone", "NOPE")


async def test_packets_of_the_telephone_are_counted(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.answer(CALL)
    for _ in range(3):
        asterisk.speak(CALL, bytes(640))
    assert await client.rtp_count(CALL) == RtpCount(received=3, sent=0)
    await client.external_media("m1", "callflow", "127.0.0.1:4000")
    assert await client.rtp_count("m1") is None
    await asterisk.call("local", name="Local/100@callflow-1;1")
    assert await client.rtp_count("local") is None
    with pytest.raises(ChannelGone):
        await client.rtp_count("gone")


async def test_a_leg_is_dialled(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.originate(
        "callflow-out-1",
        "PJSIP/380671112233@trunk",
        "callflow",
        caller="100",
        timeout_s=20,
        app_args="outbound,1",
        variables={"CALLFLOW_CALL_ID": "c2"},
    )
    (asked,) = asterisk.asked("originate")
    assert asked == {
        "channelId": "callflow-out-1",
        "endpoint": "PJSIP/380671112233@trunk",
        "app": "callflow",
        "appArgs": "outbound,1",
        "callerId": "100",
        "timeout": "20",
        "variables": {"CALLFLOW_CALL_ID": "c2"},
    }
    assert asterisk.world.channels["callflow-out-1"].variables == {"CALLFLOW_CALL_ID": "c2"}


async def test_words_and_numbers_of_callers_are_not_in_addresses(
    asterisk: FakeAsterisk, client: AioariClient
) -> None:
    await client.set_variables(CALL, {"SUMMARY": "asks-for-a-refund"})
    await client.originate("o1", "PJSIP/380671112233@trunk", "callflow", caller="380509998877")
    addresses = " ".join(asterisk.addresses)
    for secret in ("asks-for-a-refund", "380671112233", "380509998877", asterisk.password):
        assert secret not in addresses


async def test_an_id_with_odd_letters_stays_one_id(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await asterisk.call("a/b?c=d&e#f%20")
    await client.answer("a/b?c=d&e#f%20")
    assert asterisk.world.channels["a/b?c=d&e#f%20"].state == "Up"


Ask = Callable[[AioariClient], Awaitable[object]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.answer("gone"),
        lambda c: c.continue_in_dialplan("gone", "x"),
        lambda c: c.set_variables("gone", {"A": "1"}),
        lambda c: c.get_variable("gone", "A"),
        lambda c: c.add_to_bridge("gone", CALL),
        lambda c: c.subscribe("callflow", "channel:gone"),
        lambda c: c.application("never-connected"),
    ],
)
async def test_what_is_not_there_is_gone(asterisk: FakeAsterisk, client: AioariClient, ask: Ask) -> None:
    asterisk.world.listened = True
    with pytest.raises(ChannelGone):
        await ask(client)


async def test_a_gone_channel_is_gone_for_a_bridge_too(client: AioariClient) -> None:
    await client.create_bridge("b1")
    with pytest.raises(ChannelGone):
        await client.add_to_bridge("b1", "gone")


async def test_to_remove_what_is_gone_is_no_error(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.hang_up("gone")
    await client.destroy_bridge("gone")
    assert [request.operation for request in asterisk.requests] == ["hangup", "destroy"]


async def test_hanging_up_tells_the_reason(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.hang_up(CALL, "busy")
    assert asterisk.asked("hangup") == [{"channelId": CALL, "reason": "busy"}]
    assert asterisk.world.channels == {}


async def test_a_channel_that_left_us_is_refused_not_gone(client: AioariClient) -> None:
    await client.continue_in_dialplan(CALL, "x")
    with pytest.raises(AriRefused, match="409: Channel not in Stasis application") as refused:
        await client.answer(CALL)
    assert refused.value.status == 409
    assert not isinstance(refused.value, ChannelGone)


async def test_a_subscription_lasts_after_the_channel_left(
    asterisk: FakeAsterisk, client: AioariClient
) -> None:
    asterisk.world.listened = True
    await client.subscribe("callflow", f"channel:{CALL}")
    await client.continue_in_dialplan(CALL, "x")
    assert await client.application("callflow") == Application("callflow", (CALL,), ())


async def test_a_wrong_password_names_the_settings(asterisk: FakeAsterisk) -> None:
    client = AioariClient(asterisk.url, "callflow", "wrong")
    with pytest.raises(AriRefused, match="check ARI_USER and ARI_PASSWORD") as refused:
        await client.connect()
    await client.close()
    assert refused.value.status == 401


async def test_a_user_who_may_only_read_is_told_so(asterisk: FakeAsterisk, client: AioariClient) -> None:
    asterisk.fail("answer", 403, "Write access denied")
    with pytest.raises(AriRefused, match="set read_only = no for ARI_USER"):
        await client.answer(CALL)


async def test_a_starting_asterisk_is_tried_again(asterisk: FakeAsterisk, client: AioariClient) -> None:
    asterisk.fail("answer", 503, "Asterisk not fully booted")
    with pytest.raises(AriUnreachable):
        await client.answer(CALL)


async def test_other_refusals_carry_asterisks_reason(asterisk: FakeAsterisk, client: AioariClient) -> None:
    asterisk.fail("createWithId", 500, "Allocation failed")
    with pytest.raises(AriRefused, match="500: Allocation failed"):
        await client.create_bridge("b1")


async def test_a_slow_asterisk_is_unreachable(asterisk: FakeAsterisk) -> None:
    client = AioariClient(asterisk.url, asterisk.user, asterisk.password, timeout_s=0.2)
    await client.connect()
    asterisk.delay("answer", 30)
    with pytest.raises(AriUnreachable, match=r"did not answer within 0\.2 s"):
        await client.answer(CALL)
    await client.close()


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        client = AioariClient(f"http://127.0.0.1:{taken.getsockname()[1]}", "callflow", "secret")
        with pytest.raises(AriUnreachable, match="does it run"):
            await client.connect()
        await client.close()


async def test_after_close_it_connects_anew(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await client.answer(CALL)
    await client.close()
    await client.close()
    assert await client.bridges() == ()


async def test_a_restart_of_asterisk_does_not_break_it(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await asyncio.gather(*(client.create_bridge(f"b{n}") for n in range(5)))
    await asterisk.stop()
    with pytest.raises(AriUnreachable):
        await client.bridges()
    await asterisk.start()
    assert await client.bridges() == ()


async def test_a_burst_of_fifty_calls_is_served(asterisk: FakeAsterisk, client: AioariClient) -> None:
    for number in range(50):
        await asterisk.call(f"1.{number}")

    async def set_up(number: int) -> None:
        await client.answer(f"1.{number}")
        await client.create_bridge(f"b{number}")
        await client.add_to_bridge(f"b{number}", f"1.{number}")

    await asyncio.gather(*(set_up(number) for number in range(50)))
    assert asterisk.world.bridges == {f"b{number}": [f"1.{number}"] for number in range(50)}


async def test_only_one_reads_the_description(asterisk: FakeAsterisk, client: AioariClient) -> None:
    await asyncio.gather(*(client.bridges() for _ in range(10)))
    assert sum("resources.json" in address for address in asterisk.addresses) == 1


async def test_a_server_without_ari_may_be_one_that_starts(asterisk: FakeAsterisk) -> None:
    client = AioariClient(f"{asterisk.url}/wrong-prefix", asterisk.user, asterisk.password)
    with pytest.raises(AriUnreachable, match="Asterisk is starting, or check ARI_URL"):
        await client.connect()
    await client.close()


async def test_another_web_server_is_no_asterisk(aiohttp_page: str) -> None:
    client = AioariClient(aiohttp_page, "callflow", "secret")
    with pytest.raises(AriRefused, match=r"is no Asterisk .*check ARI_URL"):
        await client.connect()
    await client.close()


async def test_a_part_of_ari_that_is_missing_is_refused(asterisk: FakeAsterisk, client: AioariClient) -> None:
    asterisk.fail("list", 404, "Resource not found")
    with pytest.raises(AriRefused, match="lacks a part of ARI") as refused:
        await client.channels()
    assert not isinstance(refused.value, ChannelGone)


@pytest.mark.parametrize("url", ["", "asterisk:8088", "ftp://asterisk:8088", "http://"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    client = AioariClient(url, "callflow", "secret")
    with pytest.raises(AriRefused, match="set ARI_URL"):
        await client.connect()
    await client.close()


@pytest.mark.parametrize("end", ["", "/", "/ari", "/ari/"])
async def test_the_address_may_end_as_people_write_it(asterisk: FakeAsterisk, end: str) -> None:
    client = AioariClient(asterisk.url + end, asterisk.user, asterisk.password)
    assert await client.bridges() == ()
    await client.close()
