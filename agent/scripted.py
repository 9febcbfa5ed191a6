"""A shipped fake: an agent that says what it was told to, at once. For benchmarks and tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from agent.ports import AgentEvent, Conversation, Expected, Finished, Sentence
from callflow.schema import AgentStep


class ScriptedAgent:
    """Answers from a list, call by call, in order, and echoes what was heard when the list is at its end.

    `outcomes` maps a phrase to an outcome: an utterance that holds the phrase ends the step with it, without
    a word. An empty text (the step opens) is answered by `opening`, or by nothing.
    """

    name = "scripted"

    def __init__(
        self,
        answers: Sequence[str] = (),
        outcomes: Mapping[str, str] | None = None,
        *,
        opening: str = "",
        expected: Expected | None = None,
    ) -> None:
        self._answers = tuple(answers)
        self._outcomes = dict(outcomes or {})
        self._opening = opening
        self._expected = expected or Expected()

    async def reply(
        self, step_name: str, step: AgentStep, heard: str, talk: Conversation
    ) -> AsyncIterator[AgentEvent]:
        """One sentence and the end of the turn, with no delay at all."""
        outcome = next((end for phrase, end in self._outcomes.items() if heard and phrase in heard), None)
        sentence = "" if outcome else self._sentence(heard, talk)
        if sentence:
            yield Sentence(sentence)
        yield Finished(outcome)

    def _sentence(self, heard: str, talk: Conversation) -> str:
        if not heard:
            return self._opening
        said = int(talk.notes.get("scripted", "0"))
        talk.notes["scripted"] = str(said + 1)
        return self._answers[said] if said < len(self._answers) else heard

    def expects(self, step_name: str, step: AgentStep, talk: Conversation) -> Expected:
        """What it was made with."""
        return self._expected

    async def summarize(self, talk: Conversation, reason: str) -> str:
        """The caller and the reason."""
        return f"Caller {talk.caller or 'without a number'}; reason: {reason}."

    async def close(self) -> None:
        """Nothing to release."""
