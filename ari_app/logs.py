"""Logs: one line an event, to stdout, JSON unless a terminal; everything that logs goes the same way.

Log with `structlog.get_logger(__name__)` and event names like `call.answered`; the facts are key words.

| level | what |
|---|---|
| error | a part of the product is lost, or a defect: someone must act |
| warning | a call suffered, or something was tried again |
| info | `call.*`: one line at arrival, answer, transfer, end |
| debug | every event and effect, and callers' words |
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from ari_app.masking import mask_fields

FLOORS = {
    "transitions": logging.WARNING,  # one line per transition otherwise
    "websockets": logging.INFO,  # prints headers with passwords at DEBUG
    "aiohttp": logging.INFO,
    "asyncio": logging.INFO,
    "sqlalchemy": logging.WARNING,  # prints statements with what was said
    "uvicorn": logging.WARNING,
}
"""Loggers of others, and the lowest level at which they may speak."""


def configure_logs(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (stdout). `form` is `auto`, `json` or `console`.

    May be called again; the last call counts.
    """
    out = sys.stdout if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(console=form == "console" or (form == "auto" and out.isatty()), out=out))
    root = logging.getLogger()
    for old in [
        each for each in root.handlers if isinstance(each.formatter, structlog.stdlib.ProcessorFormatter)
    ]:
        root.removeHandler(old)
    root.addHandler(handler)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(threshold)
    for name, floor in FLOORS.items():
        logging.getLogger(name).setLevel(max(threshold, floor))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def bind_call(call_id: str, channel_id: str, flow: str, flow_version: str) -> None:
    """Put these on every later line of this task, and of tasks it starts."""
    structlog.contextvars.bind_contextvars(
        call_id=call_id, channel_id=channel_id, flow=flow, flow_version=flow_version
    )


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _add_component,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]


def _formatter(*, console: bool, out: TextIO) -> structlog.stdlib.ProcessorFormatter:
    show: Processor
    if console:
        show = structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        show = structlog.processors.JSONRenderer(serializer=partial(json.dumps, ensure_ascii=False))
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _mask,
            show,
        ],
    )


def _add_component(
    logger: logging.Logger | None, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The part of the product that speaks: its module."""
    record = line.get("_record")
    line["component"] = record.name if record is not None else getattr(logger, "name", None) or "callflow"
    return line


def _mask(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return mask_fields(line, spoken=line.get("level") == "debug")
