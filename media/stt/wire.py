"""What the recogniser and its worker processes say to each other. Pure.

A message is its length as four bytes (big-endian), then a line of JSON, then PCM: a job carries the sound
of an utterance, an answer carries none.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any

from callflow.errors import BadPacket

LENGTH = struct.Struct(">I")
MAXIMUM = 4 << 20
"""Bytes of a message; two minutes of sound and a large grammar stay below."""


@dataclass(frozen=True, slots=True)
class Job:
    """Recognise `pcm` (16 kHz), or only make ready for it when there is none."""

    phrases: tuple[str, ...]
    digits: bool
    language: str
    pcm: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """The words of a job; `error` tells why there are none, `skipped` which words no grammar can hold."""

    text: str = ""
    confidence: float = 0.0
    skipped: tuple[str, ...] = ()
    error: str = ""


def pack_job(job: Job) -> bytes:
    """A job as one message."""
    fields = {"phrases": job.phrases, "digits": job.digits, "language": job.language}
    return _pack(fields, job.pcm)


def unpack_job(body: bytes) -> Job:
    """A job from a message without its length. Raises `BadPacket`."""
    fields, pcm = _unpack(body)
    try:
        return Job(tuple(fields["phrases"]), bool(fields["digits"]), str(fields["language"]), pcm)
    except (KeyError, TypeError) as error:
        raise BadPacket(f"not a job: {error!r}") from error


def pack_answer(answer: Answer) -> bytes:
    """An answer as one message."""
    return _pack(asdict(answer), b"")


def unpack_answer(body: bytes) -> Answer:
    """An answer from a message without its length. Raises `BadPacket`."""
    fields, _ = _unpack(body)
    try:
        skipped = tuple(map(str, fields["skipped"]))
        return Answer(str(fields["text"]), float(fields["confidence"]), skipped, str(fields["error"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadPacket(f"not an answer: {error!r}") from error


def _pack(fields: dict[str, Any], pcm: bytes) -> bytes:
    line = json.dumps(fields, ensure_ascii=False).encode() + b"\n"
    return LENGTH.pack(len(line) + len(pcm)) + line + pcm


def _unpack(body: bytes) -> tuple[dict[str, Any], bytes]:
    line, newline, pcm = body.partition(b"\n")
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise BadPacket("a message without its line of JSON") from error
    if not newline or not isinstance(fields, dict):
        raise BadPacket("a message without its line of JSON")
    return fields, pcm
