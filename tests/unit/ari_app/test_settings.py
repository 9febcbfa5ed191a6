"""Settings: where they come from, and how a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from ari_app.settings import PREFIXES, Destination, RecordSettings, Settings
from ari_app.wording import page
from callflow.errors import SettingsError

ROOT = Path(__file__).parents[3]
ENOUGH = {"ARI_PASSWORD": "hunter2"}


def complaint(**values: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.of({**ENOUGH, **values})
    return str(caught.value)


def loading(directory: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ, directory)
    return str(caught.value)


def test_only_the_password_must_be_set() -> None:
    settings = Settings.of(ENOUGH)
    assert settings.ari_password.get_secret_value() == "hunter2"
    assert settings.ari_url == "http://127.0.0.1:8088/ari"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.database_url.get_secret_value() == "sqlite:///var/callflow.db"
    assert (settings.rtp_port_min, settings.rtp_port_max) == (12_000, 14_000)
    assert settings.flows_dir / f"{settings.flow}.yaml" == Path("flows/tyre_shop.yaml")


def test_texts_become_values() -> None:
    settings = Settings.of(
        {
            **ENOUGH,
            "HTTP_PORT": " 0 ",
            "LOG_LEVEL": "INFO",
            "MEDIA_TRANSPORT": "RTP",
            "STORE_API_TIMEOUT": "2.5",
        }
    )
    assert settings.http_port == 0
    assert settings.log_level == "info"
    assert settings.media_transport == "rtp"
    assert settings.store_api_timeout == 2.5


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.of(ENOUGH).http_port = 1


def test_settings_made_by_hand_do_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "9999")
    assert Settings(ari_password=SecretStr("x")).http_port == 8080


def test_a_url_loses_its_last_slash() -> None:
    assert Settings.of({**ENOUGH, "ARI_URL": "https://pbx:8089/ari/"}).ari_url == "https://pbx:8089/ari"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", {}),
        ("sales=support,100", {"sales": Destination("support", "100")}),
        ("sales=support", {"sales": Destination("support", "s")}),
        ("a=x,1; b=y", {"a": Destination("x", "1"), "b": Destination("y")}),
        ("a=x,1 b=y", {"a": Destination("x", "1"), "b": Destination("y")}),
    ],
)
def test_queues_are_named(written: str, meant: dict[str, Destination]) -> None:
    assert Settings.of({**ENOUGH, "QUEUES": written}).queues == meant


def test_a_queue_that_is_not_named_is_in_the_usual_context() -> None:
    settings = Settings.of({**ENOUGH, "QUEUES": "sales=support,100"})
    assert settings.queue("sales") == Destination("support", "100")
    assert settings.queue("operators") == Destination("transfer-to-operator", "s")


def test_asterisk_is_told_the_listening_address_unless_another_is_advertised() -> None:
    settings = Settings.of(ENOUGH)
    assert settings.audiosocket_address == "127.0.0.1:9092"
    assert settings.rtp_address == "127.0.0.1"
    settings = Settings.of({**ENOUGH, "AUDIOSOCKET_ADVERTISE": "10.0.0.5:9093", "RTP_ADVERTISE": "10.0.0.5"})
    assert settings.audiosocket_address == "10.0.0.5:9093"
    assert settings.rtp_address == "10.0.0.5"
    assert Settings.of({**ENOUGH, "AUDIOSOCKET_HOST": "::1"}).audiosocket_address == "[::1]:9092"


def test_a_missing_password_says_what_to_write() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of({})
    assert str(caught.value) == (
        "ARI_PASSWORD is not set: write the password of that user in ari.conf, "
        "or the path of a file with it in ARI_PASSWORD_FILE"
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HTTP_PORT", "80x", 'HTTP_PORT is "80x": write a port from 0 (any free one) to 65535'),
        ("HTTP_PORT", "", "HTTP_PORT is empty: write a port from 0 (any free one) to 65535"),
        ("RTP_PORT_MIN", "80", 'RTP_PORT_MIN is "80": write a port from 1024 to 65535'),
        ("MEDIA_TRANSPORT", "pigeon", 'MEDIA_TRANSPORT is "pigeon": write auto, rtp or audiosocket'),
        ("LOG_LEVEL", "loud", 'LOG_LEVEL is "loud": write debug, info, warning or error'),
        ("ARI_URL", "pbx", 'ARI_URL is "pbx": write a URL such as http://127.0.0.1:8088/ari'),
        ("STORE_API_TIMEOUT", "-1", 'STORE_API_TIMEOUT is "-1": write seconds above 0, up to 60'),
        ("ARI_PASSWORD", "", "ARI_PASSWORD is not usable: write the password of that user in ari.conf"),
        ("AUDIOSOCKET_ADVERTISE", "10.0.0.5", 'AUDIOSOCKET_ADVERTISE is "10.0.0.5": write host:port, '
         "for example 10.0.0.5:9092"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_to_write(name: str, value: str, sentence: str) -> None:
    assert complaint(**{name: value}) == sentence


@pytest.mark.parametrize("written", ["sales", "=x", "sales=", "sales=a,b,c", "sales=,s"])
def test_a_queue_that_cannot_be_read_is_told(written: str) -> None:
    assert complaint(QUEUES=written).startswith(f'QUEUES is "{written}": write name=context,extension')


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert len(complaint(HTTP_PORT="x", FLOW="no way", DRAIN_SECONDS="long").splitlines()) == 3


def test_ports_that_are_no_range_are_told() -> None:
    assert complaint(RTP_PORT_MIN="15000") == (
        "RTP_PORT_MIN is 15000, which is not below RTP_PORT_MAX, 14000: write a range such as 12000 and 14000"
    )


@pytest.mark.parametrize("part", ["RTP", "AUDIOSOCKET"])
def test_listening_everywhere_needs_an_address_for_asterisk(part: str) -> None:
    assert complaint(**{f"{part}_HOST": "0.0.0.0"}) == (
        f"{part}_HOST is 0.0.0.0, which Asterisk cannot send to: "
        f"write in {part}_ADVERTISE the address at which it reaches this machine"
    )


def test_no_complaint_and_no_repr_shows_a_secret() -> None:
    told = complaint(
        ARI_URL="http://me:hunter2@pbx/ari", HTTP_PORT="x", STORE_API_URL="http://u:hunter2@shop"
    )
    assert "hunter2" not in told
    assert "***" in told
    assert "hunter2" not in repr(Settings.of(ENOUGH))


def test_the_environment_wins_over_dotenv_which_wins_over_conf_d(tmp_path: Path) -> None:
    conf_d = tmp_path / "conf.d"
    conf_d.mkdir()
    (conf_d / "10-base.env").write_text("ARI_USER=base\nFLOW=base\nHTTP_HOST=10.0.0.1\nARI_APP=base\n")
    (conf_d / "20-site.env").write_text("# our site\nFLOW=site\nHTTP_HOST=10.0.0.2\nARI_APP=site\n")
    (conf_d / "notes.txt").write_text("NOT=read")
    (tmp_path / ".env").write_text(
        "HTTP_HOST=10.0.0.3\nARI_APP='dotenv'\nPOSTGRES_PASSWORD=of-another-program\n"
    )
    settings = Settings.load({**ENOUGH, "CALLFLOW_CONF_D": str(conf_d), "ARI_APP": "environment"}, tmp_path)
    assert settings.ari_user == "base"
    assert settings.flow == "site"
    assert settings.http_host == "10.0.0.3"
    assert settings.ari_app == "environment"


def test_a_password_in_a_file_of_settings_is_taken_as_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ARI_PASSWORD='a${HOME}$b#c'\n")
    assert Settings.load({}, tmp_path).ari_password.get_secret_value() == "a${HOME}$b#c"


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "ari"
    secret.write_text("hunter2\n")
    (tmp_path / ".env").write_text("ARI_PASSWORD=weaker\n")
    assert (
        Settings.load({"ARI_PASSWORD_FILE": str(secret)}, tmp_path).ari_password.get_secret_value()
        == "hunter2"
    )


def test_a_secret_in_two_ways_is_a_mistake(tmp_path: Path) -> None:
    told = loading(tmp_path, ARI_PASSWORD="a", ARI_PASSWORD_FILE="b")
    assert told == "ARI_PASSWORD and ARI_PASSWORD_FILE are both set in the environment: keep one"


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nothing"
    assert loading(tmp_path, ARI_PASSWORD_FILE=str(missing)) == (
        f'ARI_PASSWORD_FILE is "{missing}", which cannot be read: No such file or directory; '
        "write a text file's path"
    )


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("ARI_PASWORD", "ARI_PASSWORD"),
        ("LOG_LEVLE", "LOG_LEVEL"),
        ("RTP_PORTMIN", "RTP_PORT_MIN"),
        ("QUEUE", "QUEUES"),
    ],
)
def test_an_unknown_name_of_ours_gets_a_guess(tmp_path: Path, name: str, guess: str) -> None:
    told = loading(tmp_path, **ENOUGH, **{name: "hunter2"})
    assert told == f"{name} in the environment is not a setting: did you mean {guess}?"


def test_an_unknown_name_without_a_guess_points_to_the_list(tmp_path: Path) -> None:
    told = loading(tmp_path, STORE_ZZZZZZZZZZZZZZZZ="1")
    assert (
        told == "STORE_ZZZZZZZZZZZZZZZZ in the environment is not a setting: docs/settings.md lists them all"
    )


@pytest.mark.parametrize(
    "name",
    ["PATH", "HTTP_PROXY", "STORE_SERVICE_HOST", "STORE_PORT_8080_TCP_ADDR", "FLOWER_PORT", "ADMIN_PASSWORD"],
)
def test_names_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    assert Settings.load({**ENOUGH, name: "tcp://10.0.0.9:80"}, tmp_path).ari_user == "callflow"


def test_in_our_own_directory_every_unknown_name_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("AIR_USER=x\n")
    told = loading(tmp_path, **ENOUGH, CALLFLOW_CONF_D=str(tmp_path))
    assert told == f"AIR_USER in {tmp_path / 'a.env'} is not a setting: did you mean ARI_USER?"


def test_a_directory_of_settings_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert loading(tmp_path, CALLFLOW_CONF_D="/nowhere") == (
        'CALLFLOW_CONF_D is "/nowhere", which is no directory: write one that holds *.env files'
    )


def test_a_line_without_a_value_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ARI_PASSWORD\n")
    assert (
        loading(tmp_path) == f"{tmp_path / '.env'} has ARI_PASSWORD without a value: write ARI_PASSWORD=VALUE"
    )


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"FLOW=\xff\xfe\n")
    assert loading(tmp_path) == f"{tmp_path / '.env'} cannot be read as settings: it is not UTF-8 text"


def test_reading_records_needs_no_password_but_minds_the_names(tmp_path: Path) -> None:
    records = RecordSettings.load({"DATABASE_URL": "sqlite:////srv/calls.db"}, tmp_path)
    assert records.database_url.get_secret_value() == "sqlite:////srv/calls.db"
    with pytest.raises(SettingsError, match="did you mean DATABASE_URL"):
        RecordSettings.load({"DATABASE_URI": "x"}, tmp_path)


def test_every_setting_begins_with_a_prefix_that_is_watched() -> None:
    assert [
        doc.name for doc in Settings.describe() if not doc.name.startswith(PREFIXES) and doc.name != "FLOW"
    ] == []


def test_every_default_is_a_value_that_may_be_written() -> None:
    written = {doc.name: doc.default for doc in Settings.describe() if doc.default}
    assert Settings.of({**ENOUGH, **written}) == Settings.of(ENOUGH)


def test_the_page_of_settings_is_current() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == page(Settings.describe()), (
        "run `callflow settings --markdown > docs/settings.md`"
    )
