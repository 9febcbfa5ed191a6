"""Where settings come from: the environment, `.env`, and the `*.env` files of `CALLFLOW_CONF_D`.

The environment wins over `.env`, which wins over the directory; there, later names win over earlier. A secret
may be in a file that `NAME_FILE` names. All errors are `SettingsError`, one sentence a line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from callflow.errors import SettingsError

CONF_D = "CALLFLOW_CONF_D"
"""Names the directory of `*.env` files; read from the environment alone."""

_FOREIGN = re.compile(r"HTTP_PROXY|.*_SERVICE_(HOST|PORT)(_\w+)?|.*_PORT_\d+_(TCP|UDP)(_\w+)?")
"""Names that others put into our environment: proxies, and Kubernetes for each service it knows."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The names and texts of one place. `ours`: nobody else writes there, so an unknown name is a mistake."""

    place: str
    values: Mapping[str, str]
    ours: bool = False


def read(
    environ: Mapping[str, str],
    directory: Path,
    *,
    names: frozenset[str],
    secrets: frozenset[str],
    prefixes: tuple[str, ...],
) -> dict[str, str]:
    """The text of every setting in `names` that is set anywhere. Raises `SettingsError`."""
    layers = _layers(environ, directory)
    allowed = names | {f"{name}_FILE" for name in secrets} | {CONF_D}
    if wrong := [line for layer in layers for line in _unknown(layer, allowed, prefixes)]:
        raise SettingsError("\n".join(wrong))
    found: dict[str, str] = {}
    for layer in layers:
        found |= {name: text for name, text in layer.values.items() if name in names}
        found |= _from_files(layer, secrets)
    return found


def _layers(environ: Mapping[str, str], directory: Path) -> list[Layer]:
    """From the weakest to the strongest."""
    files = [(path, True) for path in _conf_d(environ)]
    if (dotenv := directory / ".env").is_file():
        files.append((dotenv, False))
    layers = [Layer(str(path), _parsed(path), ours) for path, ours in files]
    return [*layers, Layer("the environment", environ)]


def _conf_d(environ: Mapping[str, str]) -> list[Path]:
    if not (name := environ.get(CONF_D)):
        return []
    if not Path(name).is_dir():
        raise SettingsError(f'{CONF_D} is "{name}", which is no directory: write one that holds *.env files')
    return sorted(Path(name).glob("*.env"))


def _parsed(path: Path) -> dict[str, str]:
    try:
        # Not interpolated: a password may hold ${.
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as settings: {_reason(error)}") from None
    if empty := [name for name, text in values.items() if text is None]:
        raise SettingsError(f"{path} has {empty[0]} without a value: write {empty[0]}=VALUE")
    return {name: text for name, text in values.items() if text is not None}


def _unknown(layer: Layer, allowed: frozenset[str], prefixes: tuple[str, ...]) -> Iterable[str]:
    for name in sorted(layer.values.keys() - allowed):
        if layer.ours or (name.startswith(prefixes) and not _FOREIGN.fullmatch(name)):
            close = difflib.get_close_matches(name, sorted(allowed), n=1)
            advice = f"did you mean {close[0]}?" if close else "docs/settings.md lists them all"
            yield f"{name} in {layer.place} is not a setting: {advice}"


def _from_files(layer: Layer, secrets: frozenset[str]) -> dict[str, str]:
    found = {}
    for name in sorted(secrets):
        if not (path := layer.values.get(f"{name}_FILE")):
            continue
        if layer.values.get(name):
            raise SettingsError(f"{name} and {name}_FILE are both set in {layer.place}: keep one")
        try:
            found[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f'{name}_FILE is "{path}", which cannot be read: {_reason(error)}; write a text file\'s path'
            ) from None
    return found


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"
