"""Makes sure that this machine can run the lab: `python -m asterisk.lab.provision`.

It takes the first of these that works: an installed Asterisk 20 or newer; a root made before; the
container image named by CALLFLOW_ASTERISK_IMAGE; a new root below the user's cache, made by debootstrap
(about a minute, 650 MB). It also installs the lab's small programs where apt-get is at hand. Run again after
an interruption it goes on; where all is there it does nothing. Without the right to install it prints the
one command to run, and ends with status 2.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from asterisk.lab.installation import Installation, LabError, find, root_directory, version_of

PROGRAMS = {"sipp": "sip-tester", "sox": "sox", "espeak-ng": "espeak-ng", "flite": "flite"}
"""Programs of the lab, and the Debian packages they are in."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

SUITE = "sid"
"""The one suite of Debian that has Asterisk."""


def main() -> int:
    """Provision and tell the outcome; the exit status: 0 done, 1 failed, 2 a command must be run."""
    try:
        ready = ensure()
    except PermissionError as refused:
        _say(str(refused))
        return 2
    except (LabError, subprocess.CalledProcessError, OSError) as error:
        _say(f"failed: {error}; run the same again to go on")
        return 1
    except KeyboardInterrupt:
        _say("interrupted; run the same again to go on")
        return 130
    _say(f"ready: Asterisk {version_of(ready.prefix)} ({ready.kind})")
    return 0


def ensure() -> Installation:
    """Return an Asterisk that runs, made if need be. Raises `PermissionError` with the command to run."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    here = _found()
    if here is None and shutil.which("debootstrap") is None:
        missing.append("debootstrap")
    if here is None and not KEYRING.exists():  # Ubuntu has it apart: debootstrap checks signatures with it
        missing.append("debian-archive-keyring")
    if missing:
        _install(missing)
    return here or _make_root(root_directory())


def _found() -> Installation | None:
    try:
        return find()
    except LabError:
        return None


def _install(packages: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise LabError(f"install these with this system's package manager: {' '.join(packages)}")
    _say(f"installing {' '.join(packages)}")
    _run_as_root("apt-get", "update")
    _run_as_root("apt-get", "install", "-y", "--no-install-recommends", *packages)


def _make_root(root: Path) -> Installation:
    """Make the root. debootstrap cannot go on where it stopped, so what it left half made is removed."""
    made = root / "etc" / "callflow-debootstrapped"
    if not made.exists():
        _say(f"making a small Debian below {root} (1 of 2, half a minute)")
        _run_as_root("rm", "-rf", "--one-file-system", str(root))
        root.parent.mkdir(parents=True, exist_ok=True)
        _run_as_root("debootstrap", "--variant=minbase", SUITE, str(root))
        _run_as_root("touch", str(made))
    _say("installing Asterisk into it (2 of 2, half a minute)")
    inside = "DEBIAN_FRONTEND=noninteractive"
    _run_as_root(
        "sh", "-c", f"echo {shlex.quote(_APT_OPTIONS)} > {shlex.quote(str(root))}/etc/apt/apt.conf.d/90lab"
    )
    _run_as_root("chroot", str(root), "env", inside, "dpkg", "--configure", "-a")
    _run_as_root("chroot", str(root), "env", inside, "apt-get", "update")
    install = ("apt-get", "install", "-y", "--reinstall", "--no-install-recommends", "asterisk")
    _run_as_root("chroot", str(root), "env", inside, *install)
    return find()


_APT_OPTIONS = 'Acquire::Check-Valid-Until "false";'
"""A mirror that is behind may serve a Release file past its date."""


def _run_as_root(*command: str) -> None:
    """Run a command with root's rights, its output on our standard error."""
    if os.geteuid() == 0:
        subprocess.run(command, check=True, stdout=sys.stderr)
    elif _may_sudo():
        subprocess.run(["sudo", "-n", *command], check=True, stdout=sys.stderr)
    else:
        ours = f"sudo env {_cache_setting()} {sys.executable} -m asterisk.lab.provision"
        raise PermissionError(f"root's rights are needed; run in {Path.cwd()}: {ours}")


def _cache_setting() -> str:
    """Keeps the user's cache for root, who has another home."""
    return f"XDG_CACHE_HOME={shlex.quote(str(root_directory().parent.parent))}"


def _may_sudo() -> bool:
    if shutil.which("sudo") is None:
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
