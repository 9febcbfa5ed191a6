"""Asterisk's REST interface behind our typed port, by `aioari`, which reads the operations from Asterisk.

Only its operations are used. Its event loop awaits every handler before it reads the next event and never
reconnects; events come by `ari_app.link`. See docs/decisions/ari-client.md.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ari_app import wire
from ari_app.ports import Application, AsteriskInfo, Channel, RtpCount
from ari_app.rest import Rest
from callflow.errors import AriRefused, ChannelGone

with (
    warnings.catch_warnings()
):  # their regular expression is no raw string, which Python remarks on when compiling
    warnings.simplefilter("ignore")
    from aioari.client import Client as Described
    from aioswagger11.processors import SwaggerError

for _name in ("aioari", "aioswagger11"):  # at DEBUG they log every argument: callers' numbers and words
    logging.getLogger(_name).setLevel(logging.WARNING)

T = TypeVar("T")
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, SwaggerError)
"""What reading a reply of another shape raises, in aioari and in `wire`."""


class AioariClient:
    """Implements `Ari`. Methods raise AriUnreachable or AriRefused, ChannelGone for what is no longer there.

    It connects at its first request (`connect` does it by itself, to fail early), and again by itself after
    Asterisk was restarted; to try again after AriUnreachable is the caller's decision.
    """

    def __init__(self, url: str, user: str, password: str, timeout_s: float = 3.0) -> None:
        self._login = (url, user, password, timeout_s)
        self._rest: Rest | None = None
        self._described: Any = None
        self._connecting = asyncio.Lock()

    async def connect(self) -> None:
        """Read which operations this Asterisk has. Once read, it is not read again."""
        async with self._connecting:
            if self._described is None:
                self._rest = self._rest or Rest(*self._login)
                self._described = await _describe(self._rest)

    async def close(self) -> None:
        """Release connections. Safe to call twice; a later request connects anew."""
        rest, self._rest, self._described = self._rest, None, None
        if rest:
            await rest.close()

    async def info(self) -> AsteriskInfo:
        """Version and running modules."""
        system = await self._do("asterisk", "getInfo", only="system")
        modules = await self._do("asterisk", "listModules")
        return _shaped(lambda: AsteriskInfo(wire.read_version(system), wire.read_modules(modules)))

    async def application(self, name: str) -> Application:
        """What an application is subscribed to; ChannelGone when nobody ever connected under that name."""
        data = await self._do("applications", "get", applicationName=name)
        return _shaped(lambda: wire.read_application(data))

    async def subscribe(self, application: str, source: str) -> None:
        """Go on hearing of `channel:ID` or `bridge:ID` also after it left Stasis."""
        await self._do("applications", "subscribe", applicationName=application, eventSource=source)

    async def channels(self) -> tuple[Channel, ...]:
        """All channels of this Asterisk."""
        data = await self._do("channels", "list")
        return _shaped(lambda: tuple(wire.read_channel(channel) for channel in data))

    async def bridges(self) -> tuple[str, ...]:
        """The ids of all bridges of this Asterisk."""
        data = await self._do("bridges", "list")
        return _shaped(lambda: tuple(str(bridge["id"]) for bridge in data))

    async def answer(self, channel_id: str) -> None:
        """Answer a ringing channel; answering one that is up changes nothing."""
        await self._do("channels", "answer", channelId=channel_id)

    async def hang_up(self, channel_id: str, reason: str = "normal") -> None:
        """Hang up (`reason`: `normal`, `busy`, `no_answer`…); a channel that is gone already is no error."""
        try:
            await self._do("channels", "hangup", channelId=channel_id, reason=reason)
        except ChannelGone:
            return

    async def get_variable(self, channel_id: str, name: str) -> str:
        """A channel variable or function (`CHANNEL(language)`), empty when unset."""
        try:
            data = await self._do("channels", "getChannelVar", channelId=channel_id, variable=name)
        except ChannelGone as gone:
            if "variable" not in str(gone):  # both are a 404: "Provided variable was not found", "…channel…"
                raise
            return ""
        return _shaped(lambda: str(data["value"]))

    async def set_variables(self, channel_id: str, variables: Mapping[str, str]) -> None:
        """Set several channel variables, in order; a value may be long."""
        for name, value in variables.items():
            await self._do("channels", "setChannelVar", channelId=channel_id, variable=name, value=value)

    async def continue_in_dialplan(
        self, channel_id: str, context: str, extension: str = "s", priority: int = 1
    ) -> None:
        """Give the channel back to the dialplan; AriRefused (409) when it left our application already."""
        await self._do(
            "channels",
            "continueInDialplan",
            channelId=channel_id,
            context=context,
            extension=extension,
            priority=priority,
        )

    async def create_bridge(self, bridge_id: str) -> None:
        """Make a mixing bridge with an id of ours; AriRefused (409) when the id is in use."""
        await self._do("bridges", "createWithId", bridgeId=bridge_id, type="mixing")

    async def destroy_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; one that is gone already is not an error here."""
        try:
            await self._do("bridges", "destroy", bridgeId=bridge_id)
        except ChannelGone:
            return

    async def add_to_bridge(self, bridge_id: str, *channel_ids: str) -> None:
        """Put channels into a bridge, all or none."""
        await self._do("bridges", "addChannel", bridgeId=bridge_id, channel=list(channel_ids))

    async def external_media(
        self,
        channel_id: str,
        application: str,
        host: str,
        *,
        audio_format: str = "slin16",
        encapsulation: str = "rtp",
        transport: str = "udp",
        data: str = "",
    ) -> Mapping[str, str]:
        """Make an ExternalMedia channel to `host` (`ip:port`); returns its variables, for RTP
        `UNICASTRTP_LOCAL_ADDRESS` and `UNICASTRTP_LOCAL_PORT`. An id in use or an unknown format is a 500."""
        channel = await self._do(
            "channels",
            "externalMedia",
            channelId=channel_id,
            app=application,
            external_host=host,
            format=audio_format,
            encapsulation=encapsulation,
            transport=transport,
            data=data,
        )
        return _shaped(lambda: wire.read_variables(channel.get("channelvars")))

    async def rtp_count(self, channel_id: str) -> RtpCount | None:
        """Packets to and from the telephone; None for a channel that has no RTP of Asterisk's own."""
        try:
            data = await self._do("channels", "rtpstatistics", channelId=channel_id)
        except AriRefused as refused:
            if "Unsupported channel type" in str(refused) or "RTP info not found" in str(refused):
                return None
            raise
        return _shaped(lambda: wire.read_rtp_count(data))

    async def originate(
        self,
        channel_id: str,
        endpoint: str,
        application: str,
        *,
        caller: str = "",
        timeout_s: int = 30,
        app_args: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Dial an endpoint into the application, with a channel id of ours (409 when it is in use).

        Asterisk accepts first, then dials: how it goes comes as `Dial`, `StasisStart`, `ChannelDestroyed`.
        """
        await self._do(
            "channels",
            "originate",
            channelId=channel_id,
            endpoint=endpoint,
            app=application,
            appArgs=app_args,
            callerId=caller,
            timeout=timeout_s,
            variables=dict(variables or {}),
        )

    async def _do(self, resource: str, operation: str, **arguments: Any) -> Any:
        """One operation by its name in Asterisk's description; gives the JSON of its reply.

        Arguments that are empty are left out, but for `value`: a variable may be set to nothing.
        """
        if self._described is None:
            await self.connect()
        given = {name: value for name, value in arguments.items() if value or name == "value"}
        try:
            return _json(await getattr(getattr(self._described, resource), operation)(**given))
        except _BROKEN as fault:
            raise AriRefused(
                f"this Asterisk does not do {resource}.{operation} as we know it: {fault}"
            ) from fault


async def _describe(rest: Rest) -> Any:
    """An aioari client that has read Asterisk's description."""
    described = Described(rest.base + "/", rest)
    try:
        await described.init()
    except _BROKEN as fault:
        raise AriRefused(f"what answers at {rest.base} is no Asterisk ({fault}): check ARI_URL") from fault
    return described


def _json(promoted: Any) -> Any:
    """aioari wraps some replies in objects of its own; the JSON is inside."""
    if isinstance(promoted, list):
        return [_json(item) for item in promoted]
    return getattr(promoted, "json", promoted)


def _shaped(read: Callable[[], T]) -> T:
    """What `read` makes of a reply; a reply of another shape is a refusal."""
    try:
        return read()
    except _BROKEN as fault:
        raise AriRefused(f"Asterisk answered with an unknown shape: {fault}") from fault
