"""What Asterisk says, as frozen dataclasses: JSON of the event stream or of a REST reply in, a fact out.

Pure: no socket, no clock, no log. The shapes are those of Asterisk's own API description (`events.json`,
`channels.json` of 22.10.1); fields that we do not use are left out. Three outcomes of `parse`:

* a class of this module: an event we know;
* `Unknown`: a well-formed event of another type, to be ignored;
* `BadEvent`: not JSON, or not the shape its type promises. It is counted by whoever reads the stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ari_app.ports import Application, Channel, RtpCount

_Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AriEvent:
    """One message of Asterisk's event stream."""


@dataclass(frozen=True, slots=True)
class OfChannel(AriEvent):
    """An event that shows its channel as it is now."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class OfChannelId(AriEvent):
    """An event of which only the channel's id matters; empty when it concerns no channel."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class StasisStart(OfChannel):
    """A channel entered our application with arguments; `replaces` is the id of one it takes over from."""

    args: tuple[str, ...] = ()
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class StasisEnd(OfChannel):
    """A channel left our application: it hung up, or went on in the dialplan."""


@dataclass(frozen=True, slots=True)
class ChannelStateChange(OfChannel):
    """A channel rings, is up, or is busy: see `channel.state`."""


@dataclass(frozen=True, slots=True)
class ChannelCallerId(OfChannel):
    """The caller's name or number changed."""


@dataclass(frozen=True, slots=True)
class ChannelConnectedLine(OfChannel):
    """The other party's name or number changed: see `channel.connected`."""


@dataclass(frozen=True, slots=True)
class ChannelDtmfReceived(OfChannelId):
    """A key was pressed and let go: `0`…`9`, `*`, `#`, `A`…`D`."""

    digit: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest(OfChannelId):
    """Someone asked this channel to end; `ChannelDestroyed` follows. `cause` 0: not said."""

    cause: int = 0
    soft: bool = False


@dataclass(frozen=True, slots=True)
class ChannelDestroyed(OfChannelId):
    """The channel is gone, for a cause of Q.850 (16: normal clearing, 17: busy, 19: no answer)."""

    cause: int
    cause_text: str = ""


@dataclass(frozen=True, slots=True)
class ChannelVarset(OfChannelId):
    """A variable was set on a channel, or globally when there is no channel."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ChannelUserevent(OfChannelId):
    """The dialplan spoke to us by `UserEvent(name,field: value,…)`."""

    name: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelEnteredBridge(OfChannelId):
    """A channel is in a bridge now."""

    bridge_id: str


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge(OfChannelId):
    """A channel is no longer in a bridge."""

    bridge_id: str


@dataclass(frozen=True, slots=True)
class Dial(OfChannelId):
    """A leg is being dialled: `channel_id` is that leg, `caller_id` the channel that dials it, if any.

    `status` is empty when dialling begins, then `RINGING`, `PROGRESS`, and at last `ANSWER`, `BUSY`,
    `NOANSWER`, `CANCEL`, `CONGESTION` or `CHANUNAVAIL`.
    """

    status: str
    caller_id: str = ""
    dialed: str = ""


@dataclass(frozen=True, slots=True)
class BridgeDestroyed(AriEvent):
    """A bridge is gone."""

    bridge_id: str


@dataclass(frozen=True, slots=True)
class ApplicationReplaced(AriEvent):
    """Another program connected under our application's name: it gets the events now, and we get none."""

    application: str


@dataclass(frozen=True, slots=True)
class Unknown(AriEvent):
    """An event of a type that we have no use for."""

    type: str


@dataclass(frozen=True, slots=True)
class BadEvent(AriEvent):
    """A message that is not what Asterisk's description promises; `reason` never holds its content."""

    reason: str


def parse(text: str) -> AriEvent:
    """Read one message of the event stream. Never raises."""
    try:
        data = json.loads(text)
        kind = _text(data, "type")
        read = _READERS.get(kind)
        return read(data) if read else Unknown(kind)
    except (ValueError, RecursionError):
        return BadEvent("not JSON")
    except (KeyError, TypeError, AttributeError) as fault:
        return BadEvent(f"wrong shape: {fault}")


def channel_of(event: AriEvent) -> str:
    """The id of the channel that an event concerns, empty when it concerns none."""
    if isinstance(event, OfChannel):
        return event.channel.id
    return event.channel_id if isinstance(event, OfChannelId) else ""


