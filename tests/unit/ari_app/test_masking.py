"""What is hidden in a log line, and what is not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.masking import mask, mask_fields
from callflow.events import CallerSaid


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("+380501234533", "+38050*****33"),
        ("0501234533", "050*****33"),
        ("1234567", "*****67"),
        ("call from 380501234533.", "call from 38050*****33."),
        ("+38 (050) 123-45-33", "+38 (050) ***-**-33"),
        ("(050) 123 45 33", "(050) *** ** 33"),
        ("8 800 555 35 35", "8 800 *** ** 35"),
        ("PJSIP/380501234533-0000001a", "PJSIP/38050*****33-0000001a"),
        ("sip:380501234533@pbx", "sip:38050*****33@pbx"),
        ("/orders?phone=%2B380501234533&page=1", "/orders?phone=%2B38050*****33&page=1"),
        ("caller_380501234533", "caller_38050*****33"),
        ("номер380501234533тут", "номер38050*****33тут"),
        ("+380501234533 and +380671234599", "+38050*****33 and +38067*****99"),
        ("4111 1111 1111 1111", "**** **** **** ****"),
        ("4111-1111-1111-1111", "****-****-****-****"),
        ("card 4111111111111111!", "card ****************!"),
    ],
)
def test_numbers_of_people_are_hidden(written: str, shown: str) -> None:
    assert mask(written) == shown


@pytest.mark.parametrize(
    "text",
    [
        "1763629200.12",
        "/channels/1763629200.12/answer",
        "7d9f0000-1234-4000-8000-123456789012",
        "2026-11-20",
        "2026-11-20T16:26:34.123456Z",
        "2026-11-20 16:26:34,123",
        "192.168.100.200:5060",
        "took 1234567.89 ms",
        "205/55 R16",
        "22.10.1",
        "port 12000",
        "a1b2345678901c",
        "",
    ],
)
def test_ids_dates_addresses_and_measures_stay(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("GET /ari/events?api_key=callflow:hunter2&app=callflow", "GET /ari/events?api_key=***&app=callflow"),
        ("Authorization: Basic Y2FsbGZsb3c6aHVudGVyMg==", "Authorization: Basic ***"),
        ("authorization: bearer abcdef.123456", "authorization: bearer ***"),
        ("password=hunter2", "password=***"),
    ],
)
def test_keys_are_hidden(written: str, shown: str) -> None:
    assert mask(written) == shown


@given(
    st.from_regex(r"\+?[1-9][0-9]{6,11}", fullmatch=True),
    st.sampled_from(["", " ", "/", ":", "=", "'", "(", ", "]),
)
def test_whatever_stands_around_a_number_at_most_its_start_and_last_two_digits_are_left(
    number: str, around: str
) -> None:
    masked = mask(f"x {around}{number}{around} y")
    assert masked.count("*") == 5
    assert number not in masked
    assert re.sub(r"[^\d*]", "", masked).endswith(number[-2:])


@given(st.text(alphabet="0123456789+-() ./:ab"))
def test_nothing_moves_and_only_digits_become_stars(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert all(new == old or (new == "*" and old.isdigit()) for new, old in zip(masked, text, strict=True))


def test_ids_are_never_touched() -> None:
    ids = {"call_id": "123456789012", "channel_id": "380501234533", "flow_version": "123456789012"}
    assert mask_fields(ids, spoken=False) == ids


def test_numbers_are_hidden_at_any_depth() -> None:
    line = {"event": "call.arrived", "channel": {"caller": "+380501234533", "names": ["0501234533", 7]}}
    assert mask_fields(line, spoken=False) == {
        "event": "call.arrived",
        "channel": {"caller": "+38050*****33", "names": ["050*****33", 7]},
    }


def test_secrets_are_hidden_by_their_name() -> None:
    assert mask_fields({"password": "a", "Password": "b c"}, spoken=True)["password"] == "***"


def test_words_are_shown_only_where_they_may_be() -> None:
    line = {"text": "my number is 0501234533", "slots": {"phone": "0501234533"}, "words": 120.5}
    assert mask_fields(line, spoken=True) == {
        "text": "my number is 050*****33",
        "slots": {"phone": "050*****33"},
        "words": 120.5,
    }
    assert mask_fields(line, spoken=False) == {
        "text": "[23 characters]",
        "slots": "[23 characters]",
        "words": 120.5,
    }


def test_a_fact_that_holds_words_is_only_named() -> None:
    said = {"fact": CallerSaid("winter tyres, 0501234533")}
    assert mask_fields(said, spoken=False) == {"fact": "CallerSaid"}
    shown = mask_fields(said, spoken=True)["fact"]
    assert "winter tyres, 050*****33" in str(shown)


def test_an_error_is_shown_masked() -> None:
    assert mask_fields({"why": ValueError("no such number: 0501234533")}, spoken=False) == {
        "why": "no such number: 050*****33"
    }
