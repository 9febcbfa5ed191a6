"""The ids we give to channels and bridges, so that what is ours is known by its name alone.

ExternalMedia channels and bridges raise events in our own application like a caller's channel does. A
caller's channel has an id that Asterisk made (`1795192289.17`); what we make begins with `callflow-`.
"""

from __future__ import annotations

from typing import Final

BRIDGE: Final = "callflow-bridge-"
MEDIA: Final = "callflow-media-"
OUTBOUND: Final = "callflow-out-"
SELF_TEST: Final = "callflow-selftest-"
_OURS: Final = (BRIDGE, MEDIA, SELF_TEST)


def bridge(call_id: str) -> str:
    """The id of a call's bridge: `callflow-bridge-<call>`."""
    return BRIDGE + call_id


def media(call_id: str, number: int) -> str:
    """The id of a call's ExternalMedia channel: `callflow-media-<call>-<n>`, n counts attempts from 1."""
    return f"{MEDIA}{call_id}-{number}"


def outbound(call_id: str) -> str:
    """The id of a leg that we dial, `callflow-out-<call>`: a caller's channel, though we named it."""
    return OUTBOUND + call_id


def self_test(run: str, part: str) -> str:
    """The id of a channel or bridge of one start-up self-test: `callflow-selftest-<run>-<part>`."""
    return f"{SELF_TEST}{run}-{part}"


def is_ours(channel_or_bridge_id: str) -> bool:
    """Whether we made it for our own use: never a call, and ours to remove when its call is gone."""
    return channel_or_bridge_id.startswith(_OURS)


def call_of(channel_or_bridge_id: str) -> str | None:
    """The call that one of our bridges or media channels serves, or None when it serves none.

    A rescue after a restart finds by it what belongs to which call.
    """
    if channel_or_bridge_id.startswith(BRIDGE):
        return channel_or_bridge_id.removeprefix(BRIDGE)
    if channel_or_bridge_id.startswith(MEDIA):
        return channel_or_bridge_id.removeprefix(MEDIA).rpartition("-")[0]
    return None
