"""Fills the lines that administrators change: pure text in, pure text out.

In every file of `asterisk/*.conf` a line that may need another value ends in a marker:

    bindport = 8088              ; CHANGE http-port: where ARI listens

A line that begins with `;` has no value yet (a password, an optional contact). `fill` puts values into
such lines by their marker's name, so that the private lab runs the very files administrators copy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

CONFS = Path(__file__).resolve().parent.parent
"""The directory of the shipped configuration files."""

_LINE = re.compile(
    r"^(?P<off>;?)(?P<name>[\w.-]+)(?P<sign>\s*=>?\s*)(?P<value>.*?)(?P<gap>\s*); CHANGE (?P<marker>[\w-]+)",
    re.MULTILINE,
)


def markers(text: str) -> frozenset[str]:
    """The names of all lines that may be changed in one file's text."""
    return frozenset(match["marker"] for match in _LINE.finditer(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with each marked line whose name is in `values` set, and switched on if it was off."""

    def line(match: re.Match[str]) -> str:
        value = values.get(match["marker"])
        if value is None:
            return match[0]
        return f"{match['name']}{match['sign']}{value} ; CHANGE {match['marker']}"

    return _LINE.sub(line, text)


def fill_all(values: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return every shipped file, by name, with `values` filled in and the text of `extra` appended.

    `extra` maps a file's name to what comes after it; a name that does not ship becomes a file of its own.
    Raises `KeyError`, naming it, for a value that no file has a line for: a misspelt name must not pass.
    """
    shipped = {path.name: path.read_text(encoding="utf-8") for path in sorted(CONFS.glob("*.conf"))}
    known = frozenset[str]().union(*(markers(text) for text in shipped.values()))
    for name in values:
        if name not in known:
            raise KeyError(f"no line is marked `; CHANGE {name}`; there are: {', '.join(sorted(known))}")
    filled = {name: fill(text, values) for name, text in shipped.items()}
    for name, text in extra.items():
        filled[name] = f"{filled.get(name, '')}\n{text}\n"
    return filled
