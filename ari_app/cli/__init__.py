"""The command `callflow`: start the controller, and look at what it recorded.

Exit codes: 0 done, 1 not found or failed, 2 wrong usage or settings. Our errors are sentences on stderr.
"""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Annotated

import typer

from ari_app.cli import calls, run
from ari_app.cli.frame import Commands
from ari_app.settings import Settings
from ari_app.wording import page

app = typer.Typer(
    cls=Commands,
    help="Callflow answers the calls of an Asterisk call centre with an AI voice agent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
call = typer.Typer(cls=Commands, help="Look at one call.", no_args_is_help=True)

app.command("run")(run.run)
app.command("calls")(calls.calls)
app.add_typer(call, name="call")
call.command("show")(calls.show)


@app.command("settings")
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md.")] = False,
) -> None:
    """Check the settings of this directory and environment, or print what may be set."""
    if markdown:
        typer.echo(page(Settings.describe()), nl=False)
        return
    Settings.load()
    typer.echo("The settings are in order.")


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(f"callflow {installed('callflow')}")
