"""Processes of the bench, each a module of this package that tells what it does by lines of JSON."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from asterisk.lab.stage import Program

ROOT = Path(__file__).parents[1]


@contextlib.asynccontextmanager
async def program(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Program]:
    """`python -m bench.MODULE ARGUMENTS` while the block lasts; SIGTERM at its end."""
    started = Program(f"bench.{module}")
    command = (sys.executable, "-m", f"bench.{module}", *arguments)
    try:
        await started.start(*command, environment=environment, cwd=ROOT)
        yield started
    finally:
        await started.stop()
