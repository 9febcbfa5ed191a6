"""Events that nobody promised, in the middle of a real call: counted, and the call goes on."""

from __future__ import annotations

import json
from typing import Any

from ari_app import wire
from callflow.table import State
from tests.asterisk.scene import Scene

UNKNOWN_CHANNEL = {"id": "nobody.1", "name": "PJSIP/nobody-1", "state": "Up"}
UNKNOWN_BRIDGE = {"id": "nobody's bridge"}
GARBAGE: tuple[str | bytes, ...] = (
    "",
    "not JSON",
    "[]",
    "{}",
    "null",
    "1e999",
    '{"type": null}',
    '{"type": ["StasisStart"]}',
    '{"type": "StasisStart"}',
    '{"type": "StasisStart", "channel": [], "args": []}',
    '{"type": "ChannelDestroyed", "channel": {"id": 7}, "cause": "16"}',
    '{"type": "ChannelDtmfReceived", "channel": {"id": "nobody.1"}, "digit": 5}',
    "[" * 100_000,
    b"\x00\x01\x02",
)
NEW_TYPES = ("ChannelTeleported", "", "stasisstart", "RESTResponse")


def event(kind: str, **fields: Any) -> str:
    """One event as Asterisk writes it."""
    return json.dumps({"type": kind, "application": "callflow", "timestamp": "2026-11-20T10:00:00", **fields})


def of_nobody() -> list[str]:
    """Well-formed events about channels and bridges that are not there."""
    channel = {"channel": UNKNOWN_CHANNEL}
    return [
        event("StasisEnd", **channel),
        event("ChannelDestroyed", **channel, cause=16),
        event("ChannelHangupRequest", **channel, cause=16),
        event("ChannelDtmfReceived", **channel, digit="0", duration_ms=100),
        event("ChannelVarset", **channel, variable="CALLFLOW_OPERATOR", value="201"),
        event("ChannelVarset", variable="GLOBAL", value="yes"),
        event("ChannelEnteredBridge", **channel, bridge=UNKNOWN_BRIDGE),
        event("BridgeDestroyed", bridge=UNKNOWN_BRIDGE),
        event("ChannelStateChange", **channel),
        event("Dial", peer=UNKNOWN_CHANNEL, dialstatus="ANSWER"),
    ]


async def test_they_are_counted_and_the_call_goes_on() -> None:
    async with Scene(words=("winter", "order")) as scene:
        link, board = scene.controller.link, scene.controller.switchboard
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        bad, ignored = link.stats.bad, sum(board.ignored.values())
        for message in GARBAGE:
            link._take(message)
        assert link.stats.bad - bad == len(GARBAGE)
        for message in [event(kind) for kind in NEW_TYPES] + of_nobody():
            link._take(message)
        assert sum(board.ignored.values()) - ignored == len(NEW_TYPES) + len(of_nobody())
        assert link.stats.handler_failures == 0
        await call.says("winter tyres please")
        await call.hears_speech()
        await call.hears_silence(0.6)
        await call.says("order them please")
        await call.hung_up(15)
        assert (await scene.ended()).disposition == "ordered"
        await scene.nothing_left()


async def test_events_of_her_own_channel_that_make_no_sense_are_counted_in_her_record() -> None:
    async with Scene(words=("order",)) as scene:
        take = scene.controller.link._take
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        (live,) = scene.controller.switchboard.calls
        hers = {"id": live.leg.channel_id, "name": "PJSIP/callflow-trunk-1", "state": "Up"}
        take(event("ChannelDtmfReceived", channel=hers, digit="A", duration_ms=100))
        take(event("ChannelVarset", channel=hers, variable="CALLFLOW_OPERATOR", value="201"))
        take(event("StasisStart", channel=hers, args=["returned", live.call_id, "no_answer"]))
        take(event("StasisStart", channel=hers, args=[]))
        await call.says("order them please")
        await call.hung_up(15)
        record = await scene.ended()
        assert (record.disposition, record.ignored_events) == ("ordered", 3)
        assert len(scene.ended_ids) == 1
        await scene.nothing_left()


async def test_a_call_whose_channel_was_never_there_ends() -> None:
    """Its caller hung up before we heard of her."""
    async with Scene() as scene:
        for args in ([], ["returned", "no-such-call", "no_answer"], ["returned"]):
            scene.controller.link._take(event("StasisStart", channel=UNKNOWN_CHANNEL, args=args))
            record = await scene.ended(len(scene.ended_ids) + 1)
            assert record.disposition == "hung_up"
        assert not scene.logs.of("call.broken")
        await scene.nothing_left()


async def test_all_kinds_of_events_are_told_from_garbage() -> None:
    """Whatever a known type lacks is a bad event, never an exception."""
    for kind in wire._READERS:
        assert isinstance(wire.parse(json.dumps({"type": kind})), wire.BadEvent)
