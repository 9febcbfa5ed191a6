"""The lab itself: private Asterisks that start, stand beside each other, die and come back."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from asterisk.lab import directory, render
from asterisk.lab.installation import LabError, find
from asterisk.lab.instance import Lab
from asterisk.lab.ports import free_port
from asterisk.lab.sipp import phone, place_calls


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "tone.wav"
    subprocess.run(
        ["sox", "-n", "-r", "16000", "-c", "1", str(path), "synth", "2", "sine", "440"], check=True
    )
    return path


def test_it_serves_ari_and_the_console(lab: Lab) -> None:
    assert int(lab.version.split(".")[0]) >= 20
    assert lab.version in lab.cli("core show version")
    assert "callflow" in lab.cli("ari show users")
    assert str(lab.http_port) in lab.ari_url


def test_ari_refuses_a_wrong_password(lab: Lab) -> None:
    key = base64.b64encode(f"{lab.ari_user}:wrong".encode()).decode()
    request = urllib.request.Request(
        f"{lab.ari_url}/asterisk/info", headers={"Authorization": f"Basic {key}"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    refused.value.close()
    assert refused.value.code == 401


def test_every_module_of_the_list_runs(lab: Lab) -> None:
    listed = re.findall(r"^load = (\S+)", (render.CONFS / "modules.conf").read_text(), re.MULTILINE)
    running = {line.split()[0] for line in lab.cli("module show").splitlines() if " Running " in line}
    assert set(listed) - running == set()
    assert len(listed) > 80


def test_the_dialplan_is_whole(lab: Lab) -> None:
    contexts = (
        "callflow",
        "transfer-to-operator",
        "callflow-queue",
        "callflow-ring",
        "callflow-summary",
        "callflow-audiosocket",
    )
    for context in contexts:
        assert f"Context '{context}'" in lab.cli(f"dialplan show {context}")
    assert "pbx_config.c: " not in lab.log()


def test_two_stand_side_by_side_twice() -> None:
    for _ in range(2):
        with Lab() as one, Lab() as other:
            assert one.pid != other.pid
            assert {one.sip_port, one.http_port}.isdisjoint({other.sip_port, other.http_port})
            for running in (one, other):
                assert "0 active calls" in running.cli("core show channels")
        assert not one.running
        assert not one.directory.exists()


def test_it_comes_back_after_a_crash_on_the_same_ports() -> None:
    with Lab() as running:
        before, url = running.pid, running.ari_url
        running.kill()
        assert not running.running
        with pytest.raises(LabError, match="not running"):
            _ = running.pid
        running.start()
        assert running.pid != before
        assert running.ari_url == url


def test_fixed_ports_are_kept() -> None:
    sip, http = free_port(), free_port(socket.SOCK_STREAM)
    with Lab(sip_port=sip, http_port=http, ari_password="given") as running:
        assert running.ari_url == f"http://127.0.0.1:{http}/ari"
        assert f"127.0.0.1:{sip}" in running.cli("pjsip show transports")


def test_a_start_that_fails_says_why() -> None:
    broken = Lab(extra={"modules.conf": "require = no_such_module.so"})
    with pytest.raises(LabError, match=r"Asterisk ended while it started: .*no_such_module"), broken:
        pass
    assert not broken.directory.exists()


def test_what_a_dead_process_left_is_swept() -> None:
    die = (
        "import os; from asterisk.lab.instance import Lab\n"
        "lab = Lab(); lab.start(); print(lab.pid, lab.directory, flush=True); os._exit(1)"
    )
    told = subprocess.run([sys.executable, "-c", die], capture_output=True, text=True, timeout=60)
    pid, left = told.stdout.split()
    assert directory.asterisk_pid(Path(left)) == int(pid)
    directory.sweep(find().scratch)
    assert directory.asterisk_pid(Path(left)) == 0
    assert not Path(left).exists()


def test_sweeping_leaves_the_living_alone(lab: Lab) -> None:
    directory.sweep(lab.installation.scratch)
    assert lab.running
    assert lab.cli("core show uptime")


def test_twenty_callers_speak_at_once(lab: Lab, tone: Path) -> None:
    calls = place_calls(lab.sip_port, count=20, rate=20, hold_s=3, speech=tone, extension="100")
    result = calls.wait()
    assert (result.succeeded, result.failed) == (20, 0)


def test_callers_that_are_refused_are_counted_as_failed(lab: Lab) -> None:
    result = place_calls(lab.sip_port, count=2, rate=10, extension="*").wait()
    assert (result.succeeded, result.failed) == (0, 2)
    assert "unexpected message" in result.log


def test_a_call_can_be_recorded_as_said_and_as_heard(tone: Path) -> None:
    port = free_port()
    with Lab(operators={"201": port}, record=True) as running, phone(port, "answers", speech=tone):
        result = place_calls(running.sip_port, hold_s=3, speech=tone).wait()
        assert result.succeeded == 1, result.log
        written = {path.name.split("-")[-1]: path.stat().st_size for path in running.recordings.glob("*.wav")}
    # Two seconds of tone at 8 kHz and 16 bit are 32,000 bytes.
    assert {"said.wav", "heard.wav"} <= written.keys()
    assert written["said.wav"] > 32_000
    assert written["heard.wav"] > 32_000


class TestRender:
    """Filling in the lines that administrators change."""

    @pytest.fixture
    def shipped(self) -> dict[str, str]:
        return render.fill_all({}, {})

    def test_without_values_the_files_are_what_ships(self, shipped: dict[str, str]) -> None:
        assert shipped["ari.conf"] == (render.CONFS / "ari.conf").read_text()

    def test_no_password_ships(self, shipped: dict[str, str]) -> None:
        for text in shipped.values():
            assert not re.search(r"^(password|username|secret)\s*=", text, re.MULTILINE)

    def test_every_file_says_how_to_copy_change_reload_and_verify(self, shipped: dict[str, str]) -> None:
        for name, text in shipped.items():
            header = text.split("\n\n")[0]
            assert header.startswith(f"; Callflow: {name}. "), name
            for word in ("; copy ", "; change ", "; reload ", "; verify "):
                assert word in header, (name, word)

    def test_a_line_that_is_off_is_switched_on(self) -> None:
        assert (
            render.fill(";password = ; CHANGE key: yours", {"key": "x"}) == "password = x ; CHANGE key: yours"
        )

    def test_an_arrow_stays_an_arrow(self) -> None:
        assert render.fill("dir => /a ; CHANGE d", {"d": "/b"}) == "dir => /b ; CHANGE d"

    def test_a_value_without_a_line_is_refused(self) -> None:
        with pytest.raises(KeyError, match="sip-bnid"):
            render.fill_all({"sip-bnid": "127.0.0.1:1"}, {})

    def test_extra_text_is_appended_or_is_a_new_file(self) -> None:
        files = render.fill_all({}, {"extensions.conf": "[more]", "cdr.conf": "[general]"})
        assert files["extensions.conf"].rstrip().endswith("[more]")
        assert "[transfer-to-operator]" in files["extensions.conf"]
        assert files["cdr.conf"].strip() == "[general]"
