"""The command `callflow`, as someone at a terminal uses it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from ari_app.cli import app
from ari_app.settings import Settings
from callflow.errors import AriRefused, SettingsError
from storage.ports import Call, StepVisit, ToolCall, Turn
from storage.sql import SqlStore

NINE = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
CALL = Call(
    call_id="7d9f0000-0000-4000-8000-000000000001",
    channel_id="1763629200.12",
    caller="+380501234533",
    called="100",
    direction="inbound",
    flow="tyre_shop",
    flow_version="a1b2c3",
    language="en",
    started_at=NINE,
    answered_at=NINE + dt.timedelta(seconds=0.5),
    ended_at=NINE + dt.timedelta(seconds=75),
    disposition="ordered",
    last_step="seller",
    transport="rtp",
    recording="var/recordings/7d9f.wav",
    summary="Wants four winter tyres.",
    slots={"season": "winter"},
)
TURNS = (
    Turn(1, "agent", "Good day, Shyna Plus.", "greeting", NINE + dt.timedelta(seconds=1)),
    Turn(2, "caller", "winter [bold]tyres\x1b[31m", "seller", NINE + dt.timedelta(seconds=4)),
    Turn(3, "agent", "Which size?", "seller", NINE + dt.timedelta(seconds=6.2), True, {"words": 120.4}),
)
TOOL = ToolCall(1, "search_tyres", {"season": "winter"}, "the shop is away", False, 12.6, NINE)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no setting in the environment but the database."""
    monkeypatch.chdir(tmp_path)
    for doc in Settings.describe():
        monkeypatch.delenv(doc.name, raising=False)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/calls.db")
    return tmp_path


@pytest.fixture
def records(here: Path) -> Path:
    """A directory with recorded calls."""
    asyncio.run(_record(here))
    return here


async def _record(directory: Path) -> None:
    store = SqlStore(f"sqlite:///{directory}/calls.db")
    await store.open_call(CALL)
    for turn in TURNS:
        await store.add_turn(CALL.call_id, turn)
    await store.add_step(CALL.call_id, StepVisit("seller", "open", NINE))
    await store.add_tool_call(CALL.call_id, TOOL)
    later = NINE + dt.timedelta(hours=1)
    running = replace(CALL, started_at=later, ended_at=None, disposition=None)
    for call_id in ("7d9f0000-1111-4000-8000-000000000002", "other"):
        await store.open_call(replace(running, call_id=call_id))
    await store.close()


