"""What an utterance means in a step: new answers, a way out, or nothing that is understood. Pure.

Rule 1: the gate hears every utterance first; what it had offered is void afterwards.
Rule 2: a way out (a person, a refusal) goes before any answer, an answer before "that is all".
Rule 3: whatever was understood ends a row of misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from agent import outcomes, words
from agent.gate import Gate, Verdict
from agent.notes import Asked, StepNotes
from agent.ports import Conversation, Tool
from agent.slots import Kind, Known, Slot, digits, extract, slot
from callflow.schema import AgentStep


class Heard(StrEnum):
    """What follows from an utterance that ends nothing."""

    GO_ON = "go-on"
    WELCOME = "welcome"  # the caller only said what they came for
    UNHEARD = "unheard"  # a yes to a read-back that was cut off
    MISSED = "missed"


class Hearing:
    """The ears of one turn. `take` fills the conversation's slots."""

    def __init__(
        self,
        step: AgentStep,
        tools: Sequence[Tool],
        known: Known,
        talk: Conversation,
        notes: StepNotes,
        gate: Gate,
    ) -> None:
        self._step = step
        self._tools = tools
        self._known = known
        self._talk = talk
        self._notes = notes
        self._gate = gate

    def fields(self) -> list[Slot]:
        """What can be taken from a sentence: what is to collect, what the tools need and none of them gives,
        and the counts and known names that a tool may take."""
        given = {name for tool in self._tools for name in tool.gives}
        needed = [name for tool in self._tools for name in tool.needs if name not in given]
        listed = [self.slot(name) for name in dict.fromkeys([*self._step.collect, *needed])]
        optional = dict.fromkeys(name for tool in self._tools for name in tool.optional)
        extra = [self.slot(name) for name in optional if name not in {one.name for one in listed}]
        return listed + [one for one in extra if one.kind in (Kind.COUNT, Kind.CHOICE)]

    def slot(self, name: str) -> Slot:
        """A field as the flow and the tools describe it."""
        return slot(name, self._step.collect.get(name, ""), self._known)

    def phone(self) -> Slot | None:
        """The field that is a phone number, if the step has one."""
        return next((one for one in self.fields() if one.kind is Kind.PHONE), None)

    def take(self, text: str) -> Heard | str:
        """Take in an utterance: an outcome of the step, or what follows."""
        verdict = self._gate.hear(text, self._talk.lines)
        if words.mentions(text, words.HUMAN):
            return outcomes.WANTS_HUMAN
        if words.mentions(text, words.REFUSES):
            return outcomes.named(self._step, text) or outcomes.REFUSES
        if words.consists_of(text, words.AGAIN):
            return Heard.GO_ON
        if verdict is Verdict.UNHEARD:
            return Heard.UNHEARD
        if verdict is Verdict.YES or self._fill(text):
            self._notes.asked, self._notes.misses = "", 0
            return Heard.GO_ON
        return self._end(text) or self._answer(text, verdict)

    # --- answers that fill a field -------------------------------------------------------------------

    def _fill(self, text: str) -> bool:
        """Take all fields that the sentence holds; whether any is new."""
        asked = self._phone_name() if self._notes.asked == Asked.CALLER else self._notes.asked
        found = {} if self._leaves(text) else extract(text, self.fields(), asked, self._nouns())
        found = found or self._dictated(text, asked) or self._calling_number(text)
        new = {name: value for name, value in found.items() if self._talk.slots.get(name) != value}
        self._talk.slots.update(new)
        if new:
            self._notes.part = ""
        return bool(new)

    def _leaves(self, text: str) -> bool:
        """Whether what might be a free text is the end of the talk."""
        asked = self._notes.asked
        free = bool(asked) and asked not in set(Asked) and self.slot(asked).kind is Kind.TEXT
        return free and words.consists_of(text, words.DONE)

    def _dictated(self, text: str, asked: str) -> dict[str, str]:
        """A phone number in several breaths: keep what is there until it is whole."""
        said = digits(text)
        if not said or not asked or asked != self._phone_name():
            return {}
        whole = self._notes.part + said
        self._notes.part = whole if len(whole) <= 15 else said
        self._notes.want_other_number()
        self._notes.asked = asked
        return extract(whole, [self.slot(asked)], asked)

    def _calling_number(self, text: str) -> dict[str, str]:
        agreed = self._notes.asked == Asked.CALLER and words.consists_of(text, words.YES)
        return {self._phone_name(): self._talk.caller} if agreed else {}

    def _phone_name(self) -> str:
        phone = self.phone()
        return phone.name if phone else ""

    def _nouns(self) -> list[str]:
        names = [(name, *others) for name, others in self._known.get("product", {}).items()]
        return [token for group in names for name in group for token in words.tokens(name)]

    # --- answers that do not ------------------------------------------------------------------------

    def _end(self, text: str) -> str | None:
        """The outcome of "that is all", and of a plain no where there is nothing to say no to."""
        asked = self._notes.asked
        if words.mentions(text, words.DONE) and not words.mentions(text, words.YES):
            return outcomes.nothing_more(self._step)
        if asked in (Asked.CALLER, Asked.CONFIRM, Asked.OUTCOME) or not words.consists_of(text, words.NO):
            return None
        return outcomes.nothing_more(self._step)

    def _answer(self, text: str, verdict: Verdict) -> Heard | str:
        """A no, a field's name, a part of a number, a wish; else a miss."""
        asked = self._notes.asked
        if asked == Asked.OUTCOME:
            return outcomes.by_words(self._step, text) or Heard.MISSED
        if asked == Asked.CALLER and words.mentions(text, words.NO):
            self._notes.want_other_number()
            self._notes.asked = self._phone_name()
            return Heard.GO_ON
        if verdict is Verdict.NO:
            self._notes.asked = Asked.CHANGE
        if verdict is Verdict.NO or asked == Asked.CHANGE:
            return self._drop(text, missed=verdict is not Verdict.NO)
        if self._notes.part and digits(text):
            return Heard.GO_ON
        if verdict is Verdict.NONE and not self._notes.greeted and self._wishes(text):
            self._notes.greet()
            return Heard.WELCOME
        return Heard.MISSED

    def _wishes(self, text: str) -> bool:
        """Whether the caller says what they came for, or names the thing itself."""
        return words.mentions(text, words.WANTS) or not set(self._nouns()).isdisjoint(words.tokens(text))

    def _drop(self, text: str, missed: bool) -> Heard:
        """The caller names the field to change: forget it and ask for it."""
        said = words.tokens(text)
        for one in self.fields():
            if words.find(said, words.tokens(one.name.replace("_", " "))) >= 0:
                self._talk.slots.pop(one.name, None)
                self._notes.want_other_number()
                self._notes.asked = one.name
                return Heard.GO_ON
        return Heard.MISSED if missed else Heard.GO_ON
