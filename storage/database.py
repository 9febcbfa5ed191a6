"""One SQLite file, reached from the event loop without ever blocking it.

Rule 1: every statement runs in a thread: one that writes, one that reads. The writer does its work in the
        order it was asked, one transaction each.
Rule 2: WAL, so that other processes read while we write; `synchronous=NORMAL`: a committed write survives
        the death of the process. A power cut may lose the newest ones and never damages the file.
Rule 3: what the driver or the disk raises leaves here as `StorageError`.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from callflow.errors import SettingsError, StorageError
from storage.tables import VERSION, metadata, schema_version

T = TypeVar("T")

BUSY_S = 5.0
"""How long SQLite waits for another process that is writing."""


class Database:
    """The file behind `url` (`sqlite:///relative.db`, `sqlite:////absolute.db`).

    The file and its tables are made at the first use; with `read_only` they must be there already.
    Raises `SettingsError` for a URL that is not served.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.file = _file(url)
        self._read_only = read_only
        self._engine = _engine(self.file, read_only)
        self._prepared = False
        self._preparing = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="records-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="records-reader")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction, after all writes asked for before. Raises `StorageError`.

        A cancelled caller stops waiting; the write itself is carried out.
        """
        return await self._in(self._writer, work, "written")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which only reads, beside the writer. Raises `StorageError`."""
        return await self._in(self._reader, work, "read")

    async def close(self) -> None:
        """Let pending work finish and close the file. Safe to call twice."""
        for pool in (self._writer, self._reader):
            await asyncio.to_thread(pool.shutdown)
        self._engine.dispose()

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[Connection], T], verb: str) -> T:
        try:
            future = pool.submit(self._run, work, verb)
        except RuntimeError:
            raise StorageError("the call records are closed: this process is ending") from None
        return await asyncio.shield(asyncio.wrap_future(future))

    def _run(self, work: Callable[[Connection], T], verb: str) -> T:
        try:
            self._prepare()
            with self._engine.begin() as connection:
                return work(connection)
        except (DBAPIError, OSError) as error:
            raise StorageError(
                f"the call records in {self.file} cannot be {verb}: {_reason(error)}; "
                "check the disk's free space and the file's permissions"
            ) from error

    def _prepare(self) -> None:
        with self._preparing:
            if self._prepared:
                return
            if self._read_only:
                self._check()
            else:
                self._create()
            self._prepared = True

    def _check(self) -> None:
        if not self.file.exists():
            raise StorageError(
                f"there are no call records at {self.file}: "
                "start Callflow first, or name its database in DATABASE_URL"
            )
        with self._engine.connect() as connection:
            self._compare(connection.scalar(select(schema_version.c.version)))

    def _create(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Callers' numbers and words are inside: the group may read them, others not. WAL copies the mode.
        os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o640))
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # two processes that start at once take turns
            metadata.create_all(connection)
            found = connection.scalar(select(schema_version.c.version))
            if found is None:
                connection.execute(insert(schema_version).values(version=VERSION))
                found = VERSION
            connection.commit()
        self._compare(found)

    def _compare(self, found: int | None) -> None:
        if found != VERSION:
            raise StorageError(
                f"the call records in {self.file} have schema version {found}, this one needs {VERSION}: "
                "run the Callflow that wrote them, or name another file in DATABASE_URL"
            )


def _file(url: str) -> Path:
    # The URL is never shown: it may hold a password.
    write = "write sqlite:///PATH, for example sqlite:///var/callflow.db"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(f"DATABASE_URL is not a database URL: {write}") from None
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError(
            f"DATABASE_URL names {parsed.get_backend_name()}, which this version does not serve: {write}"
        )
    if parsed.database in (None, "", ":memory:"):
        raise SettingsError(f"DATABASE_URL names no file: {write}")
    return Path(str(parsed.database)).absolute()


def _engine(file: Path, read_only: bool) -> Engine:
    mode = "ro" if read_only else "rw"
    url = URL.create("sqlite", database=f"file:{quote(str(file))}", query={"mode": mode, "uri": "true"})
    engine = create_engine(
        url, json_serializer=partial(json.dumps, ensure_ascii=False), connect_args={"timeout": BUSY_S}
    )

    def tune(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    if not read_only:
        event.listen(engine, "connect", tune)
    return engine


def _reason(error: DBAPIError | OSError) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)
