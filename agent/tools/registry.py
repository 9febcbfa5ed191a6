"""The tools an agent may use, by name, and the words the world behind them knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from agent.gate import Permit
from agent.ports import Tool
from agent.slots import Known
from callflow.errors import ToolError

WORDS_LAST_S = 600.0
"""Known words are asked for again after this long."""
MAX_FIELD = 500
"""A result's field is cut to this many characters."""

Learn = Callable[[], Awaitable[Known]]


class Registry:
    """Runs tools, and only with a permit of the gate. `learn` fetches the known words of the tools' fields
    (`size`, `season`, …; the field `product` names what is counted); they are cached. Close it."""

    def __init__(
        self,
        tools: Iterable[Tool],
        learn: Learn | None = None,
        *,
        close: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._learn = learn
        self._close = close
        self._clock = clock
        self._words: Known = {}
        self._learned_at: float | None = None
        self._learning: asyncio.Task[None] | None = None

    def pick(self, names: Iterable[str]) -> tuple[Tool, ...]:
        """A step's tools in its order. Raises `ToolError` for a name that is none of ours."""
        wanted = tuple(names)
        if unknown := [name for name in wanted if name not in self._tools]:
            raise ToolError(f"there is no tool {', '.join(unknown)}; known: {', '.join(sorted(self._tools))}")
        return tuple(self._tools[name] for name in wanted)

    async def run(self, permit: Permit, *, idempotency_key: str) -> Mapping[str, str]:
        """Run what the gate has permitted. Raises `ToolError`."""
        (tool,) = self.pick([permit.tool])
        if missing := [need for need in tool.needs if not permit.arguments.get(need)]:
            raise ToolError(f"{tool.name} needs {', '.join(missing)}")
        result = await tool.run(permit.arguments, idempotency_key=idempotency_key)
        kept = (*tool.gives, "outcome", "say")
        return {name: result[name][:MAX_FIELD] for name in kept if name in result}

    @property
    def words(self) -> Known:
        """The known words, as last learned."""
        return self._words

    async def learn(self) -> None:
        """Fetch the known words when there are none or they are old. What fails leaves the old ones: words
        are a help to the ear, and the tools themselves tell when the store is away."""
        if self._learn is None or not self._is_old:
            return
        try:
            self._words, self._learned_at = await self._learn(), self._clock()
        except ToolError:
            return

    def learn_soon(self) -> None:
        """The same, beside the conversation: nobody waits for it."""
        if self._is_old and (self._learning is None or self._learning.done()):
            self._learning = asyncio.get_running_loop().create_task(self.learn())

    @property
    def _is_old(self) -> bool:
        if self._learn is None:
            return False
        return self._learned_at is None or self._clock() - self._learned_at >= WORDS_LAST_S

    async def close(self) -> None:
        """Release what the tools hold."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)
        if self._close is not None:
            await self._close()
