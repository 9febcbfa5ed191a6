"""Calls in a database, through statements that SQLite and PostgreSQL both understand.

Rule 1: a call is found by its id; its other rows are written only if the call is there.
Rule 2: a row that comes again replaces the old one: deleted and inserted in one transaction, since a primary
        key with a time in it would not notice the second.
Rule 3: a transaction begins with its write, so it never waits for a lock with an old view of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    RowMapping,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from callflow.errors import StorageError
from storage.database import Database
from storage.ports import UPDATABLE, Call, StepVisit, ToolCall, Turn
from storage.tables import call_steps, call_tool_calls, call_turns, calls

T = TypeVar("T")
Values = dict[str, Any]

_COLUMNS = {"at": "created_at", "caller": "caller_id"}
"""Fields whose column has another name."""

_NEWEST = (calls.c.started_at.desc(), calls.c.call_id.desc())


def _new(table: Table, column: str) -> ColumnElement[Any]:
    return bindparam(f"new_{column}", type_=table.c[column].type)


def _insert(table: Table, where: ColumnElement[bool], **computed: ColumnElement[Any]) -> Insert:
    """Insert one row if `where` holds; each column is a parameter `new_<column>` or computed."""
    names = [column.name for column in table.columns]
    row = select(*(computed.get(name, _new(table, name)) for name in names)).where(where)
    return insert(table).from_select(names, row).execution_options(preserve_rowcount=True)


_known = exists().where(calls.c.call_id == bindparam("new_call_id"))
_next_step = (
    select(func.coalesce(func.max(call_steps.c.number), 0) + 1)
    .where(call_steps.c.call_id == bindparam("new_call_id"))
    .scalar_subquery()
)
_insert_call = _insert(calls, ~_known)
_insert_step = _insert(call_steps, _known, number=_next_step)


def _replacement(table: Table) -> tuple[Delete, Insert]:
    old = delete(table).where(
        table.c.call_id == bindparam("new_call_id"), table.c.number == bindparam("new_number")
    )
    return old, _insert(table, _known)


_replace_turn = _replacement(call_turns)
_replace_tool_call = _replacement(call_tool_calls)


class SqlStore:
    """The calls in the database at `url`; fulfils `CallStore`. See `Database` for threads and files."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._database = Database(url, read_only=read_only)

    async def open_call(self, call: Call) -> None:
        """Store a new call; see `CallStore`."""
        row = _row(call, call.call_id)
        await self._database.write(lambda connection: connection.execute(_insert_call, row))

    async def update_call(self, call_id: str, **fields: object) -> None:
        """Set fields of a call; see `CallStore`."""
        if unknown := fields.keys() - UPDATABLE:
            raise TypeError(f"update_call cannot set {', '.join(sorted(unknown))}")
        if not fields:
            return
        values = {_column(name): _plain(value) for name, value in fields.items()}
        statement = update(calls).where(calls.c.call_id == call_id).values(values)
        await self._database.write(
            lambda connection: _require(connection.execute(statement).rowcount, call_id)
        )

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        """Append or replace a turn; see `CallStore`."""
        await self._replace(_replace_turn, call_id, turn)

    async def add_tool_call(self, call_id: str, tool_call: ToolCall) -> None:
        """Append or replace a use of a tool; see `CallStore`."""
        await self._replace(_replace_tool_call, call_id, tool_call)

    async def add_step(self, call_id: str, visit: StepVisit) -> None:
        """Append a visit of a step; see `CallStore`."""
        row = _row(visit, call_id)
        await self._database.write(
            lambda connection: _require(connection.execute(_insert_step, row).rowcount, call_id)
        )

    async def get(self, call_id: str) -> Call | None:
        """One call with everything, or None."""
        return await self._database.read(lambda connection: _get(connection, call_id))

    async def recent(self, limit: int = 20) -> Sequence[Call]:
        """The newest calls first, without turns."""
        newest = select(calls).order_by(*_NEWEST).limit(limit)
        return await self._database.read(lambda connection: _all(connection, newest, Call))

    async def ids(self, prefix: str, limit: int = 10) -> Sequence[str]:
        """The ids that begin with `prefix`, newest call first."""
        # LIKE would not do: SQLite's ignores case.
        begins = func.substr(calls.c.call_id, 1, len(prefix)) == prefix
        newest = select(calls.c.call_id).where(begins).order_by(*_NEWEST).limit(limit)
        return await self._database.read(lambda connection: tuple(connection.scalars(newest)))

    async def close(self) -> None:
        """Let pending writes finish and close the file. Safe to call twice."""
        await self._database.close()

    async def _replace(
        self, replacement: tuple[Delete, Insert], call_id: str, record: Turn | ToolCall
    ) -> None:
        row = _row(record, call_id)
        old, new = replacement

        def work(connection: Connection) -> None:
            connection.execute(old, row)
            _require(connection.execute(new, row).rowcount, call_id)

        await self._database.write(work)


def _column(field: str) -> str:
    return _COLUMNS.get(field, field)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _row(record: Call | Turn | ToolCall | StepVisit, call_id: str) -> Values:
    """The parameters of `_insert` for a record."""
    values = {f"new_{_column(f.name)}": _plain(getattr(record, f.name)) for f in fields(record)}
    return {**values, "new_call_id": call_id}


def _record(kind: type[T], row: RowMapping) -> T:
    names = {f.name: _column(f.name) for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: row[column] for name, column in names.items() if column in row})


def _all(connection: Connection, query: Select[Any], kind: type[T]) -> tuple[T, ...]:
    return tuple(_record(kind, row) for row in connection.execute(query).mappings())


def _get(connection: Connection, call_id: str) -> Call | None:
    row = connection.execute(select(calls).where(calls.c.call_id == call_id)).mappings().first()
    if row is None:
        return None

    def of_call(table: Table, kind: type[T]) -> tuple[T, ...]:
        query = select(table).where(table.c.call_id == call_id).order_by(table.c.number)
        return _all(connection, query, kind)

    return replace(
        _record(Call, row),
        turns=of_call(call_turns, Turn),
        tool_calls=of_call(call_tool_calls, ToolCall),
        steps=of_call(call_steps, StepVisit),
    )


def _require(rowcount: int, call_id: str) -> None:
    if not rowcount:
        raise StorageError(f"call {call_id} is not in the records: open it before writing to it")
