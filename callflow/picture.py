"""The page docs/machine.md, made from the table of the machine: `python -m callflow.picture` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from callflow.table import FACTS, MOVES, TALKING, State

CONDITIONS = {
    ("conditions", "had_floor"): "the caller has had the floor",
    ("unless", "had_floor"): "not yet",
}
"""What the machine asks before a move, in words."""

HEAD = """# The machine of a call

<!-- Made from callflow/table.py by `make docs`; do not edit by hand. -->

A **move** (a hexagon) is a decision, and only a move changes the state. An arrow from the frame comes
from each state in it.

{moves}

A **fact** is an event from the world; it changes nothing by itself. In a state without a dot it is late or
wrong: it is counted and changes nothing. What a fact leads to is in `callflow/machine.py`, in the method of
its name (`KeyPressed`: `on_key_pressed`).

{facts}
"""


def page() -> str:
    """The whole page, as Markdown."""
    return HEAD.format(moves=moves_picture(), facts=facts_table())


def moves_picture() -> str:
    """The moves as a Mermaid flowchart: states, the moves between them, a conversation framed."""
    lines = ["```mermaid", "flowchart LR", *_states(), *_edges(), "```"]
    return "\n".join(lines)


def facts_table() -> str:
    """Which fact may happen in which state, as a Markdown table."""
    heads = ["fact", *(str(state) for state in State)]
    rows = [
        [f"`{event.__name__}`", *("●" if state in states else "" for state in State)]
        for event, states in FACTS.items()
    ]
    return "\n".join([_row(heads), _row(["---", *([":-:"] * len(State))]), *map(_row, rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _states() -> Iterable[str]:
    outside = [state for state in State if state not in TALKING]
    yield "  subgraph talking [the conversation]"
    yield from (f"    {state}([{state}])" for state in TALKING)
    yield "  end"
    yield from (f"  {state}([{state}])" for state in outside)


def _edges() -> Iterable[str]:
    """Each trigger once, as a node between where it may come from and where it leads."""
    triggers = dict.fromkeys(move["trigger"] for move in MOVES)
    for trigger in triggers:
        moves = [move for move in MOVES if move["trigger"] == trigger]
        sources = _framed([state for state in State if any(state in move["source"] for move in moves)])
        # `end` is a word of Mermaid's: hence the prefix and the quotes
        yield f'  {" & ".join(sources)} --> to_{trigger}{{{{"{trigger}"}}}}'
        yield from (f"  to_{trigger} -->{_label(move)} {move['dest']}" for move in moves)


def _framed(sources: Sequence[State]) -> list[str]:
    """The sources, with the conversation's frame in place of all the states in it."""
    if not set(TALKING) <= set(sources):
        return [str(state) for state in sources]
    return ["talking", *(str(state) for state in sources if state not in TALKING)]


def _label(move: dict[str, Any]) -> str:
    words = [text for (key, name), text in CONDITIONS.items() if move.get(key) == name]
    return f"|{', '.join(words)}|" if words else ""


if __name__ == "__main__":
    sys.stdout.write(page())
