"""What the pages point to is there: files, headings, commands of make, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ari_app.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("asterisk/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def named(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes links of them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = [
        f"{target.name}#{anchor}"
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_every_make_command_is_a_target(page: Path) -> None:
    targets = set(
        re.findall(r"^\.PHONY: (\w+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    text = page.read_text(encoding="utf-8")
    asked = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert asked <= targets


def test_every_decision_is_in_the_index() -> None:
    index = ROOT / "docs" / "decisions" / "README.md"
    listed = {target.name for target, _ in links(index)}
    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= listed


def test_every_setting_that_a_page_sets_exists() -> None:
    known = {doc.name for doc in Settings.describe()}
    secrets = {f"{doc.name}_FILE" for doc in Settings.describe() if doc.secret}
    for page in ("connect-your-asterisk.md", "run-it.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        said = set(
            re.findall(r"\b((?:ARI|RTP|AUDIOSOCKET|DATABASE|HTTP|LOG|MEDIA|DRAIN|QUEUES)_[A-Z_]+)\b", text)
        )
        assert said <= known | secrets, page
