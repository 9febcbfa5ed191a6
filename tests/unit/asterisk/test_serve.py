"""What `make run` reads and refuses before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from asterisk.lab.ports import HOST
from asterisk.lab.serve import Service, Wishes, main
from asterisk.lab.stage import FLOWS, open_all_day
from callflow.errors import SettingsError
from callflow.load import load


def test_without_wishes_the_ports_are_the_usual_ones() -> None:
    wishes = Wishes.read({})
    assert (wishes.sip_port, wishes.ari_port, wishes.shop_port, wishes.hours) == (5060, 8088, 0, "any")


def test_wishes_are_read_by_name() -> None:
    wishes = Wishes.read({"SIP_PORT": "5070", "HOURS": "flow", "PATH": "/bin", "ARI_PORT": ""})
    assert (wishes.sip_port, wishes.ari_port, wishes.hours) == (5070, 8088, "flow")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SIP_PORT": "sip"}, 'SIP_PORT is "sip": write a port'),
        ({"ARI_PORT": "65536"}, 'ARI_PORT is "65536": write a port'),
        ({"HOURS": "never"}, 'HOURS is "never": write any or flow'),
    ],
)
def test_a_wrong_wish_is_a_sentence(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match="^" + said):
        Wishes.read(environ)


def test_its_own_names_are_not_taken_for_mistakes_in_the_settings() -> None:
    assert Service({"ARI_PORT": "8089", "HTTP_PORT": "8181"}).http_port == 8181
    with pytest.raises(SettingsError, match="did you mean"):
        Service({"HTTP_PROT": "8181"})


def test_a_port_in_use_is_named_with_what_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        monkeypatch.setenv("SIP_PORT", str(port))
        assert main() == 2
    told = capsys.readouterr().err
    assert told == f"run: SIP_PORT is {port}, which cannot be taken (Address already in use): " + (
        "make run SIP_PORT=ANOTHER\n"
    )


def test_doors_that_are_always_open_change_nothing_else() -> None:
    flow = FLOWS / "tyre_shop.yaml"
    as_written, opened = load(flow.read_text(encoding="utf-8")).flow, load(open_all_day(flow)).flow
    assert opened.hours != as_written.hours
    assert opened.model_copy(update={"hours": as_written.hours}) == as_written


def test_a_flow_without_hours_stays_as_it_is(tmp_path: Path) -> None:
    flow = tmp_path / "plain.yaml"
    flow.write_text("flow: plain\nsteps:\n  hello:\n    say: Hours do not count.\n", encoding="utf-8")
    assert open_all_day(flow) == flow.read_text(encoding="utf-8")