def read_channel(data: _Json) -> Channel:
    """A channel as ARI shows it. Raises KeyError or TypeError when it has another shape."""
    dialplan = data.get("dialplan") or {}
    return Channel(
        id=_text(data, "id"),
        name=_text(data, "name"),
        state=_text(data, "state"),
        caller=_party(data, "caller"),
        connected=_party(data, "connected"),
        exten=_text(dialplan, "exten", ""),
        context=_text(dialplan, "context", ""),
        language=_text(data, "language", ""),
        variables=read_variables(data.get("channelvars")),
    )


def read_application(data: _Json) -> Application:
    """A Stasis application. Raises KeyError or TypeError when it has another shape."""
    return Application(_text(data, "name"), _texts(data["channel_ids"]), _texts(data["bridge_ids"]))


def read_version(data: _Json) -> str:
    """Asterisk's version from `asterisk/info`, without a distribution's suffix (`22.10.1+dfsg`)."""
    return _text(data["system"], "version").partition("+")[0].partition("~")[0]


def read_modules(data: Sequence[_Json]) -> frozenset[str]:
    """The names of the running modules, without `.so`."""
    return frozenset(
        _text(module, "name").removesuffix(".so") for module in data if module["status"] == "Running"
    )


def read_rtp_count(data: _Json) -> RtpCount:
    """Packets of a channel's RTP (`RTPstat`). Raises KeyError or TypeError when it has another shape."""
    return RtpCount(received=_number(data, "rxcount"), sent=_number(data, "txcount"))


def read_variables(data: _Json | None) -> dict[str, str]:
    """Channel variables by name; the values of Asterisk are text."""
    return {str(name): str(value) for name, value in (data or {}).items()}


def _text(data: _Json, key: str, default: str | None = None) -> str:
    value = data[key] if default is None else data.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _number(data: _Json, key: str, default: int | None = None) -> int:
    value = data[key] if default is None else data.get(key, default)
    if not isinstance(value, int):
        raise TypeError(f"{key} is no number")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a list of texts was expected")
    return tuple(values)


def _party(data: _Json, key: str) -> str:
    """The number of a caller or connected party, else empty."""
    return _text(data.get(key) or {}, "number", "")


def _id(data: _Json, key: str = "channel") -> str:
    """The id of an object that the event must have."""
    return _text(data[key], "id")


def _id_if_any(data: _Json, key: str = "channel") -> str:
    return _text(data[key], "id") if data.get(key) else ""


def _user_event(data: _Json) -> ChannelUserevent:
    fields = {name: text for name, text in read_variables(data["userevent"]).items() if name != "eventname"}
    return ChannelUserevent(_id_if_any(data), _text(data, "eventname"), fields)


_READERS: dict[str, Callable[[_Json], AriEvent]] = {
    "StasisStart": lambda d: StasisStart(
        read_channel(d["channel"]), _texts(d["args"]), _id_if_any(d, "replace_channel")
    ),
    "StasisEnd": lambda d: StasisEnd(read_channel(d["channel"])),
    "ChannelStateChange": lambda d: ChannelStateChange(read_channel(d["channel"])),
    "ChannelCallerId": lambda d: ChannelCallerId(read_channel(d["channel"])),
    "ChannelConnectedLine": lambda d: ChannelConnectedLine(read_channel(d["channel"])),
    "ChannelDtmfReceived": lambda d: ChannelDtmfReceived(
        _id(d), _text(d, "digit"), _number(d, "duration_ms", 0)
    ),
    "ChannelHangupRequest": lambda d: ChannelHangupRequest(
        _id(d), _number(d, "cause", 0), d.get("soft") is True
    ),
    "ChannelDestroyed": lambda d: ChannelDestroyed(_id(d), _number(d, "cause"), _text(d, "cause_txt", "")),
    "ChannelVarset": lambda d: ChannelVarset(_id_if_any(d), _text(d, "variable"), _text(d, "value")),
    "ChannelUserevent": _user_event,
    "ChannelEnteredBridge": lambda d: ChannelEnteredBridge(_id_if_any(d), _id(d, "bridge")),
    "ChannelLeftBridge": lambda d: ChannelLeftBridge(_id(d), _id(d, "bridge")),
    "Dial": lambda d: Dial(
        _id(d, "peer"), _text(d, "dialstatus"), _id_if_any(d, "caller"), _text(d, "dialstring", "")
    ),
    "BridgeDestroyed": lambda d: BridgeDestroyed(_id(d, "bridge")),
    "ApplicationReplaced": lambda d: ApplicationReplaced(_text(d, "application")),
}
"""How each type is read. A reader raises KeyError, TypeError or AttributeError on another shape."""
