"""Where Asterisk is on this machine and how it is run: installed, in a container, or in a root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

OLDEST = 20
"""The oldest major version the product serves."""

IMAGE = os.environ.get("CALLFLOW_ASTERISK_IMAGE", "")
"""A container image with Asterisk 20 or newer; used when it is named and no Asterisk is installed."""

PROVISION = "python -m asterisk.lab.provision"
"""What to run when there is no Asterisk yet."""


class LabError(Exception):
    """The lab cannot do what was asked; the text says why and what to do next."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One way to run Asterisk.

    `prefix` goes before its command line. `scratch` is a directory of this machine that Asterisk sees too,
    under `inside`. `modules` is where Asterisk sees its modules.
    """

    kind: str
    prefix: tuple[str, ...]
    scratch: Path
    inside: Path
    modules: str

    def seen(self, path: Path) -> Path:
        """The same file, as Asterisk names it."""
        return self.inside / path.relative_to(self.scratch)

    def command(self, directory: Path, *arguments: str) -> list[str]:
        """The command line that runs `asterisk` with the configuration in `directory`."""
        conf = str(self.seen(directory) / "etc" / "asterisk.conf")
        return [*self.prefix, "asterisk", "-C", conf, *arguments]


def root_directory() -> Path:
    """The root that `provision` makes where Asterisk is not installed."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "callflow" / "asterisk-root"


def find() -> Installation:
    """Find an Asterisk that works: installed, in a container image, or in a root made by `provision`.

    Raises `LabError` with the command to run when there is none.
    """
    found = _installed() or _rooted(root_directory()) or _contained()
    if found is None:
        raise LabError(f"no Asterisk {OLDEST} or newer is here; run `{PROVISION}` once")
    return found


def version_of(prefix: tuple[str, ...]) -> str:
    """The version that `asterisk -V` tells (`22.10.1`), or empty when it does not run."""
    try:
        told = subprocess.run([*prefix, "asterisk", "-V"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)*)", told.stdout)
    return match[1] if match else ""


def _fit(prefix: tuple[str, ...]) -> bool:
    version = version_of(prefix)
    return bool(version) and int(version.split(".")[0]) >= OLDEST


def _modules_below(root: Path) -> str:
    for place in ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules"):
        for directory in sorted(root.glob(place)):
            if (directory / "res_ari.so").exists():
                return f"/{directory.relative_to(root)}"
    return ""


def _installed() -> Installation | None:
    modules = _modules_below(Path("/"))
    scratch = Path(tempfile.gettempdir())
    if shutil.which("asterisk") is None or not modules or not _fit(()):
        return None
    return Installation("installed", (), scratch, scratch, modules)


def _rooted(root: Path) -> Installation | None:
    if not (root / "usr/sbin/asterisk").exists():
        return None
    prefix = (*_becoming_root(), "chroot", str(root), "/usr/bin/env", "PATH=/usr/sbin:/usr/bin")
    modules = _modules_below(root)
    if not modules or not _fit(prefix):
        return None
    return Installation("root", prefix, root / "tmp", Path("/tmp"), modules)


def _becoming_root() -> tuple[str, ...]:
    """A user may change root in a user namespace of his own: no right is needed and none is gained."""
    return () if os.geteuid() == 0 else ("unshare", "--map-root-user")


def _contained() -> Installation | None:
    """A container on the host's network with the scratch directory mounted at its own path."""
    if not IMAGE or shutil.which("docker") is None:
        return None
    scratch = Path(tempfile.gettempdir()) / "callflow-lab"
    scratch.mkdir(exist_ok=True)
    mount = f"{scratch}:{scratch}"
    owner = f"--user={os.geteuid()}:{os.getegid()}"  # and the host's process ids: so we may signal it
    run = ("docker", "run", "--rm", "--network=host", "--pid=host", owner, "--volume", mount)
    prefix = (*run, "--entrypoint=env", IMAGE)
    if not _fit(prefix):
        return None
    places = "/usr/lib/asterisk/modules /usr/lib/*/asterisk/modules /usr/lib64/asterisk/modules"
    listed = subprocess.run(
        [*prefix, "sh", "-c", f"ls -d {places} 2>/dev/null"], capture_output=True, text=True, timeout=30
    )
    modules = listed.stdout.split()
    return Installation("container", prefix, scratch, scratch, modules[0]) if modules else None
