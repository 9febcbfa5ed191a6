"""The directory of one private Asterisk: made, owned while its lab lives, swept up after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import IO

from asterisk.lab.installation import Installation

PREFIX = "callflow-lab-"

OWN = ("etc", "varlib", "db", "key", "spool", "run", "log")
"""What Asterisk keeps apart for each lab, by the names of the markers in `asterisk.conf`."""


def make(installation: Installation) -> tuple[Path, IO[str]]:
    """Make a directory that Asterisk sees, and return it with the open lock that says it is in use."""
    sweep(installation.scratch)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=installation.scratch))
    lock = (directory / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for name in (*OWN, "recordings"):
        (directory / name).mkdir()
    return directory, lock


def asterisk_pid(directory: Path) -> int:
    """The process id that this directory's Asterisk wrote down, 0 if none or no longer that Asterisk."""
    try:
        pid = int((directory / "run" / "asterisk.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return pid if directory.name.encode() in command else 0


def sweep(scratch: Path) -> None:
    """Remove the directories, and end the Asterisks, of labs whose process died without closing them.

    A lab holds its directory's lock while it lives, and the kernel releases it when the process ends.
    """
    for directory in scratch.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (directory / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if pid := asterisk_pid(directory):
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(directory, ignore_errors=True)
