"""A worker process that speaks the recogniser's protocol and does as the first phrase of a job says."""

import os
import stat
import sys
import time

from media.stt.wire import LENGTH, Answer, pack_answer, unpack_job


def sockets() -> str:
    """The sockets that this process holds, by number."""
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    return " ".join(str(number) for number in numbers if _is_socket(number))


def _is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False  # the one that listed the directory


def _answer(order: str) -> Answer:
    if order == "die":
        sys.exit(3)
    if order == "hang":
        time.sleep(60)
    if order == "fail":
        return Answer(error="RuntimeError: told to")
    if order == "pid":
        return Answer(str(os.getpid()), 1.0)
    return Answer(sockets() if order == "sockets" else order, 1.0)


def main() -> None:
    """Serve; `unable` on the command line refuses to, `mumble` answers what is no answer."""
    out, jobs = sys.stdout.buffer, sys.stdin.buffer
    if "mumble" in sys.argv:
        out.write(LENGTH.pack(1 << 30))
        out.flush()
        return
    out.write(pack_answer(Answer(error="no model" if "unable" in sys.argv else "")))
    out.flush()
    while head := jobs.read(LENGTH.size):
        job = unpack_job(jobs.read(LENGTH.unpack(head)[0]))
        out.write(pack_answer(_answer(job.phrases[0])))
        out.flush()


if __name__ == "__main__":
    main()
