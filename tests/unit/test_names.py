"""Our packages have common names: nothing else in the environment may bring one of the same."""

from __future__ import annotations

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
OURS = PROJECT["tool"]["importlinter"]["root_packages"]


def test_no_dependency_ships_a_package_of_our_names() -> None:
    owners = packages_distributions()
    assert {name: sorted(set(owners.get(name, ["callflow"]))) for name in OURS} == {
        name: ["callflow"] for name in OURS
    }


def test_tests_stay_out_of_what_is_installed() -> None:
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert sorted(pattern.rstrip("*") for pattern in found) == sorted(OURS)