def callflow(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_help_names_every_command() -> None:
    shown = callflow("--help")
    assert shown.exit_code == 0
    for command in ("run", "calls", "call", "settings", "version"):
        assert f" {command} " in shown.stdout


def test_version_is_the_installed_one() -> None:
    assert callflow("version").stdout == "callflow 0.1.0\n"


def test_calls_are_listed_newest_first_by_what_tells_them_apart(records: Path) -> None:
    shown = callflow("calls")
    assert (shown.exit_code, shown.stderr) == (0, "")
    lines = [line.split("  ") for line in shown.stdout.splitlines()]
    assert [line[0].strip() for line in lines] == ["id", "other", "7d9f0000-1", "7d9f0000-0"]
    assert "(going on)" in shown.stdout.splitlines()[1]
    started = NINE.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    for fact in (started, "+380501234533", "tyre_shop", "ordered", "1:15"):
        assert fact in shown.stdout.splitlines()[3]


def test_calls_can_be_limited_and_be_json(records: Path) -> None:
    found = json.loads(callflow("calls", "--limit", "1", "--json").stdout)
    assert [call["call_id"] for call in found] == ["other"]
    assert found[0]["started_at"] == "2026-11-20T10:00:00+00:00"
    assert "turns" not in found[0]


def test_no_calls_yet_is_said(here: Path) -> None:
    async def make() -> None:
        store = SqlStore(f"sqlite:///{here}/calls.db")
        await store.recent()
        await store.close()

    asyncio.run(make())
    assert callflow("calls").stdout == "No calls yet.\n"
    assert callflow("calls", "--json").stdout == "[]\n"


def test_one_call_is_shown_with_all_that_happened(records: Path) -> None:
    shown = callflow("call", "show", CALL.call_id)
    assert (shown.exit_code, shown.stderr) == (0, "")
    facts = {line.split("  ")[0]: line for line in shown.stdout.splitlines()}
    assert "+380501234533 → 100 (inbound)" in facts["caller"]
    assert "+0.5 s" in facts["answered"]
    assert "1:15" in facts["lasted"]
    assert "ordered" in facts["ended by"]
    assert "var/recordings/7d9f.wav" in facts["recording"]
    assert "season: winter" in facts["answers"]
    assert "Which size? —(interrupted)" in facts["+6.2 s"]
    assert "words 120" in facts["+6.2 s"]
    assert "failed: the shop is away" in shown.stdout
    assert "13 ms" in shown.stdout
    assert "because of" in shown.stdout


def test_what_callers_say_cannot_drive_the_terminal(records: Path) -> None:
    shown = callflow("call", "show", CALL.call_id).stdout
    assert "winter [bold]tyres [31m" in shown
    assert "\x1b" not in shown


def test_a_unique_beginning_is_enough(records: Path) -> None:
    shown = json.loads(callflow("call", "show", "7d9f0000-0", "--json").stdout)
    assert shown["call_id"] == CALL.call_id
    assert [turn["text"] for turn in shown["turns"]] == [turn.text for turn in TURNS]
    assert shown["turns"][2]["latency_ms"] == {"words": 120.4}
    assert shown["steps"][0]["step"] == "seller"
    assert shown["tool_calls"][0]["ok"] is False


def test_a_beginning_of_several_is_told(records: Path) -> None:
    shown = callflow("call", "show", "7d9f")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr.startswith('Several calls begin with "7d9f", such as 7d9f0000-1111')


def test_an_unknown_id_is_told(records: Path) -> None:
    shown = callflow("call", "show", "nobody")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == 'No call has the id "nobody": `callflow calls` lists the newest.\n'


def test_no_records_is_a_sentence_and_makes_no_file(here: Path) -> None:
    shown = callflow("calls")
    assert shown.exit_code == 1
    assert shown.stderr.startswith(f"there are no call records at {here}/calls.db: start Callflow first")
    assert list(here.iterdir()) == []


def test_a_wrong_setting_is_a_sentence_and_exit_code_2(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    shown = callflow("calls")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("DATABASE_URL names mysql")
    monkeypatch.setenv("DATABASE_URI", "x")
    assert "did you mean DATABASE_URL?" in callflow("calls").stderr


@pytest.mark.parametrize(
    "arguments", [["dance"], ["calls", "--limit", "0"], ["call", "show"], ["calls", "--what"]]
)
def test_wrong_usage_is_exit_code_2(here: Path, arguments: list[str]) -> None:
    assert callflow(*arguments).exit_code == 2


def test_settings_are_checked(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = callflow("settings")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr.startswith("ARI_PASSWORD is not set")
    monkeypatch.setenv("ARI_PASSWORD", "x")
    assert callflow("settings").stdout == "The settings are in order.\n"


def test_the_page_of_settings_is_printed(here: Path) -> None:
    assert callflow("settings", "--markdown").stdout.startswith("# Settings\n")


def test_run_starts_the_controller_with_the_settings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Settings] = []
    monkeypatch.setitem(sys.modules, "ari_app.main", SimpleNamespace(run=started.append))
    monkeypatch.setattr("ari_app.cli.run.configure_logs", lambda level, form: None)
    monkeypatch.setenv("ARI_PASSWORD", "x")
    monkeypatch.setenv("HTTP_PORT", "8181")
    assert callflow("run").exit_code == 0
    assert [settings.http_port for settings in started] == [8181]


@pytest.mark.parametrize(
    ("error", "code"),
    [(AriRefused("Asterisk does not know this password"), 1), (SettingsError("no such flow"), 2)],
)
def test_what_keeps_the_controller_from_starting_is_a_sentence(
    here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def run(_: Settings) -> None:
        raise error

    monkeypatch.setitem(sys.modules, "ari_app.main", SimpleNamespace(run=run))
    monkeypatch.setattr("ari_app.cli.run.configure_logs", lambda level, form: None)
    monkeypatch.setenv("ARI_PASSWORD", "x")
    shown = callflow("run")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (code, "", f"{error}\n")


def test_without_settings_nothing_is_started(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Settings] = []
    monkeypatch.setitem(sys.modules, "ari_app.main", SimpleNamespace(run=started.append))
    assert callflow("run").exit_code == 2
    assert started == []
