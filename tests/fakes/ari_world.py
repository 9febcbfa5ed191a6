"""What goes on inside the fake Asterisk: channels, bridges, who is told of what, and each REST operation.

Texts, statuses, the order of events and their addressees were taken down from Asterisk 22.10.1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.ari_media import MediaLeg

MODULES = """
    app_audiosocket app_stasis bridge_simple bridge_softmix chan_audiosocket chan_rtp codec_alaw
    codec_resample codec_ulaw res_ari res_ari_applications res_ari_asterisk res_ari_bridges
    res_ari_channels res_ari_events res_ari_model res_audiosocket res_http_websocket res_rtp_asterisk
    res_stasis res_stasis_answer res_timing_timerfd
"""
FORMATS = ("slin16", "slin", "ulaw", "alaw")
INTERNAL = "An internal error prevented this request from being handled"
SendEvent = Callable[..., Awaitable[None]]


class Refusal(Exception):
    """The fake's answer is no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class FakeChannel:
    """A channel. `heard` collects what its party heard (PCM at 16 kHz), `spoken` counts frames it said."""

    id: str
    name: str
    caller: str = ""
    exten: str = "100"
    context: str = "callflow"
    state: str = "Ring"
    in_stasis: bool = False
    bridge: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    media: MediaLeg | None = None
    heard: bytearray = field(default_factory=bytearray)
    spoken: int = 0

    def shown(self) -> dict[str, Any]:
        """The channel as ARI shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "protocol_id": "",
            "caller": {"name": "", "number": self.caller},
            "connected": {"name": "", "number": ""},
            "accountcode": "",
            "dialplan": {
                "context": self.context,
                "exten": self.exten,
                "priority": 1,
                "app_name": "Stasis",
                "app_data": "",
            },
            "creationtime": now(),
            "language": "en",
            "channelvars": dict(self.variables),
        }


class World:
    """One Asterisk's inside. `send_event(type, **fields)` is called for each event of the application.

    A method `resource_operation` takes the operation's arguments; it gives its JSON or raises `Refusal`.
    """

    def __init__(self, app: str, send_event: SendEvent) -> None:
        self.app = app
        self.version = "22.10.1+dfsg-1"
        self.modules = set(MODULES.split())
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: dict[str, list[str]] = {}
        self.subscribed: set[str] = set()
        self.deaf = False
        """When set, what the controller says is lost: a wrong payload type, or a closed firewall."""
        self.listened = False
        self._send_event = send_event

    def clear(self) -> None:
        """All channels, bridges and subscriptions are gone."""
        for channel in self.channels.values():
            if channel.media:
                channel.media.close()
        self.channels.clear()
        self.bridges.clear()
        self.subscribed.clear()

    def speak(self, channel_id: str, pcm: bytes) -> None:
        """The party says 20 ms: 640 bytes at 16 kHz. They reach everyone else in its bridge."""
        self.channels[channel_id].spoken += 1
        bridge = self.channels[channel_id].bridge
        for other in self.bridges.get(bridge, ()):
            if other != channel_id:
                self._hear(self.channels[other], pcm)

    def _hear(self, channel: FakeChannel, pcm: bytes) -> None:
        channel.heard += pcm
        if channel.media:
            channel.media.say(pcm)

    async def tell(self, channel_id: str, kind: str, **fields: Any) -> None:
        """Send an event about a channel, if the application is subscribed to it."""
        if channel_id in self.subscribed or self.channels[channel_id].in_stasis:
            await self._send_event(kind, channel=self.channels[channel_id].shown(), **fields)

    async def enter(self, channel: FakeChannel, args: tuple[str, ...] = ()) -> None:
        """A channel enters the application."""
        channel.in_stasis = True
        await self.tell(channel.id, "StasisStart", args=list(args))

    async def _leave_bridge(self, channel: FakeChannel) -> None:
        bridge, channel.bridge = channel.bridge, ""
        if bridge in self.bridges:
            self.bridges[bridge].remove(channel.id)
            await self.tell(channel.id, "ChannelLeftBridge", bridge=self._shown_bridge(bridge))

    async def _leave(self, channel: FakeChannel) -> None:
        await self._leave_bridge(channel)
        await self.tell(channel.id, "StasisEnd")
        channel.in_stasis = False

    async def remove(self, channel: FakeChannel, cause: int) -> None:
        """A channel ends. Only those who subscribed to it hear `ChannelDestroyed`; StasisEnd comes to all."""
        if channel.in_stasis:
            await self._leave(channel)
        await self.tell(channel.id, "ChannelDestroyed", cause=cause, cause_txt="Normal Clearing")
        self.subscribed.discard(channel.id)
        if channel.media:
            channel.media.close()
        del self.channels[channel.id]

    def _shown_bridge(self, bridge_id: str) -> dict[str, Any]:
        kind = {"technology": "simple_bridge", "bridge_type": "mixing", "bridge_class": "stasis"}
        return {"id": bridge_id, "name": "", "channels": list(self.bridges[bridge_id]), **kind}

    def _channel(self, channel_id: str, *, status: int = 404, text: str = "Channel not found") -> FakeChannel:
        if channel_id not in self.channels:
            raise Refusal(status, text)
        return self.channels[channel_id]

    def _in_stasis(self, channel_id: str, status: int = 409, gone: int = 404) -> FakeChannel:
        channel = self._channel(channel_id, status=gone)
        if not channel.in_stasis:
            raise Refusal(status, "Channel not in Stasis application")
        return channel

    async def asterisk_getInfo(self, only: str = "") -> Any:
        return {"system": {"version": self.version, "entity_id": "00:00:00:00:00:01"}}

    async def asterisk_listModules(self) -> Any:
        return [
            {"name": f"{name}.so", "description": name, "use_count": 0, "status": "Running"}
            for name in self.modules
        ]

    async def applications_get(self, applicationName: str) -> Any:
        if applicationName != self.app or not (self.listened or self.subscribed):
            raise Refusal(404, "Application not found")
        channels = {channel.id for channel in self.channels.values() if channel.in_stasis} | self.subscribed
        return {"name": self.app, "channel_ids": sorted(channels), "bridge_ids": sorted(self.bridges)}

    async def applications_subscribe(self, applicationName: str, eventSource: str) -> Any:
        await self.applications_get(applicationName)
        kind, _, name = eventSource.partition(":")
        if name not in (self.channels if kind == "channel" else self.bridges):
            raise Refusal(422, "Event source does not exist")
        self.subscribed.add(name)
        return await self.applications_get(applicationName)

    async def channels_list(self) -> Any:
        return [channel.shown() for channel in self.channels.values()]

    async def channels_answer(self, channelId: str) -> None:
        channel = self._in_stasis(channelId)
        if channel.state != "Up":
            channel.state = "Up"
            await self.tell(channelId, "ChannelStateChange")

    async def channels_rtpstatistics(self, channelId: str) -> Any:
        """Counts of a SIP channel; other kinds have none."""
        channel = self._channel(channelId)
        if channel.media:
            raise Refusal(404, "RTP info not found")
        if not channel.name.startswith("PJSIP/"):
            raise Refusal(403, "Unsupported channel type")
        return {"txcount": len(channel.heard) // 640, "rxcount": channel.spoken}

    async def channels_hangup(self, channelId: str, reason: str = "normal") -> None:
        channel = self._channel(channelId)
        await self.tell(channelId, "ChannelHangupRequest", cause=32, soft=True)
        await self.remove(channel, 17 if reason == "busy" else 16)

    async def channels_continueInDialplan(
        self, channelId: str, context: str = "", extension: str = "", priority: str = "1"
    ) -> None:
        channel = self._in_stasis(channelId)
        await self._leave(channel)
        channel.context, channel.exten = context or channel.context, extension or channel.exten

    async def channels_getChannelVar(self, channelId: str, variable: str) -> Any:
        channel = self._channel(channelId, text="Provided channel was not found")
        if variable == "CHANNEL(language)":
            return {"value": "en"}
        if variable not in channel.variables:
            raise Refusal(404, "Provided variable was not found")
        return {"value": channel.variables[variable]}

    async def channels_setChannelVar(self, channelId: str, variable: str, value: str = "") -> None:
        self._channel(channelId).variables[variable] = value
        await self.tell(channelId, "ChannelVarset", variable=variable, value=value)

    async def channels_originate(
        self,
        endpoint: str,
        app: str,
        channelId: str,
        appArgs: str = "",
        callerId: str = "",
        timeout: int = 30,
        variables: Mapping[str, str] | None = None,
    ) -> Any:
        """The leg is there; `call(channelId)` of a test answers it."""
        channel = self._new(channelId, endpoint, 409, "Channel with given unique ID already exists")
        channel.caller, channel.state = callerId, "Down"
        channel.variables.update(variables or {})
        self.subscribed.add(channelId)
        await self._send_event("Dial", dialstatus="", forward="", dialstring=endpoint, peer=channel.shown())
        return channel.shown()

    async def channels_externalMedia(
        self,
        app: str,
        channelId: str,
        external_host: str,
        format: str,
        encapsulation: str = "rtp",
        transport: str = "udp",
        data: str = "",
    ) -> Any:
        if format not in FORMATS or channelId in self.channels:
            raise Refusal(500, INTERNAL)
        channel = self._new(channelId, f"UnicastRTP/{external_host}", 500, INTERNAL)
        channel.state = "Up"
        self.subscribed.add(channelId)
        if encapsulation == "rtp":
            await self._open_media(channel, external_host)
        await self.enter(channel)
        return channel.shown()

    async def _open_media(self, channel: FakeChannel, external_host: str) -> None:
        host, _, port = external_host.rpartition(":")
        channel.media = MediaLeg(
            host, int(port), lambda pcm: None if self.deaf else self.speak(channel.id, pcm)
        )
        address, local_port = await channel.media.open()
        channel.variables["UNICASTRTP_LOCAL_ADDRESS"] = address
        channel.variables["UNICASTRTP_LOCAL_PORT"] = str(local_port)

    def _new(self, channel_id: str, name: str, status: int, message: str) -> FakeChannel:
        if channel_id in self.channels:
            raise Refusal(status, message)
        self.channels[channel_id] = FakeChannel(channel_id, name)
        return self.channels[channel_id]

    async def bridges_list(self) -> Any:
        return [self._shown_bridge(bridge_id) for bridge_id in self.bridges]

    async def bridges_createWithId(self, bridgeId: str, type: str = "", name: str = "") -> Any:
        if bridgeId in self.bridges:
            raise Refusal(409, f"Bridge with id '{bridgeId}' already exists")
        self.bridges[bridgeId] = []
        return self._shown_bridge(bridgeId)

    def _bridge(self, bridge_id: str) -> list[str]:
        if bridge_id not in self.bridges:
            raise Refusal(404, "Bridge not found")
        return self.bridges[bridge_id]

    async def bridges_destroy(self, bridgeId: str) -> None:
        """Its end is told only when it was empty: those who leave take the subscription along."""
        members = list(self._bridge(bridgeId))
        for channel_id in members:
            await self._leave_bridge(self.channels[channel_id])
        shown = self._shown_bridge(bridgeId)
        del self.bridges[bridgeId]
        if not members:
            await self._send_event("BridgeDestroyed", bridge=shown)

    async def bridges_addChannel(self, bridgeId: str, channel: str) -> None:
        members = self._bridge(bridgeId)
        for added in [self._in_stasis(channel_id, status=422, gone=400) for channel_id in channel.split(",")]:
            await self._leave_bridge(added)
            members.append(added.id)
            added.bridge = bridgeId
            await self.tell(added.id, "ChannelEnteredBridge", bridge=self._shown_bridge(bridgeId))


def now() -> str:
    """The time as events have it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
