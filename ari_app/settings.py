"""What an administrator may set: names, defaults, meanings. `ari_app.environment` reads them.

Rule 1: a setting's name is its field's name in capitals.
Rule 2: a `Settings` made by hand depends on nothing but its arguments; only `load` looks at the environment.
Rule 3: every complaint is one sentence: the name, what is wrong with the value, what to write. A secret's
        value is never in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ari_app.environment import read
from ari_app.wording import SettingDoc, complaint, describe, setting

T = TypeVar("T", bound="RecordSettings")

PREFIXES = (
    *("ARI_", "AUDIOSOCKET_", "CALLFLOW_", "DATABASE_", "DRAIN_", "FLOW_", "FLOWS_", "HTTP_", "LOG_"),
    *("MEDIA_", "QUEUE", "RECORDINGS_", "RTP_", "STORE_", "STT_", "VAD_"),
)
"""A name that begins like this is meant for us: when we do not know it, it is a mistake."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the dialplan takes a caller: `context` and `extension`."""

    context: str = "transfer-to-operator"
    extension: str = "s"


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _http(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", value):
        raise ValueError
    return value.rstrip("/")


def _http_or_empty(value: str) -> str:
    return _http(value) if value else value


def _filled(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError
    return value


def _queues(value: Any) -> Any:
    """Read `sales=context,extension; service=context`."""
    if not isinstance(value, str):
        return value
    entries = (entry.partition("=") for entry in re.split(r"[;\s]+", value.strip()) if entry)
    return {name: _destination(name, place) for name, _, place in entries}


def _destination(name: str, place: str) -> Destination:
    parts = place.split(",")
    if not name or not all(parts) or len(parts) > 2:
        raise ValueError
    return Destination(*parts)


Port = Annotated[int, Field(ge=0, le=65_535)]
RtpPort = Annotated[int, Field(ge=1024, le=65_535)]
Url = Annotated[str, AfterValidator(_http)]
Name = Annotated[str, Field(pattern=r"^[\w.-]+$")]
_PORT = "a port from 0 (any free one) to 65535"
_HOST = "an address of this machine, for example 127.0.0.1"


class RecordSettings(BaseSettings):
    """What is needed to read the records of calls: all that the commands for staff ask for."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    database_url: SecretStr = setting(
        SecretStr("sqlite:///var/callflow.db"),
        "Where calls are recorded.",
        "a URL such as sqlite:///var/callflow.db",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments alone. The library's own sources pass over unknown names in silence."""
        return (init_settings,)

    @classmethod
    def load(cls: type[T], environ: Mapping[str, str] | None = None, directory: Path | None = None) -> T:
        """The settings of this process, by default from `os.environ` and the current directory's `.env`.

        Raises `SettingsError` with one sentence a line for everything that is wrong.
        """
        every = Settings.describe()
        values = read(
            os.environ if environ is None else environ,
            Path.cwd() if directory is None else directory,
            names=frozenset(doc.name for doc in every),
            secrets=frozenset(doc.name for doc in every if doc.secret),
            prefixes=PREFIXES,
        )
        return cls.of({name: text for name, text in values.items() if name.lower() in cls.model_fields})

    @classmethod
    def of(cls: type[T], values: Mapping[str, str]) -> T:
        """Settings from texts by name (`{"HTTP_PORT": "8080"}`). Raises `SettingsError`."""
        try:
            return cls.model_validate({name.lower(): text for name, text in values.items()})
        except ValidationError as error:
            raise complaint(cls, error) from None

    @classmethod
    def describe(cls) -> tuple[SettingDoc, ...]:
        """Every setting, in order, for `docs/settings.md`."""
        return describe(cls)


class Settings(RecordSettings):
    """All settings of the controller. Frozen."""

    ari_url: Url = setting(
        "http://127.0.0.1:8088/ari", "Asterisk's REST interface.", "a URL such as http://127.0.0.1:8088/ari"
    )
    ari_user: str = setting("callflow", "The user of `ari.conf`.", "a name", min_length=1)
    ari_password: Annotated[SecretStr, AfterValidator(_filled)] = setting(
        ..., "That user's password.", "the password of that user in ari.conf"
    )
    ari_app: Name = setting(
        "callflow", "The name in the dialplan's `Stasis()`.", "one word, as in Stasis(callflow)"
    )

    http_host: str = setting(
        "127.0.0.1", "Where health, metrics and the API are served.", _HOST, min_length=1
    )
    http_port: Port = setting(8080, "The port for them.", _PORT)

    media_transport: Annotated[Literal["auto", "rtp", "audiosocket"], BeforeValidator(_lower)] = setting(
        "auto", "How sound comes from Asterisk; `auto` is RTP, and AudioSocket when that fails.",
        "auto, rtp or audiosocket",
    )  # fmt: skip
    audiosocket_host: str = setting(
        "127.0.0.1", "Where Asterisk's AudioSocket calls come in.", _HOST, min_length=1
    )
    audiosocket_port: Port = setting(9092, "The port for them.", _PORT)
    audiosocket_advertise: str = setting(
        "", "The `host:port` that Asterisk connects to, when it is another than the two above.",
        "host:port, for example 10.0.0.5:9092", pattern=r"^(\S+:\d{1,5})?$",
    )  # fmt: skip
    rtp_host: str = setting("127.0.0.1", "Where RTP from Asterisk comes in.", _HOST, min_length=1)
    rtp_advertise: str = setting(
        "", "The address that Asterisk sends RTP to, when it is another than `RTP_HOST`.",
        "an address without a port, for example 10.0.0.5", pattern=r"^\S*$",
    )  # fmt: skip
    rtp_port_min: RtpPort = setting(12_000, "The first port for RTP.", "a port from 1024 to 65535")
    rtp_port_max: RtpPort = setting(14_000, "The last port for RTP.", "a port from 1024 to 65535")

    recordings_dir: Path = setting(Path("var/recordings"), "Where sound recordings are kept.", "a directory")
    flows_dir: Path = setting(Path("flows"), "Where the flows are.", "a directory")
    flow: Name = setting("tyre_shop", "The flow that a call gets.", "the name of a flow in FLOWS_DIR")
    queues: Annotated[Mapping[str, Destination], BeforeValidator(_queues)] = setting(
        {}, "Where each queue that flows name is in the dialplan; one that is not here is "
        "`transfer-to-operator,s`.",
        "name=context,extension, several with ; between them, for example sales=transfer-to-operator,s",
    )  # fmt: skip

    store_api_url: Annotated[str, AfterValidator(_http_or_empty)] = setting(
        "", "The shop's service for the agent's tools; empty: the agent has no shop.",
        "a URL such as http://127.0.0.1:3002/api/v1",
    )  # fmt: skip
    store_api_key: SecretStr = setting(SecretStr(""), "The shop's key.", "the key that the shop gave you")
    store_api_timeout: float = setting(
        5.0, "How many seconds the shop may take.", "seconds above 0, up to 60", gt=0, le=60
    )

    stt_workers: int = setting(1, "Processes that recognise speech.", "a number from 1 to 64", ge=1, le=64)
    vad_hangover_ms: int = setting(
        500, "How long a caller's pause must last to be the end of what they say, in milliseconds.",
        "milliseconds from 100 to 5000", ge=100, le=5000,
    )  # fmt: skip
    drain_seconds: float = setting(
        60.0, "How long calls may go on after the order to stop.", "seconds from 0 to 3600", ge=0, le=3600
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = setting(
        "info",
        "What is logged. Callers' words are in the log at `debug` only.",
        "debug, info, warning or error",
    )
    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_lower)] = setting(
        "auto", "`auto` is JSON, except on a terminal.", "auto, json or console"
    )

    def queue(self, name: str) -> Destination:
        """Where a queue that a flow names is in the dialplan."""
        return self.queues.get(name, Destination())

    @property
    def audiosocket_address(self) -> str:
        """The `host:port` to give to Asterisk."""
        return self.audiosocket_advertise or _joined(self.audiosocket_host, self.audiosocket_port)

    @property
    def rtp_address(self) -> str:
        """The address, without a port, to give to Asterisk."""
        return self.rtp_advertise or self.rtp_host

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.rtp_port_min >= self.rtp_port_max:
            raise ValueError(
                f"RTP_PORT_MIN is {self.rtp_port_min}, which is not below RTP_PORT_MAX, {self.rtp_port_max}: "
                "write a range such as 12000 and 14000"
            )
        for name, host, advertised in (
            ("AUDIOSOCKET", self.audiosocket_host, self.audiosocket_advertise),
            ("RTP", self.rtp_host, self.rtp_advertise),
        ):
            if host in ("0.0.0.0", "::") and not advertised:
                raise ValueError(
                    f"{name}_HOST is {host}, which Asterisk cannot send to: "
                    f"write in {name}_ADVERTISE the address at which it reaches this machine"
                )
        return self


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
