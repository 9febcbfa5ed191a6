"""`callflow run`."""

from __future__ import annotations

from ari_app.logs import configure_logs
from ari_app.settings import Settings


def run() -> None:
    """Start the controller; it serves calls until it is told to stop (SIGTERM, Ctrl-C)."""
    settings = Settings.load()
    configure_logs(settings.log_level, settings.log_format)
    from ari_app.main import (
        run as serve,  # late: speech and media take seconds to import, the other commands need neither
    )

    serve(settings)
