"""`callflow calls` and `callflow call show`: the records, as a table, a page, or JSON."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ari_app.cli import paper
from ari_app.cli.frame import fail
from ari_app.settings import RecordSettings
from storage.ports import Call
from storage.sql import SqlStore

Json = Annotated[bool, typer.Option("--json", help="Print JSON, times in UTC.")]


def calls(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest calls."""
    found = asyncio.run(_recent(limit))
    if as_json:
        _print_json([_brief(call) for call in found])
    else:
        paper.print_calls(found)


def show(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or how it begins.")],
    as_json: Json = False,
) -> None:
    """Show one call: what was said and when, the steps, the tools, how it ended."""
    call = asyncio.run(_one(call_id))
    if as_json:
        _print_json(asdict(call))
    else:
        paper.print_call(call)


async def _recent(limit: int) -> Sequence[Call]:
    store = _store()
    try:
        return await store.recent(limit)
    finally:
        await store.close()


async def _one(start: str) -> Call:
    store = _store()
    try:
        exact = await store.get(start)
        return exact or await _only(store, start)
    finally:
        await store.close()


async def _only(store: SqlStore, start: str) -> Call:
    """The one call whose id begins so."""
    ids = await store.ids(start, limit=3)
    if len(ids) > 1:
        fail(f'Several calls begin with "{start}", such as {ids[0]} and {ids[1]}: write more of the id.')
    call = await store.get(ids[0]) if ids else None
    if call is None:
        fail(f'No call has the id "{start}": `callflow calls` lists the newest.')
    return call


def _store() -> SqlStore:
    return SqlStore(RecordSettings.load().database_url.get_secret_value(), read_only=True)


def _brief(call: Call) -> dict[str, Any]:
    full = asdict(call)
    return {name: full[name] for name in full if name not in ("turns", "tool_calls", "steps")}


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_iso))


def _iso(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
