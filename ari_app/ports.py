"""The typed port to Asterisk's REST interface: no dict of Asterisk's leaves what implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as ARI shows it. `variables` are those named by `channelvars` in `ari.conf`."""

    id: str
    name: str = ""
    state: str = ""
    caller: str = ""
    connected: str = ""
    exten: str = ""
    context: str = ""
    language: str = ""
    variables: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """A Stasis application's subscriptions, by id."""

    name: str
    channels: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    """Which Asterisk this is: `version` like `22.10.1`, and the names of the modules that run."""

    version: str
    modules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RtpCount:
    """Packets of a SIP channel's RTP since its beginning, as Asterisk counts them."""

    received: int  # from the telephone
    sent: int  # to the telephone


class Ari(Protocol):
    """Every method raises `AriUnreachable` (no answer in time) or `AriRefused`, `ChannelGone` for a 404."""

    async def info(self) -> AsteriskInfo:
        """Version and running modules."""

    async def application(self, name: str) -> Application:
        """What an application is subscribed to."""

    async def subscribe(self, application: str, source: str) -> None:
        """Go on hearing of `channel:ID` or `bridge:ID` also after it left Stasis."""

    async def channels(self) -> tuple[Channel, ...]:
        """All channels of this Asterisk."""

    async def bridges(self) -> tuple[str, ...]:
        """The ids of all bridges of this Asterisk."""

    async def answer(self, channel_id: str) -> None:
        """Answer a ringing channel; answering one that is up changes nothing."""

    async def hang_up(self, channel_id: str, reason: str = "normal") -> None:
        """Hang up; a channel that is gone already is not an error here."""

    async def get_variable(self, channel_id: str, name: str) -> str:
        """A channel variable or function (`CHANNEL(language)`), empty when unset."""

    async def set_variables(self, channel_id: str, variables: Mapping[str, str]) -> None:
        """Set several channel variables, in order."""

    async def continue_in_dialplan(
        self, channel_id: str, context: str, extension: str = "s", priority: int = 1
    ) -> None:
        """Give the channel back to the dialplan."""

    async def create_bridge(self, bridge_id: str) -> None:
        """Make a mixing bridge with an id of ours."""

    async def destroy_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; one that is gone already is not an error here."""

    async def add_to_bridge(self, bridge_id: str, *channel_ids: str) -> None:
        """Put channels into a bridge."""

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
        """Make an ExternalMedia channel to `host` (`ip:port`); returns its channel variables, among them
        `UNICASTRTP_LOCAL_ADDRESS` and `UNICASTRTP_LOCAL_PORT` for RTP."""

    async def rtp_count(self, channel_id: str) -> RtpCount | None:
        """Packets to and from the telephone; None for a channel that has no RTP of Asterisk's own."""

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
        """Dial an endpoint into the application, with a channel id of ours."""

    async def close(self) -> None:
        """Release connections."""
