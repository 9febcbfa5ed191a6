"""The worker process of the embedded recogniser: `python -m media.stt.pocketsphinx_worker`.

It reads jobs from its standard input and writes one answer for each to its standard output, in order; the
first answer, empty, says that it is ready. It ends when its input ends, so it cannot outlive its parent.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import BinaryIO

from callflow.errors import CallflowError
from media.stt.wire import LENGTH, Answer, Job, pack_answer, unpack_job

NICENESS = 5
"""Words may be a little late; the frames of the calls that are being heard may not."""


def main() -> None:
    """Serve until the input ends. The standard output is for answers alone: prints go to the error output."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with answers:
        serve(sys.stdin.buffer, answers)


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer jobs until there are no more."""
    try:
        from media.stt.decoder import Decoder
    except ImportError:
        _write(answers, Answer(error="pip install 'callflow[embedded]'"))
        return
    decoder = Decoder()
    decoder.answer(Job(("yes", "no"), digits=True, language="en"))  # reads what the first utterance needs
    _write(answers, Answer())
    while len(head := jobs.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if len(body := jobs.read(length)) < length:
            return
        try:
            answer = decoder.answer(unpack_job(body))
        except (CallflowError, RuntimeError) as error:  # RuntimeError is all that PocketSphinx raises
            answer = Answer(error=f"{type(error).__name__}: {error}")
        _write(answers, answer)


def _write(answers: BinaryIO, answer: Answer) -> None:
    answers.write(pack_answer(answer))
    answers.flush()


if __name__ == "__main__":
    main()
