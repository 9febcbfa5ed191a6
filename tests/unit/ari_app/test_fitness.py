"""Which Asterisk may serve, and what its administrator is told."""

from __future__ import annotations

import pytest

from ari_app.fitness import Media, check, parse_version
from ari_app.ports import AsteriskInfo
from callflow.errors import AsteriskUnfit
from tests.fakes.ari_world import MODULES

ALL = frozenset(f"{MODULES} res_rtp_multicast".split())
GOOD = "22.4.1"  # after what we need, before the faults that we know


def told(
    *missing: str, version: str = GOOD, media: Media = "rtp", fallback: Media | None = None
) -> tuple[str, ...]:
    return check(AsteriskInfo(version, ALL.difference(missing)), media, fallback)


def test_a_good_asterisk_gets_no_word() -> None:
    assert told() == ()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("22.10.1", (22, 10)),
        ("20.19.0-rc1", (20, 19)),
        ("certified-20.7-cert8", (20, 7)),
        ("certified/18.9-cert4", (18, 9)),
        ("GIT-master-1a2b3c", None),
        ("", None),
    ],
)
def test_versions_are_read(text: str, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("version", ["19.8.1", "18.26.4", "certified/18.9-cert4", "1.8.32"])
def test_an_old_asterisk_is_unfit(version: str) -> None:
    with pytest.raises(AsteriskUnfit, match=r"too old: install 20 or later"):
        told(version=version)


def test_a_build_without_a_number_is_taken_and_told_of() -> None:
    (warning,) = told(version="GIT-master-1a2b3c")
    assert "GIT-master-1a2b3c" in warning


@pytest.mark.parametrize(
    "module",
    [
        "res_stasis",
        "app_stasis",
        "res_ari_channels",
        "res_ari_bridges",
        "codec_resample",
        "chan_rtp",
        "res_ari_model",
    ],
)
def test_a_missing_module_is_named_with_the_command(module: str) -> None:
    with pytest.raises(AsteriskUnfit, match=f'asterisk -rx "module load {module}.so"'):
        told(module)


def test_all_missing_modules_are_told_at_once_in_the_order_of_loading() -> None:
    with pytest.raises(AsteriskUnfit, match=r"lacks the modules res_stasis, app_stasis, chan_rtp\. "):
        told("chan_rtp", "app_stasis", "res_stasis")


@pytest.mark.parametrize("module", ["codec_ulaw", "codec_alaw", "bridge_simple", "bridge_softmix"])
def test_one_of_a_kind_is_enough(module: str) -> None:
    assert told(module) == ()


def test_none_of_a_kind_is_not_enough() -> None:
    with pytest.raises(AsteriskUnfit, match="res_timing_timerfd"):
        told("res_timing_timerfd")


def test_audiosocket_modules_are_needed_where_calls_use_them() -> None:
    assert told("res_audiosocket", fallback=None) == ()
    with pytest.raises(AsteriskUnfit, match=r"module load res_audiosocket\.so"):
        told("res_audiosocket", media="audiosocket")


def test_without_its_modules_the_fallback_is_missing_and_calls_go_on() -> None:
    (warning,) = told("chan_audiosocket", fallback="audiosocket")
    assert warning.startswith("No fallback to audiosocket: ")
    assert "module load chan_audiosocket.so" in warning


@pytest.mark.parametrize(
    ("version", "faults"),
    [
        ("20.14.1", ["8 kHz"]),
        ("20.15.0", ["8 kHz", "#2089"]),
        ("20.17.0", ["#2089"]),
        ("20.18.2", ["#2089", "#2078"]),
        ("20.19.0", ["#2089", "#2078"]),
        ("20.20.0", ["#2089"]),
        ("22.4.1", ["8 kHz"]),
        ("22.5.0", ["8 kHz", "#2089"]),
        ("22.10.1", ["#2089"]),
        ("23.3.0", ["#2089"]),
    ],
)
def test_known_faults_are_told_where_audiosocket_is_used(version: str, faults: list[str]) -> None:
    warnings = told(version=version, fallback="audiosocket")
    assert [
        fault for fault in ("8 kHz", "#2089", "#2078") if any(fault in text for text in warnings)
    ] == faults
    assert len(warnings) == len(faults)
    assert told(version=version, fallback=None) == ()
