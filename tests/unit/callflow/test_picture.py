"""The picture is of the machine that runs, and the page in docs/ is the picture."""

from __future__ import annotations

import re
from pathlib import Path

from callflow.picture import facts_table, moves_picture, page
from callflow.table import FACTS, MOVES, TALKING, State

PAGE = Path(__file__).parents[3] / "docs" / "machine.md"


def test_the_page_in_docs_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_move_comes_from_and_leads_where_the_table_says() -> None:
    told: set[tuple[str, str, str]] = set()
    for left, trigger in re.findall(r"^  (\S.*) --> to_(\w+)\{", moves_picture(), re.MULTILINE):
        inside = [str(state) for state in TALKING] if "talking" in left.split(" & ") else []
        sources = [*inside, *(name for name in left.split(" & ") if name != "talking")]
        dests = re.findall(rf"^  to_{trigger} -->(?:\|.*\|)? (\w+)$", moves_picture(), re.MULTILINE)
        told |= {(source, trigger, dest) for source in sources for dest in dests}
    assert told == {(str(s), move["trigger"], str(move["dest"])) for move in MOVES for s in move["source"]}


def test_what_a_move_asks_first_is_on_its_arrow() -> None:
    asked = [move for move in MOVES if move.keys() & {"conditions", "unless"}]
    assert len(re.findall(r"-->\|[^|]+\| ", moves_picture())) == len(asked)


def test_every_state_is_drawn_once() -> None:
    drawn = re.findall(r"^ +(\w+)\(\[", moves_picture(), re.MULTILINE)
    assert sorted(drawn) == sorted(State)


def test_the_table_of_facts_has_a_dot_where_a_fact_may_happen() -> None:
    rows = facts_table().splitlines()[2:]
    dots = {row.split("`")[1]: [cell.strip() == "●" for cell in row.split("|")[2:-1]] for row in rows}
    assert dots == {event.__name__: [state in states for state in State] for event, states in FACTS.items()}
