"""Asterisk's JSON to facts. `events.jsonl` holds one event of each type as Asterisk 22.10.1 sent it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app import wire
from ari_app.ports import Application, Channel
from ari_app.wire import AriEvent, BadEvent, Unknown, channel_of, parse

RECORDED = {
    json.loads(line)["type"]: line
    for line in Path(__file__).with_name("events.jsonl").read_text(encoding="utf-8").splitlines()
}
LEG = "leg1"
CHANNEL = Channel(
    id=LEG,
    name="Local/wait@callflow-00000003;1",
    state="Up",
    caller="380671112233",
    connected="380671112233",
    exten="wait",
    context="callflow",
    language="en",
    variables={"CALLFLOW_CALL_ID": "c1"},
)
NOT_FROM_ASTERISK = {AriEvent, wire.OfChannel, wire.OfChannelId, Unknown, BadEvent}


def known_classes() -> list[type[AriEvent]]:
    """Every event class of the module that is read from JSON of its own type."""
    classes = [kind for _, kind in inspect.getmembers(wire, inspect.isclass) if issubclass(kind, AriEvent)]
    return [kind for kind in classes if kind not in NOT_FROM_ASTERISK]


def changed(kind: str, **fields: Any) -> str:
    """A recorded event with other fields."""
    return json.dumps(json.loads(RECORDED[kind]) | fields)


@pytest.mark.parametrize("kind", known_classes(), ids=lambda kind: kind.__name__)
def test_every_class_is_read_from_what_asterisk_sent(kind: type[AriEvent]) -> None:
    assert type(parse(RECORDED[kind.__name__])) is kind


@pytest.mark.parametrize("kind", known_classes(), ids=lambda kind: kind.__name__)
def test_every_class_without_its_fields_is_a_bad_event(kind: type[AriEvent]) -> None:
    assert isinstance(parse(json.dumps({"type": kind.__name__})), BadEvent)


def test_a_start_shows_the_channel_and_the_arguments() -> None:
    assert parse(RECORDED["StasisStart"]) == wire.StasisStart(CHANNEL, ("out", "1"))


def test_a_start_names_the_channel_that_it_replaces() -> None:
    other = {"id": "old", "name": "PJSIP/x", "state": "Up"}
    event = parse(changed("StasisStart", replace_channel=other))
    assert isinstance(event, wire.StasisStart)
    assert event.replaces == "old"


def test_the_small_events_carry_what_is_needed_of_them() -> None:
    assert parse(RECORDED["ChannelDtmfReceived"]) == wire.ChannelDtmfReceived("leg1;2", "5", 100)
    assert parse(RECORDED["ChannelHangupRequest"]) == wire.ChannelHangupRequest(
        "callflow-media-1-1", cause=32, soft=True
    )
    assert parse(RECORDED["ChannelUserevent"]) == wire.ChannelUserevent(
        LEG, "CallflowOperator", {"name": "Bob", "extra": "x"}
    )
    assert parse(RECORDED["Dial"]) == wire.Dial(LEG, "ANSWER", "", "wait@callflow/n")
    assert parse(RECORDED["BridgeDestroyed"]) == wire.BridgeDestroyed("callflow-bridge-1")
    assert parse(RECORDED["ApplicationReplaced"]) == wire.ApplicationReplaced("callflow")
    assert parse(RECORDED["ChannelEnteredBridge"]) == wire.ChannelEnteredBridge(LEG, "callflow-bridge-1")


def test_a_variable_of_the_whole_asterisk_concerns_no_channel() -> None:
    text = json.dumps({"type": "ChannelVarset", "variable": "GLOBAL", "value": "1"})
    assert parse(text) == wire.ChannelVarset("", "GLOBAL", "1")
    assert channel_of(parse(text)) == ""


def test_an_event_names_its_channel() -> None:
    assert channel_of(parse(RECORDED["StasisStart"])) == LEG
    assert channel_of(parse(RECORDED["ChannelDtmfReceived"])) == "leg1;2"
    assert channel_of(parse(RECORDED["BridgeDestroyed"])) == ""


def test_a_type_that_we_do_not_use_is_unknown() -> None:
    assert parse(RECORDED["ChannelDialplan"]) == Unknown("ChannelDialplan")


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "7", '"x"', "{}", '{"type": 7}', '{"type": null}', "[" * 100_000, "1" * 5000],
    ids=lambda text: text[:12],
)
def test_what_is_no_event_is_bad(text: str) -> None:
    assert isinstance(parse(text), BadEvent)


@pytest.mark.parametrize(
    "text",
    [
        changed("StasisStart", args="inbound"),
        changed("StasisStart", args=[1]),
        changed("StasisStart", channel=None),
        changed("StasisStart", channel={"id": 7, "name": "", "state": ""}),
        changed("StasisStart", channel={"id": "a", "name": "b", "state": "Up", "channelvars": ["x"]}),
        changed("ChannelDtmfReceived", digit=5),
        changed("ChannelDestroyed", cause="16"),
        changed("ChannelUserevent", userevent="x"),
        changed("Dial", peer=[]),
    ],
)
def test_another_shape_is_bad_and_its_content_is_not_told(text: str) -> None:
    event = parse(text)
    assert isinstance(event, BadEvent)
    assert "380671112233" not in event.reason


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(parse(text), AriEvent)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(RECORDED)), st.data())
def test_no_field_of_another_kind_breaks_the_reader(kind: str, data: st.DataObject) -> None:
    event = json.loads(RECORDED[kind])
    victim = data.draw(st.sampled_from([event, event.get("channel", event), event.get("bridge", event)]))
    victim[data.draw(st.sampled_from(sorted(victim)))] = data.draw(_json)
    assert isinstance(parse(json.dumps(event)), AriEvent)


def test_an_application_shows_its_subscriptions() -> None:
    data = {"name": "callflow", "channel_ids": ["1.1"], "bridge_ids": ["b"], "endpoint_ids": []}
    assert wire.read_application(data) == Application("callflow", ("1.1",), ("b",))


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("22.10.1+dfsg+~cs6.17.60671434-1", "22.10.1"),
        ("20.6.0~dfsg-1", "20.6.0"),
        ("20.19.0-rc1", "20.19.0-rc1"),
        ("certified-20.7-cert8", "certified-20.7-cert8"),
    ],
)
def test_a_distributions_suffix_is_no_part_of_the_version(said: str, version: str) -> None:
    assert wire.read_version({"system": {"version": said}}) == version


def test_only_running_modules_count() -> None:
    modules = [{"name": "a.so", "status": "Running"}, {"name": "b.so", "status": "Not Running"}]
    assert wire.read_modules(modules) == {"a"}
