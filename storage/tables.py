"""The tables of call records, as SQLite has them today and PostgreSQL will have them by month.

Rule 1: every primary key holds the table's time column, so that PostgreSQL can partition by it
        (`calls` by `started_at`, the others by `created_at`).
Rule 2: no foreign keys: a partition is dropped whole, and a key into a partitioned table needs its time.
Rule 3: all times are UTC.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB

VERSION = 1
"""The version of this schema, kept in the table `schema_version`."""

metadata = MetaData()


class UtcTime(TypeDecorator[dt.datetime]):
    """An aware UTC datetime; where the database has no time zones (SQLite) it is stored as UTC text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """To UTC. A naive datetime is a `ValueError`: its moment is unknown."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: record times with datetime.now(UTC)")
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Back to an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


_json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

calls = Table(
    "calls",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("started_at", UtcTime, primary_key=True),
    Column("channel_id", String, nullable=False),
    Column("caller_id", String, nullable=False),
    Column("called", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("flow", String, nullable=False),
    Column("flow_version", String, nullable=False),
    Column("language", String, nullable=False),
    Column("answered_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("disposition", String),
    Column("last_step", String),
    Column("transport", String),
    Column("recording", String),
    Column("summary", Text),
    Column("slots", _json, nullable=False),
    Column("ignored_events", Integer, nullable=False),
    Index("idx_calls_caller_id", "caller_id"),
    Index("idx_calls_started_at", "started_at"),
    postgresql_partition_by="RANGE (started_at)",
)

call_turns = Table(
    "call_turns",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("created_at", UtcTime, primary_key=True),
    Column("speaker", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("step", String, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("latency_ms", _json, nullable=False),
    Index("idx_call_turns_call_id", "call_id"),
    postgresql_partition_by="RANGE (created_at)",
)

call_tool_calls = Table(
    "call_tool_calls",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("created_at", UtcTime, primary_key=True),
    Column("tool", String, nullable=False),
    Column("arguments", _json, nullable=False),
    Column("result", Text, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("took_ms", Float, nullable=False),
    postgresql_partition_by="RANGE (created_at)",
)

call_steps = Table(
    "call_steps",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("created_at", UtcTime, primary_key=True),
    Column("step", String, nullable=False),
    Column("reason", String, nullable=False),
    postgresql_partition_by="RANGE (created_at)",
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)
