"""What only the store on disk does: survive, share its file, and say what is wrong with it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Delete, Dialect, Insert
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateTable

from callflow.errors import SettingsError, StorageError
from storage import sql
from storage.ports import Call, StepVisit, Turn
from storage.sql import SqlStore
from storage.tables import UtcTime, metadata

NINE = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
CALL = Call("c1", "1763629200.12", "+380501234533", "100", "inbound", "tyre_shop", "a1", "en", NINE)
DIALECTS: dict[str, Dialect] = {
    name: URL.create(name).get_dialect()() for name in ("sqlite", "postgresql+psycopg")
}
TURN = Turn(1, "caller", "winter tyres", "seller", NINE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made on the way" / "calls.db"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqlStore]:
    made = SqlStore(f"sqlite:///{file}")
    yield made
    await made.close()


def query(file: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask the file as another program would."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


async def test_what_was_awaited_is_there_for_another_program_while_we_go_on(
    store: SqlStore, file: Path
) -> None:
    await store.open_call(CALL)
    await store.add_turn("c1", TURN)
    assert query(file, "select text from call_turns") == [("winter tyres",)]
    await store.add_turn("c1", replace(TURN, number=2, text="205/55 R16"))
    assert query(file, "select count(*) from call_turns") == [(2,)]
    assert query(file, "pragma journal_mode") == [("wal",)]


async def test_ukrainian_words_are_readable_in_the_file(store: SqlStore, file: Path) -> None:
    await store.open_call(replace(CALL, slots={"season": "зимові"}))
    assert query(file, "select slots from calls") == [('{"season": "зимові"}',)]


async def test_the_schema_has_its_version_and_the_promised_indexes(store: SqlStore, file: Path) -> None:
    await store.recent()
    assert query(file, "select version from schema_version") == [(1,)]
    named = {name for (name,) in query(file, "select name from sqlite_master where type = 'index'")}
    assert {"idx_calls_caller_id", "idx_calls_started_at", "idx_call_turns_call_id"} <= named


async def test_records_are_not_for_everybody_on_the_machine(store: SqlStore, file: Path) -> None:
    await store.open_call(CALL)
    for name in (f"{file}", f"{file}-wal"):
        assert stat.S_IMODE(os.stat(name).st_mode) & 0o007 == 0


async def test_a_store_opened_again_finds_what_was_there(file: Path) -> None:
    for number in (1, 2):
        store = SqlStore(f"sqlite:///{file}")
        await store.open_call(CALL)
        await store.add_turn("c1", replace(TURN, number=number))
        await store.close()
    assert query(file, "select count(*) from call_turns") == [(2,)]


WRITER = """
import asyncio, sys
from storage.sql import SqlStore
sys.path.insert(0, sys.argv[2])
from test_sql import CALL, TURN

