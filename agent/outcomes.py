"""Which word of a step's closed list an agent ends with. Pure; read from the flow's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.words import NO, YES, consists_of, find, mentions, squeezed, tokens
from callflow.schema import AgentStep

NOT_FOUND, ANSWERED, REFUSES = "not_found", "answered", "refuses"
WANTS_HUMAN, NOT_UNDERSTOOD = "wants_human", "not_understood"
_STEM = 5
"""Words are the same when their first five letters are: confirm, confirmed; order, orders, ordered."""
_NEGATIVE = ("not", "no")


def success(step: AgentStep, tools: Iterable[str]) -> str:
    """The outcome that means: all was done. The one whose name and description share most words with the
    tools that ran, else the first; never a negative one while there is another."""
    good = [name for name in step.outcomes if not _negative(name)] or list(step.outcomes)
    stems = {word[:_STEM] for tool in tools for word in tool.split("_")}

    def shared(name: str) -> int:
        words = tokens(f"{name.replace('_', ' ')} {step.outcomes[name]}")
        return len(stems & {word[:_STEM] for word in words})

    return max(good, key=shared)


def by_slots(step: AgentStep, slots: Mapping[str, str]) -> str | None:
    """The outcome that a collected answer names: `call later` is `call_later`."""
    said = {squeezed(slots.get(name, "")) for name in step.collect}
    return next((name for name in step.outcomes if squeezed(name) in said), None)


def named(step: AgentStep, text: str) -> str | None:
    """The outcome whose name stands in the utterance, the longest if several do."""
    words = tokens(text)
    return max((name for name in step.outcomes if find(words, name.split("_")) >= 0), key=len, default=None)


def by_words(step: AgentStep, text: str) -> str | None:
    """The outcome that an answer to the step's own question means: one that it names; for a clear yes the
    first that is not negative, for a no the first that is."""
    if name := named(step, text):
        return name
    if consists_of(text, YES):
        return next((name for name in step.outcomes if not _negative(name)), None)
    if mentions(text, NO):
        return next((name for name in step.outcomes if _negative(name) and name != NOT_FOUND), None)
    return None


def nothing_more(step: AgentStep) -> str:
    """The caller wants nothing more: `answered` where the flow has it."""
    return ANSWERED if ANSWERED in step.outcomes else REFUSES


def nothing_found(step: AgentStep) -> str:
    """A tool found nothing: `not_found` where the flow has it, else a person may know more."""
    return NOT_FOUND if NOT_FOUND in step.outcomes else WANTS_HUMAN


def _negative(name: str) -> bool:
    return name.split("_")[0] in _NEGATIVE
