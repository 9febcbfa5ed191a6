"""A tool as data, for plans and turns of any flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from callflow.errors import ToolError


@dataclass
class FakeTool:
    """Gives what it is told to; `calls` keeps the arguments, `keys` the idempotency keys."""

    name: str
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    description: str = "do it"
    result: Mapping[str, str] = field(default_factory=dict)
    fails: bool = False
    calls: list[Mapping[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        self.calls.append(arguments)
        self.keys.append(idempotency_key)
        if self.fails:
            raise ToolError("it does not work")
        return {**{name: f"{name} of {self.name}" for name in self.gives}, **self.result}
