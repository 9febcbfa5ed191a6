"""The HTTP side of the controller: is it alive, is it ready, what does it measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Literal

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from ari_app.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing we cannot serve without; `state` is a word or sentence (`connected`, `unreachable`)."""

    ok: bool
    state: str


@dataclass(frozen=True, slots=True)
class Status:
    """The controller at this moment. `draining`: it finishes its calls and takes no new ones."""

    active_calls: int
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)
    draining: bool = False


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    active_calls: int


def make_app(status: Callable[[], Status], metrics: Metrics) -> FastAPI:
    """The application. `status` is asked at each request: it must not block."""
    app = FastAPI(
        title="Callflow",
        version=version("callflow"),
        description="An AI voice agent for Asterisk call centres.",
    )

    @app.get("/health", tags=["operations"])
    async def health() -> Health:
        """Is the process alive? 200 for as long as it answers."""
        return Health(active_calls=status().active_calls)

    @app.get("/health/ready", tags=["operations"], responses={503: {"description": "Not ready"}})
    async def ready() -> JSONResponse:
        """May it get calls? Each dependency by name; 503 when one is missing, or when it is stopping."""
        return _readiness(status())

    @app.get("/metrics", tags=["operations"], response_class=Response)
    async def measured() -> Response:
        """Everything measured, as text for Prometheus."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return app


def _readiness(now: Status) -> JSONResponse:
    ready = not now.draining and all(dependency.ok for dependency in now.dependencies.values())
    word = "draining" if now.draining else "ready" if ready else "not_ready"
    states = {name: dependency.state for name, dependency in now.dependencies.items()}
    return JSONResponse({"status": word, **states}, status_code=200 if ready else 503)
