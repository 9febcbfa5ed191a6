"""What must not be in a log: telephone and card numbers, keys, and, above DEBUG, what people said.

Pure functions. Masking would rather hide a number too many than one too few; what it must leave alone
(ids, dates, addresses, decimal numbers) is listed here first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import is_dataclass

_KEEP = (
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # UUID
    r"|(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?!\d)"  # date, and time
    r"|(?<![\d+])\d+(?:\.\d+)+(?![\d.])"  # decimal, version, IPv4, Asterisk's unique id 1763629200.12
)
_CARD = r"(?<![A-Za-z\d+])\d(?:[ -]?\d){12,}(?![A-Za-z\d])"
_PHONE = r"(?:(?:\+|%2[Bb])[ (]*|(?<![A-Za-z\d])\(?)\d(?:[ ()-]{0,3}\d){6,14}(?![A-Za-z\d])"
_NUMBERS = re.compile(
    f"(?P<keep>{_KEEP})|(?P<phone>(?=\\+|%2[Bb]){_PHONE})|(?P<card>{_CARD})|(?P<local>{_PHONE})"
)
_KEYS = re.compile(r"(?i)\b(api_key|password|token|secret)=[^&\s\"']+|\b(Bearer|Basic) [\w.+/=~-]{6,}")

STARS = 5
"""How many digits of a telephone number are hidden, before the last two."""

IDS = frozenset({"call_id", "channel_id", "bridge_id", "flow_version", "timestamp", "level", "component"})
"""Keys whose values are never numbers of people."""

SECRETS = frozenset({"password", "api_key", "authorization", "token", "secret"})
"""Keys whose values are never shown."""

SPOKEN = frozenset(
    {"text", "heard", "said", "say", "words", "transcript", "summary", "prompt", "reply", "slots"}
)
"""Keys whose values people said or heard, or are made of it."""


def mask(text: str) -> str:
    """Hide the middle of telephone numbers (`+38050*****33`), whole card numbers, and keys."""
    return _KEYS.sub(_hide_key, _NUMBERS.sub(_hide_number, text))


def mask_fields(fields: Mapping[str, object], *, spoken: bool) -> dict[str, object]:
    """Mask a log line. `spoken` False replaces words that were said by their length."""
    return {key: _mask_field(key, value, spoken) for key, value in fields.items()}


def _mask_field(key: str, value: object, spoken: bool) -> object:
    if key in IDS:
        return value
    if key in SECRETS:
        return "***"
    if key in SPOKEN and not spoken and not _is_plain(value):
        return f"[{len(str(value))} characters]"
    return _mask_value(value, spoken)


def _mask_value(value: object, spoken: bool) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return mask_fields({str(key): each for key, each in value.items()}, spoken=spoken)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_mask_value(each, spoken) for each in value]
    if _is_plain(value):
        return value
    if is_dataclass(value) and not spoken:  # an event or effect may hold what was said
        return type(value).__name__
    return mask(str(value))


def _is_plain(value: object) -> bool:
    """Is it a number or nothing? A measure then, such as the `words` among the delays of a turn."""
    return value is None or isinstance(value, (bool, int, float))


def _hide_number(match: re.Match[str]) -> str:
    found = match.group()
    if match["keep"]:
        return found
    if match["card"]:
        return re.sub(r"\d", "*", found)
    plus = re.match(r"%2[Bb]", found)
    start = plus.end() if plus else 0
    return found[:start] + _hide_middle(found[start:])


def _hide_middle(number: str) -> str:
    """Replace all digits but the last two and those before the last seven."""
    at = [position for position, char in enumerate(number) if char.isdigit()]
    hidden = set(at[-STARS - 2 : -2])
    return "".join("*" if position in hidden else char for position, char in enumerate(number))


def _hide_key(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    return f"{name}=***" if match[1] else f"{name} ***"
