"""Whether an Asterisk can serve: its version, and the modules we need. Pure; asked once at start-up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ari_app.ports import AsteriskInfo
from callflow.errors import AsteriskUnfit

Media = Literal["rtp", "audiosocket"]

OLDEST: Final = 20
"""The oldest major version that has all we use."""

_ARI: Final = (
    "codec_resample",  # the telephone's 8 kHz to our 16 kHz and back
    "res_http_websocket",
    "res_stasis",
    "res_stasis_answer",
    "app_stasis",
    "res_ari",
    "res_ari_model",
    "res_ari_events",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_channels",
    "res_ari_bridges",
)
"""What every call needs, in the order in which it loads."""

_ONE_OF: Final = (
    ("res_timing_timerfd", "res_timing_pthread", "res_timing_kqueue", "res_timing_dahdi"),
    ("codec_ulaw", "codec_alaw"),
    ("bridge_softmix", "bridge_simple"),
)
"""Of each line one is enough: a clock, a telephone's code for speech, a way to join two channels."""

_MEDIA: Final[dict[Media, tuple[str, ...]]] = {
    "rtp": ("res_rtp_multicast", "res_rtp_asterisk", "chan_rtp"),
    "audiosocket": ("res_audiosocket", "chan_audiosocket", "app_audiosocket"),
}
"""In the order in which they load: each needs the ones before it."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """A known fault of AudioSocket: the versions that have it, each `(major, first minor, last minor)`."""

    series: tuple[tuple[int, int, int], ...]
    text: str

    def hits(self, major: int, minor: int) -> bool:
        return any(major == series and first <= minor <= last for series, first, last in self.series)


_EVER: Final = 999
_FAULTS: Final = (
    _Fault(
        ((20, 0, 16), (21, 0, _EVER), (22, 0, 6)),
        "sends AudioSocket at 8 kHz only, so callers are understood less well; 20.17 and 22.7 send 16 kHz.",
    ),
    _Fault(
        ((20, 15, _EVER), (22, 5, _EVER), (23, 0, _EVER)),
        "can starve an AudioSocket call whose server waits for audio before it sends (asterisk#2089): "
        "Callflow sends at once and never stops; see that no proxy between them holds audio back.",
    ),
    _Fault(
        ((20, 18, 19),),
        "may stall its ARI for minutes when callers hang up at once in AudioSocket calls (asterisk#2078): "
        "use RTP without the AudioSocket fallback, or another version.",
    ),
)


def check(
    info: AsteriskInfo, media: Media = "rtp", fallback: Media | None = "audiosocket"
) -> tuple[str, ...]:
    """Raise `AsteriskUnfit` with the next step, or give warnings, a sentence each.

    `media` is the transport of calls, `fallback` the one they turn to when it fails: what is missing for it
    is a warning only. A version that cannot be read (`GIT-master-…`) is taken as new enough, with a warning.
    """
    version = parse_version(info.version)
    if version and version[0] < OLDEST:
        raise AsteriskUnfit(
            f"Asterisk {info.version} is too old: install {OLDEST} or later (22 is a good choice)."
        )
    if lacking := [*_missing(info, _ARI), *_missing_one_of(info), *_missing(info, _MEDIA[media])]:
        raise AsteriskUnfit(f"Asterisk {info.version} lacks {_listed(lacking)}. {_how_to_load(lacking)}")
    return tuple(_warnings(info, version, media, fallback))


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor of `22.10.1`, `20.19.0-rc1`, `certified-20.7-cert8`; None where there is no number."""
    found = re.match(r"(?:certified[-/])?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _warnings(
    info: AsteriskInfo, version: tuple[int, int] | None, media: Media, fallback: Media | None
) -> Iterator[str]:
    if version is None:
        yield f"Asterisk calls itself {info.version!r}: whether it is {OLDEST} or later cannot be told."
    if fallback and (lacking := list(_missing(info, _MEDIA[fallback]))):
        yield f"No fallback to {fallback}: Asterisk lacks {_listed(lacking)}. {_how_to_load(lacking)}"
        fallback = None
    if version and "audiosocket" in (media, fallback):
        yield from (f"Asterisk {info.version} {fault.text}" for fault in _FAULTS if fault.hits(*version))


def _missing(info: AsteriskInfo, needed: Iterable[str]) -> Iterator[str]:
    return (module for module in needed if module not in info.modules)


def _missing_one_of(info: AsteriskInfo) -> Iterator[str]:
    """The first of each line of which none runs."""
    return (modules[0] for modules in _ONE_OF if not info.modules.intersection(modules))


def _listed(modules: list[str]) -> str:
    kind = "the module" if len(modules) == 1 else "the modules"
    return f"{kind} {', '.join(modules)}"


def _how_to_load(modules: list[str]) -> str:
    """The commands, and the place where they last."""
    commands = "; ".join(f'asterisk -rx "module load {module}.so"' for module in modules)
    return f"Run {commands} and add `load = …` of each to modules.conf."
