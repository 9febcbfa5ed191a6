"""The shipped fake."""

from __future__ import annotations

from agent.ports import Conversation, Expected, Finished, Sentence
from agent.scripted import ScriptedAgent
from callflow.schema import AgentStep

STEP = AgentStep(agent="x", outcomes={"done": "y"})


async def test_it_answers_from_its_list_and_then_echoes() -> None:
    agent, talk = ScriptedAgent(["One.", "Two."], {"bye": "done"}, opening="Hello."), Conversation("c")
    turns = [
        [event async for event in agent.reply("s", STEP, heard, talk)]
        for heard in ("", "a", "b", "c", "good bye")
    ]
    assert turns == [
        [Sentence("Hello."), Finished()],
        [Sentence("One."), Finished()],
        [Sentence("Two."), Finished()],
        [Sentence("c"), Finished()],
        [Finished("done")],
    ]


async def test_calls_do_not_share_a_script() -> None:
    agent = ScriptedAgent(["One."])
    for call in ("c1", "c2"):
        events = [event async for event in agent.reply("s", STEP, "a", Conversation(call))]
        assert events[0] == Sentence("One.")


async def test_the_rest_of_an_agent() -> None:
    agent = ScriptedAgent(expected=Expected(("yes",)))
    assert agent.expects("s", STEP, Conversation("c")).phrases == ("yes",)
    assert "error" in await agent.summarize(Conversation("c"), "error")
    await agent.close()