async def main():
    store = SqlStore(sys.argv[1])
    await store.open_call(CALL)
    await store.add_turn("c1", TURN)
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def write_and_die(file: Path) -> None:
    """Another process writes a call and is killed the moment it has awaited its writes."""
    arguments = [sys.executable, "-c", WRITER, f"sqlite:///{file}", str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()


async def test_a_killed_process_keeps_every_write_it_awaited(file: Path) -> None:
    await asyncio.to_thread(write_and_die, file)
    reader = SqlStore(f"sqlite:///{file}", read_only=True)
    assert await reader.get("c1") == replace(CALL, turns=(TURN,))
    await reader.close()


async def test_a_reader_reads_while_the_writer_writes_and_cannot_write(store: SqlStore, file: Path) -> None:
    await store.open_call(CALL)
    reader = SqlStore(f"sqlite:///{file}", read_only=True)
    assert await reader.recent() == (CALL,)
    await store.update_call("c1", disposition="ordered")
    assert await reader.recent() == (replace(CALL, disposition="ordered"),)
    with pytest.raises(StorageError, match="cannot be written: attempt to write a readonly database"):
        await reader.add_turn("c1", TURN)
    await reader.close()


async def test_a_reader_makes_no_file(file: Path) -> None:
    reader = SqlStore(f"sqlite:///{file}", read_only=True)
    with pytest.raises(StorageError, match=f"no call records at {file}: start Callflow first"):
        await reader.recent()
    await reader.close()
    assert not file.parent.exists()


async def test_the_event_loop_goes_on_while_a_write_waits_for_its_turn(store: SqlStore) -> None:
    await store.open_call(CALL)
    release = threading.Event()
    slow = asyncio.ensure_future(store._database.write(lambda _: release.wait()))
    turn = asyncio.ensure_future(store.add_turn("c1", TURN))
    assert await store.get("c1") == CALL  # reading does not queue behind the writer
    assert not turn.done()
    release.set()
    assert await slow
    await turn
    assert await store.get("c1") == replace(CALL, turns=(TURN,))


async def test_a_write_whose_caller_was_cancelled_is_still_made(store: SqlStore) -> None:
    await store.open_call(CALL)
    release = threading.Event()
    slow = asyncio.ensure_future(store._database.write(lambda _: release.wait()))
    turn = asyncio.ensure_future(store.add_turn("c1", TURN))
    await asyncio.sleep(0)  # one turn of the loop: both writes are queued
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    release.set()
    await slow
    await store.add_step("c1", StepVisit("seller", "ok", NINE))  # behind the cancelled one in the queue
    found = await store.get("c1")
    assert found is not None
    assert found.turns == (TURN,)


async def test_closing_waits_for_what_is_queued(store: SqlStore, file: Path) -> None:
    await store.open_call(CALL)
    turns = [asyncio.ensure_future(store.add_turn("c1", replace(TURN, number=n))) for n in range(1, 21)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*turns)
    assert query(file, "select count(*) from call_turns") == [(20,)]


async def test_a_closed_store_says_so(store: SqlStore) -> None:
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.recent()


async def test_a_failed_write_leaves_nothing_half_done(store: SqlStore, file: Path) -> None:
    await store.open_call(CALL)
    await store.add_turn("c1", TURN)

    def half(connection: Connection) -> None:
        connection.exec_driver_sql("delete from call_turns")
        connection.exec_driver_sql("insert into nowhere values (1)")

    with pytest.raises(StorageError, match="no such table: nowhere"):
        await store._database.write(half)
    assert query(file, "select count(*) from call_turns") == [(1,)]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear customer, " * 100)
    store = SqlStore(f"sqlite:///{file}")
    with pytest.raises(StorageError, match=r"letter\.txt cannot be written: file is not a database"):
        await store.open_call(CALL)
    await store.close()


async def test_a_directory_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where a directory should be")
    store = SqlStore(f"sqlite:///{tmp_path}/var/calls.db")
    with pytest.raises(StorageError, match="check the disk's free space"):
        await store.open_call(CALL)
    (tmp_path / "var").unlink()
    await store.open_call(CALL)
    assert await store.recent() == (CALL,)
    await store.close()


async def test_records_of_another_version_are_left_alone(store: SqlStore, file: Path) -> None:
    await store.recent()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("update schema_version set version = 99")
    for read_only in (False, True):
        other = SqlStore(f"sqlite:///{file}", read_only=read_only)
        with pytest.raises(StorageError, match="schema version 99, this one needs 1"):
            await other.recent()
        await other.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("var/calls.db", "is not a database URL"),
        ("postgresql://me:hunter2@db/calls", "names postgresql, which this version does not serve"),
    ],
)
def test_a_database_we_cannot_use_is_a_setting_to_correct(url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"DATABASE_URL {problem}: write sqlite:///PATH") as caught:
        SqlStore(url)
    assert "hunter2" not in str(caught.value)


def test_a_time_without_a_zone_is_refused_at_the_door() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcTime().process_bind_param(dt.datetime(2026, 11, 20), DIALECTS["sqlite"])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "statement", [sql._insert_call, sql._insert_step, *sql._replace_turn, *sql._replace_tool_call]
)
def test_every_write_is_a_statement_of_both_databases(statement: Insert | Delete, dialect: str) -> None:
    assert "new_call_id" in statement.compile(dialect=DIALECTS[dialect]).params


def test_in_postgresql_every_table_of_a_call_is_cut_by_a_time_of_its_key() -> None:
    for table in metadata.sorted_tables:
        if table.name == "schema_version":
            continue
        made = str(CreateTable(table).compile(dialect=DIALECTS["postgresql+psycopg"]))
        time = "started_at" if table.name == "calls" else "created_at"
        assert f"PARTITION BY RANGE ({time})" in made
        assert time in {column.name for column in table.primary_key}
        assert not table.foreign_keys
