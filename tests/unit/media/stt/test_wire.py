"""What the recogniser and its workers say to each other survives the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflow.errors import BadPacket
from media.stt.wire import LENGTH, Answer, Job, pack_answer, pack_job, unpack_answer, unpack_job

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def _body(message: bytes) -> bytes:
    """The message without its length, which must be right."""
    assert LENGTH.unpack(message[:4])[0] == len(message) - 4
    return message[4:]


@given(st.builds(Job, st.lists(TEXTS).map(tuple), st.booleans(), TEXTS, st.binary()))
def test_a_job_arrives_as_it_was_sent(job: Job) -> None:
    assert unpack_job(_body(pack_job(job))) == job


@given(st.builds(Answer, TEXTS, st.floats(0, 1), st.lists(TEXTS).map(tuple), TEXTS))
def test_an_answer_arrives_as_it_was_sent(answer: Answer) -> None:
    assert unpack_answer(_body(pack_answer(answer))) == answer


@pytest.mark.parametrize("body", [b"", b"{}", b"[]\n", b"\xff\n", b"{\n", b"{}\n", b'{"text": "a"}\n'])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BadPacket):
        unpack_answer(body)
    with pytest.raises(BadPacket):
        unpack_job(body)
