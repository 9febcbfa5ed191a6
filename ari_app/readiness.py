"""Whether each thing we depend on answers, asked in the background so that `/health/ready` never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from callflow.errors import CallflowError
from web.app import Dependency

EVERY_S = 5.0
WITHIN_S = 3.0

Probe = Callable[[], Awaitable[object]]

log = structlog.get_logger(__name__)


class Readiness:
    """Asks each probe in turn, every few seconds; remembers the last answer by name."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = dict(probes)
        self._answers: dict[str, Dependency] = {name: Dependency(False, "not asked yet") for name in probes}

    @property
    def dependencies(self) -> Mapping[str, Dependency]:
        """The last answers, by name."""
        return dict(self._answers)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.ask()
            await asyncio.sleep(EVERY_S)

    async def ask(self) -> None:
        """Ask each once; a change is logged."""
        for name, probe in self._probes.items():
            answer = await _answer(probe)
            if answer.ok != self._answers[name].ok:
                log.info("dependency.changed", dependency=name, state=answer.state)
            self._answers[name] = answer


async def _answer(probe: Probe) -> Dependency:
    try:
        await asyncio.wait_for(probe(), WITHIN_S)
    except TimeoutError:
        return Dependency(False, "no answer in time")
    except CallflowError as error:
        return Dependency(False, f"unreachable ({error.code})")
    return Dependency(True, "reachable")
