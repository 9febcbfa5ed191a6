"""A flow as frozen models. `callflow.load` reads what staff write, and adds line and column to errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Text = str | dict[str, str]
"""One sentence, or one per language."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(value: Any) -> Any:
    """Read `8s`, `2m`, `1h` as seconds."""
    if isinstance(value, str) and value[-1:] in _UNITS and value[:-1].replace(".", "", 1).isdigit():
        return float(value[:-1]) * _UNITS[value[-1]]
    raise ValueError("a time is a number with s, m or h, for example 8s, 2m, 1h")


Seconds = Annotated[
    float,
    BeforeValidator(_seconds, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+(\.\d+)?[smh]$")]),
]


class Model(BaseModel):
    """Base of all flow models: frozen, and an unknown word is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Limits(Model):
    """How long a call and how many caller turns it may last."""

    call: Seconds = 600.0
    turns: int = Field(default=40, ge=1)


class Silence(Model):
    """What is said when the caller says nothing: one line is one retry; then the call goes to `next`."""

    after: Seconds = 7.0
    say: tuple[Text, ...] = ()
    next: str | None = None


class Hours(Model):
    """Opening hours. A day or range of days (`mon-fri`, `sat`) has `HH:MM-HH:MM`; `closed` lists holidays."""

    model_config = ConfigDict(frozen=True, extra="allow")

    timezone: str
    closed: tuple[dt.date, ...] = ()

    def days(self) -> Mapping[str, str]:
        """The opening times as written, by day or range of days."""
        return {day: str(times) for day, times in (self.model_extra or {}).items()}


class BaseStep(Model):
    """What every step may have."""

    next: str | dict[str, str] | None = None
    interruptible: bool = True
    silence: Silence | None = None
    anywhere: dict[str, str] = Field(default_factory=dict)

    def target(self, outcome: str) -> str | None:
        """Where an outcome of the step's own work leads by its `next`, or None when that does not say."""
        if isinstance(self.next, str):
            return self.next
        return (self.next or {}).get(outcome)


class SayStep(BaseStep):
    """Say something and go on."""

    say: Text


class CheckStep(BaseStep):
    """Look something up, without a word, and go by the answer. `hours` answers `open` or `closed`."""

    check: Literal["hours"]


class AgentStep(BaseStep):
    """Let the agent talk with the caller until one outcome of a closed list is reached."""

    agent: str
    say: Text | None = None
    tools: tuple[str, ...] = ()
    confirm_first: tuple[str, ...] = ()
    collect: dict[str, str] = Field(default_factory=dict)
    outcomes: dict[str, str]


class MenuStep(BaseStep):
    """Offer keys."""

    menu: Text
    keys: dict[str, str]
    retries: int = Field(default=2, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_words(cls, data: Any) -> Any:
        """YAML reads `1:` as a number; a key of the telephone is a word."""
        if isinstance(data, dict) and isinstance(data.get("keys"), dict):
            data = {**data, "keys": {str(key): target for key, target in data["keys"].items()}}
        return data


class TransferStep(BaseStep):
    """Hand the caller to a queue that the administrator has named."""

    transfer: str
    say: Text | None = None
    summary: bool = True


Step = SayStep | CheckStep | AgentStep | MenuStep | TransferStep
VERBS: dict[str, type[BaseStep]] = {
    "transfer": TransferStep,
    "agent": AgentStep,
    "menu": MenuStep,
    "check": CheckStep,
    "say": SayStep,
}
"""A step's kind by its verb; the first verb of this order that a step has decides (`say` may open others)."""


def _step(data: Any) -> Any:
    """Pick the model by the verb."""
    if not isinstance(data, dict):
        return data
    for verb, model in VERBS.items():
        if verb in data:
            return model.model_validate(data)
    raise ValueError(f"a step needs one verb of {', '.join(sorted(VERBS))}")


AnyStep = Annotated[Step, BeforeValidator(_step)]


class Flow(Model):
    """One call flow: what the agent says and does, as staff wrote it."""

    flow: str
    language: str = "en"
    direction: Literal["inbound", "outbound"] = "inbound"
    start: str
    record: bool = False
    hours: Hours | None = None
    limits: Limits = Limits()
    silence: Silence = Silence()
    anywhere: dict[str, str] = Field(default_factory=dict)
    steps: dict[str, AnyStep]
    ends: dict[str, Text]

    def after(self, step: str, outcome: str) -> str | None:
        """Where `outcome` of the step's own work leads: its `next`, else the step or end of that name."""
        return self._known(self.steps[step].target(outcome), outcome) or self.on(step, outcome)

    def on(self, step: str, event: str) -> str | None:
        """Where an event of `anywhere` (`key_0`, `wants_human`, `limit`, `error`…) leads in this step."""
        own = self.steps[step].anywhere if step in self.steps else {}
        return self._known(own.get(event), self.anywhere.get(event))

    def _known(self, *names: str | None) -> str | None:
        return next((name for name in names if name in self.steps or name in self.ends), None)


def spoken(text: Text, language: str) -> str:
    """The sentence for a language, else the first one that is written."""
    if isinstance(text, str):
        return text
    return text.get(language) or next(iter(text.values()))
