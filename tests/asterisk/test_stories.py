"""The demo's five stories, each a real call with the embedded engines; all at the same time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from asterisk.lab.demo import play
from asterisk.lab.story import STORIES

pytestmark = pytest.mark.timeout(240)  # the longest call of the five is a minute

Outcomes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stories")


@pytest.fixture(scope="module")
def outcomes(directory: Path) -> Outcomes:
    """What the demo's last line would say of each story."""

    async def played() -> Outcomes:
        for name in STORIES:
            (directory / name).mkdir()
        done = await asyncio.gather(*(play(story, directory / name) for name, story in STORIES.items()))
        return dict(zip(STORIES, done, strict=True))

    return asyncio.run(played())


@pytest.mark.parametrize("name", STORIES)
def test_a_story_comes_to_its_end(outcomes: Outcomes, name: str) -> None:
    assert outcomes[name]["ok"], outcomes[name]
    assert outcomes[name]["end"] == STORIES[name].end


@pytest.mark.parametrize("name", STORIES)
def test_its_call_is_kept_as_record_and_as_sound(outcomes: Outcomes, directory: Path, name: str) -> None:
    record = json.loads((directory / name / "call.json").read_text())
    assert record["call_id"] == outcomes[name]["call_id"]
    assert record["summary"]
    assert record["steps"][0]["step"] == "opening"
    assert Path(outcomes[name]["recording"]).stat().st_size > 100_000
    assert (directory / name / "telephone.wav").stat().st_size > 100_000


def test_the_order_was_answered_within_the_hangover_and_little_more(outcomes: Outcomes) -> None:
    waits = outcomes["order"]["caller_heard_ms"]
    assert waits["p50"] < 2000, "the seed's bound for an answer"
