"""Every error this product raises, in one tree (a star marks what may be tried again).

CallflowError
├── SettingsError              an administrator's setting is wrong or unknown
├── FlowError                  a flow file has problems; carries them with line and column
├── AriError
│   ├── AriUnreachable *       Asterisk does not answer
│   └── AriRefused             Asterisk answered no
│       └── ChannelGone        …because the channel is no longer there: normal in telephony
├── AsteriskUnfit              this Asterisk is too old, or lacks a module we need
├── MediaError
│   ├── BadPacket              bytes that are not what the protocol says
│   └── NoAudio                a transport is up and no audio flows
├── ProviderError              a speech or language engine
│   ├── ProviderTimeout *
│   ├── ProviderBusy *
│   └── ProviderRefused
├── ToolError                  a tool of the agent failed; an outcome, never the end of a call
└── StorageError *
"""

from __future__ import annotations

from typing import ClassVar


class CallflowError(Exception):
    """Base of all our errors: `code` is for logs and the API, the text names the next step."""

    code: ClassVar[str] = "callflow"
    retryable: ClassVar[bool] = False


class SettingsError(CallflowError):
    """A setting is missing, malformed or unknown."""

    code = "settings"


class FlowError(CallflowError):
    """A flow file cannot be used."""

    code = "flow"


class AriError(CallflowError):
    """Something between us and Asterisk's REST interface."""

    code = "ari"


class AriUnreachable(AriError):
    """Asterisk does not answer in time, or not at all."""

    code = "ari-unreachable"
    retryable = True


class AriRefused(AriError):
    """Asterisk answered with a refusal; `status` is the HTTP status."""

    code = "ari-refused"

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ChannelGone(AriRefused):
    """The channel, bridge or playback is no longer there: the caller was faster than us."""

    code = "channel-gone"


class AsteriskUnfit(CallflowError):
    """This Asterisk cannot serve: its version is too old or a module is missing."""

    code = "asterisk-unfit"


class MediaError(CallflowError):
    """Something on the audio path."""

    code = "media"


class BadPacket(MediaError):
    """Bytes that are not what the protocol says; counted and dropped."""

    code = "bad-packet"


class NoAudio(MediaError):
    """A transport is up, and no audio flows through it."""

    code = "no-audio"
    retryable = True


class ProviderError(CallflowError):
    """A speech or language engine failed."""

    code = "provider"


class ProviderTimeout(ProviderError):
    """An engine did not answer in time."""

    code = "provider-timeout"
    retryable = True


class ProviderBusy(ProviderError):
    """An engine is overloaded or its quota is used up."""

    code = "provider-busy"
    retryable = True


class ProviderRefused(ProviderError):
    """An engine refused the request; the same request will be refused again."""

    code = "provider-refused"


class ToolError(CallflowError):
    """A tool of the agent failed: an outcome of the turn, never the end of the call."""

    code = "tool"


class StorageError(CallflowError):
    """The records cannot be reached."""

    code = "storage"
    retryable = True
