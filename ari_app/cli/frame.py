"""What every command has in common: how an error ends it."""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from callflow.errors import CallflowError, SettingsError

FAILED = 1
MISUSED = 2


def fail(sentence: str) -> NoReturn:
    """End the command with a sentence on stderr and the exit code for "not found"."""
    typer.echo(sentence, err=True)
    raise typer.Exit(FAILED)


class Commands(TyperGroup):
    """A group of commands whose `CallflowError` becomes a sentence on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except CallflowError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(MISUSED if isinstance(error, SettingsError) else FAILED) from None
