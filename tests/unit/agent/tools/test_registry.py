"""The registry: tools by name, bounded results, known words."""

from __future__ import annotations

import pytest

from agent.gate import Gate
from agent.slots import Known
from agent.tools.registry import MAX_FIELD, WORDS_LAST_S, Registry
from callflow.errors import ToolError
from tests.unit.agent.fakes import FakeTool

GATE = Gate({}, ())


def test_tools_come_in_the_order_of_the_step() -> None:
    one, two = FakeTool("one"), FakeTool("two")
    assert Registry([one, two]).pick(["two", "one"]) == (two, one)
    with pytest.raises(ToolError, match="there is no tool three; known: one, two"):
        Registry([one, two]).pick(["one", "three"])


async def test_a_result_is_what_the_tool_promised_and_bounded() -> None:
    tool = FakeTool("one", gives=("a",), result={"a": "x" * 9999, "secret": "y", "say": "Hello."})
    result = await Registry([tool]).run(GATE.permit("one", {}), idempotency_key="k")
    assert result == {"a": "x" * MAX_FIELD, "say": "Hello."}


async def test_a_tool_does_not_run_without_its_needs() -> None:
    tool = FakeTool("one", needs=("a", "b"))
    with pytest.raises(ToolError, match="one needs b"):
        await Registry([tool]).run(GATE.permit("one", {"a": "1"}), idempotency_key="k")
    assert tool.calls == []


class Source:
    """Words that can be away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def __call__(self) -> Known:
        self.asked += 1
        if self.away:
            raise ToolError("away")
        return {"size": {str(self.asked): ()}}


async def test_words_are_cached_and_old_ones_are_better_than_none() -> None:
    now = 0.0
    source = Source()
    registry = Registry([], source, clock=lambda: now)
    await registry.learn()
    await registry.learn()
    assert (registry.words, source.asked) == ({"size": {"1": ()}}, 1)
    now, source.away = WORDS_LAST_S, True
    await registry.learn()
    assert (registry.words, source.asked) == ({"size": {"1": ()}}, 2)
    source.away = False
    registry.learn_soon()
    registry.learn_soon()
    await registry.close()
    assert source.asked <= 3
