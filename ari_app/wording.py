"""The words around settings: fields carry their meaning; complaints and documentation are made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from callflow.errors import SettingsError


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting for a page of documentation. `default` is None where a value must be given."""

    name: str
    default: str | None
    meaning: str
    write: str
    secret: bool


def setting(default: Any, meaning: str, write: str, **limits: Any) -> Any:
    """A field with its meaning and what to write; `limits` are pydantic's (`ge`, `pattern`…)."""
    return Field(default=default, description=meaning, json_schema_extra={"write": write}, **limits)


def describe(model: type[BaseModel]) -> tuple[SettingDoc, ...]:
    """Every setting of a model, in order."""
    return tuple(_doc(name, info) for name, info in model.model_fields.items())


def page(docs: tuple[SettingDoc, ...]) -> str:
    """The page `docs/settings.md`."""
    rows = [f"| `{doc.name}` | {_shown(doc)} | {doc.meaning} | {doc.write} |" for doc in docs]
    return _PAGE.format(
        rows="\n".join(rows), secrets=" or ".join(f"`{d.name}_FILE`" for d in docs if d.secret)
    )


def complaint(model: type[BaseModel], error: ValidationError) -> SettingsError:
    """What is wrong as one sentence a line, each with the name, the problem and what to write."""
    sentences = dict.fromkeys(_sentence(model.model_fields, each) for each in error.errors())
    return SettingsError("\n".join(sentences))


def _sentence(known: Mapping[str, FieldInfo], error: ErrorDetails) -> str:
    if not error["loc"]:  # from a check of several settings, which has written the sentence itself
        return error["msg"].removeprefix("Value error, ")
    field = str(error["loc"][0])
    name, info = field.upper(), known.get(field)
    if info is None:
        return f"{name} is not a setting: docs/settings.md lists them all"
    if error["type"] == "missing":
        also = f", or the path of a file with it in {name}_FILE" if _is_secret(info) else ""
        return f"{name} is not set: write {_write(info)}{also}"
    return f"{name} is {_problem(info, error['input'])}: write {_write(info)}"


def _problem(info: FieldInfo, value: object) -> str:
    if _is_secret(info):
        return "not usable"
    if value == "":
        return "empty"
    without_password = re.sub(r"//[^/@]*@", "//***@", str(value))
    return f'"{without_password}"'


def _write(info: FieldInfo) -> str:
    extra = info.json_schema_extra
    return str(extra["write"]) if isinstance(extra, dict) else ""


def _is_secret(info: FieldInfo) -> bool:
    return info.annotation is SecretStr


def _doc(field: str, info: FieldInfo) -> SettingDoc:
    default = _text(info.default)
    return SettingDoc(field.upper(), default, info.description or "", _write(info), _is_secret(info))


def _text(default: object) -> str | None:
    if default is PydanticUndefined:
        return None
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default == {} else str(default)


def _shown(doc: SettingDoc) -> str:
    if doc.default is None:
        return "**must be set**"
    return f"`{doc.default}`" if doc.default else "empty"


_PAGE = """# Settings

<!-- Made by `callflow settings --markdown`; do not edit by hand. -->

Administrators own these. Each is read from the environment, else from `.env` in the directory where Callflow
starts, else from the `*.env` files of the directory that `CALLFLOW_CONF_D` names (later names win). A secret
may be in a file of its own, whose path is in {secrets}.
A name that we do not know is an error, with a guess at what was meant; `callflow settings` says whether yours
are in order.

| Name | Default | Meaning | Write |
|---|---|---|---|
{rows}
"""
