"""Logs: one JSON line an event, from our code and from libraries alike."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ari_app.logs import FLOORS, bind_call, configure_logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Logs go here; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in FLOORS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_has_its_time_level_part_and_facts(out: io.StringIO) -> None:
    configure_logs("info", "json", out)
    structlog.get_logger("media.line").info("call.answered", transport="rtp", took_ms=5.5)
    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call.answered",
        "level": "info",
        "component": "media.line",
        "transport": "rtp",
        "took_ms": 5.5,
    }


def test_a_library_speaks_in_the_same_form(out: io.StringIO) -> None:
    configure_logs("info", "json", out)
    logging.getLogger("aiohttp.client").warning("no answer from %s", "+380501234533")
    (line,) = lines(out)
    assert line["event"] == "no answer from +38050*****33"
    assert (line["level"], line["component"]) == ("warning", "aiohttp.client")


def test_a_logger_without_a_name_is_its_module(out: io.StringIO) -> None:
    configure_logs("info", "json", out)
    structlog.get_logger().info("call.ended")
    assert lines(out)[0]["component"] == __name__


async def test_a_calls_ids_are_on_every_line_of_its_task_and_on_no_other(out: io.StringIO) -> None:
    configure_logs("info", "json", out)

    async def call(number: int) -> None:
        bind_call(f"call-{number}", f"176362920{number}.1", "tyre_shop", "a1")
        await asyncio.sleep(0)  # let the other call bind its own
        structlog.get_logger("x").info("call.answered")
        logging.getLogger("y").info("from a library")

    await asyncio.gather(call(1), call(2))
    structlog.get_logger("x").info("link.up")
    seen = [(line["event"], line.get("call_id")) for line in lines(out)]
    assert sorted(seen[:4]) == [
        ("call.answered", "call-1"),
        ("call.answered", "call-2"),
        ("from a library", "call-1"),
        ("from a library", "call-2"),
    ]
    assert seen[4] == ("link.up", None)
    first = lines(out)[0]
    assert first["channel_id"].endswith(".1")
    assert (first["flow"], first["flow_version"]) == ("tyre_shop", "a1")


def test_callers_words_are_there_at_debug_only(out: io.StringIO) -> None:
    configure_logs("debug", "json", out)
    log = structlog.get_logger("x")
    log.info("caller.said", text="зимові шини")
    log.debug("caller.said", text="зимові шини")
    info, debug = lines(out)
    assert info["text"] == "[11 characters]"
    assert debug["text"] == "зимові шини"
    assert "зимові" in out.getvalue()  # not as \\u escapes


def test_below_the_level_nothing_is_written(out: io.StringIO) -> None:
    configure_logs("warning", "json", out)
    structlog.get_logger("x").info("call.answered")
    logging.getLogger("y").info("hello")
    assert out.getvalue() == ""


def test_machines_and_libraries_stay_quiet_even_at_debug(out: io.StringIO) -> None:
    configure_logs("debug", "json", out)
    logging.getLogger("transitions.core").info("Executed callback")
    logging.getLogger("websockets.client").debug("> Authorization: Basic xyz")
    logging.getLogger("sqlalchemy.engine").info("INSERT …")
    assert out.getvalue() == ""
    logging.getLogger("transitions.core").warning("something is odd")
    assert [line["event"] for line in lines(out)] == ["something is odd"]


def test_an_exception_is_in_the_line_and_masked(out: io.StringIO) -> None:
    configure_logs("info", "json", out)
    try:
        int("to +380501234533")
    except ValueError:
        structlog.get_logger("x").exception("call.failed")
    (line,) = lines(out)
    assert "ValueError: invalid literal" in line["exception"]
    assert "'to +38050*****33'" in line["exception"]
    assert "380501234533" not in line["exception"]
    assert line["level"] == "error"


def test_on_a_terminal_lines_are_for_people(out: io.StringIO) -> None:
    terminal = Terminal()
    configure_logs("info", "auto", terminal)
    structlog.get_logger("x").info("call.answered", caller="+380501234533")
    assert "call.answered" in terminal.getvalue()
    assert "+38050*****33" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_elsewhere_auto_is_json(out: io.StringIO) -> None:
    configure_logs("info", "auto", out)
    structlog.get_logger("x").info("call.answered")
    assert lines(out)[0]["event"] == "call.answered"


def test_configuring_again_writes_each_line_once(out: io.StringIO) -> None:
    configure_logs("info", "json", io.StringIO())
    configure_logs("info", "json", out)
    logging.getLogger("y").warning("once")
    assert len(lines(out)) == 1
