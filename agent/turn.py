"""One turn of the local agent: what was heard goes in, sentences and uses of tools come out.

Rule 1: what was not understood is asked for again, then in other words; the third miss ends the step.
Rule 2: whatever a tool does, the turn ends in words and an outcome, never in an exception.
Rule 3: notes are written before the words they belong to are given out: a turn may be cut at any of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

from agent import outcomes, phrases, questions
from agent.gate import Gate, NotConfirmed, Permit, digest
from agent.hearing import Heard, Hearing
from agent.notes import FAULT, Asked, StepNotes
from agent.plan import Ask, Done, Plan, Run
from agent.ports import AgentEvent, Conversation, Expected, Finished, Sentence, ToolUsed
from agent.slots import Kind, Slot, can_be_called
from agent.tools.registry import Registry
from agent.words import squeezed
from callflow.errors import ToolError
from callflow.schema import AgentStep

MAX_MISSES = 3
PATIENCE_S = 0.8
"""After this long without a tool's answer the caller is told to wait."""
MAX_RESULT = 500


class Turn:
    """One turn in a step. All state is in the conversation. Raises `ToolError` when the step names a tool
    that is none of the registry's."""

    def __init__(self, registry: Registry, name: str, step: AgentStep, talk: Conversation) -> None:
        self._registry = registry
        self._step = step
        self._talk = talk
        self._notes = StepNotes(talk.notes, f"{name} {talk.visit}")
        self._gate = Gate(talk.notes, step.confirm_first)
        tools = registry.pick(step.tools)
        self._plan = Plan(step, tools, talk)
        self._hearing = Hearing(step, tools, registry.words, talk, self._notes, self._gate)

    async def take(self, text: str) -> AsyncGenerator[AgentEvent, None]:
        """Answer what was heard; an empty text opens the step, or was not understood when it is open."""
        opened = self._open()
        heard = self._hearing.take(text) if text or not opened else Heard.GO_ON
        if not isinstance(heard, Heard):
            yield self._finish(heard)
            return
        if heard in (Heard.MISSED, Heard.UNHEARD):
            self._notes.misses += 1
            if self._notes.misses >= MAX_MISSES:
                yield self._finish(outcomes.NOT_UNDERSTOOD)
                return
        opening = {
            Heard.MISSED: questions.SORRY,
            Heard.UNHEARD: questions.ONCE_MORE,
            Heard.WELCOME: questions.OF_COURSE,
        }
        if sentence := opening.get(heard):
            yield Sentence(sentence)
        async with aclosing(self._go_on()) as events:
            async for event in events:
                yield event

    def expects(self) -> Expected:
        """What the caller may say now: answers to all that is open, and corrections of what was said."""
        asked = self._notes.asked
        names: Iterable[str] = self._step.outcomes if asked == Asked.OUTCOME else ()
        if asked in (Asked.CONFIRM, Asked.CHANGE):
            names = [one.name for one in self._hearing.fields()]
        return phrases.expected(
            self._open_fields(asked),
            self._registry.words,
            self._talk.language,
            yes_no=asked in (Asked.CALLER, Asked.CONFIRM, Asked.OUTCOME),
            more=(name.replace("_", " ") for name in names),
        )

    def _open_fields(self, asked: str) -> list[Slot]:
        """The fields to listen for. Fewer are heard better: numbers only when they are asked for, and at a
        read-back what is changed in a word."""
        fields = self._hearing.fields()
        match asked:
            case Asked.CHANGE:
                return fields
            case Asked.CALLER:
                return [one for one in fields if one.kind is Kind.PHONE]
            case Asked.CONFIRM:
                return [one for one in fields if one.kind in (Kind.CHOICE, Kind.COUNT)]
            case _:
                by_word = [one for one in fields if one.kind in (Kind.CHOICE, Kind.SIZE)]
                unknown = [one for one in by_word if not self._talk.slots.get(one.name)]
                return [self._hearing.slot(asked), *unknown] if asked else unknown

    def _open(self) -> bool:
        """Enter the step, unless this visit of it has begun. All its tools are to run anew."""
        if self._notes.is_open:
            return False
        self._notes.open()
        self._gate.reset()
        self._plan.forget()
        return True

    def _finish(self, outcome: str) -> Finished:
        self._notes.close()
        self._gate.reset()
        return Finished(outcome)

    # --- going on ------------------------------------------------------------------------------------

    async def _go_on(self) -> AsyncGenerator[AgentEvent, None]:
        """Run what can be run, until the caller is to be asked or the step is done."""
        while isinstance(action := self._next(), Run):
            try:
                permit = self._gate.permit(action.tool.name, action.arguments)
            except NotConfirmed:
                for event in self._read_back(action):
                    yield event
                return
            async with aclosing(self._use(action, permit)) as events:
                async for event in events:
                    yield event
                    if isinstance(event, Finished):
                        return
        if isinstance(action, Done):
            outcome = outcomes.by_slots(self._step, self._talk.slots)
            yield self._finish(outcome or outcomes.success(self._step, self._step.tools))
            return
        for event in self._ask(action.field):
            yield event

    def _next(self) -> Ask | Run | Done:
        """What the caller was asked stays asked until it is answered; then the plan decides."""
        asked = self._notes.asked
        if not self._step.tools and not self._step.collect:
            return Ask(Asked.OUTCOME)
        if asked == Asked.CHANGE or (asked and asked not in set(Asked)):
            return Ask(asked)
        return self._plan.next()

    def _ask(self, field: str) -> Iterator[AgentEvent]:
        self._notes.asked = field
        for sentence in questions.sentences(self._question(field)):
            yield Sentence(sentence)
        yield Finished()

    def _question(self, field: str) -> str:
        misses = self._notes.misses
        if field == Asked.CHANGE:
            return questions.change(one.name for one in self._hearing.fields())
        if field == Asked.OUTCOME:
            first = "" if self._step.say else questions.HELP
            return questions.which_outcome(self._step.outcomes) if misses else first
        slot = self._hearing.slot(field)
        if slot.kind is Kind.PHONE and self._notes.part:
            return questions.the_rest(self._notes.part)
        offers = can_be_called(self._talk.caller) and not self._notes.wants_other_number
        if slot.kind is Kind.PHONE and offers:
            self._notes.asked = Asked.CALLER
            return questions.use_caller(slot, misses)
        return questions.question(slot, misses)

    def _read_back(self, run: Run) -> Iterator[AgentEvent]:
        """Say what would be done, and ask for the yes that the gate waits for."""
        details = questions.read_back(run.arguments, self._talk.caller)
        question = questions.shall_i(run.tool)
        self._notes.asked = Asked.CONFIRM
        self._gate.offer(run.tool.name, run.arguments, details, question)
        for sentence in (*questions.sentences(details), question):
            yield Sentence(sentence)
        yield Finished()

    # --- tools ---------------------------------------------------------------------------------------

    async def _use(self, run: Run, permit: Permit) -> AsyncGenerator[AgentEvent, None]:
        """Run a tool; `Finished` when its result, or its failure, ends the step."""
        name, started = run.tool.name, time.perf_counter()
        key = f"{self._talk.call_id}-{name}-{digest(name, run.arguments)}"
        task = asyncio.ensure_future(self._registry.run(permit, idempotency_key=key))
        try:
            done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
            if not done:
                yield Sentence(questions.ONE_MOMENT)
            result = dict(await task)
        except ToolError as error:
            self._talk.notes[FAULT] = f"{name} failed"
            yield ToolUsed(name, run.arguments, f"{error.code}: {error}"[:MAX_RESULT], False, _ms(started))
            yield Sentence(questions.AWAY)
            yield self._finish(outcomes.WANTS_HUMAN)
            return
        finally:
            if not task.cancel() and not task.cancelled():
                task.exception()  # a turn that was cut has no use for it, but it counts as seen
        say, outcome = result.pop("say", ""), result.pop("outcome", "")
        if not outcome:
            self._learn(run, result)
        fields = "; ".join(f"{field}: {value}" for field, value in result.items())
        yield ToolUsed(
            name, run.arguments, f"{outcome} {say} {fields}".strip()[:MAX_RESULT], True, _ms(started)
        )
        for sentence in questions.sentences(say):
            if outcome or not self._was_heard(sentence):
                yield Sentence(sentence)
        if outcome:
            yield self._finish(self._means(outcome))

    def _learn(self, run: Run, result: dict[str, str]) -> None:
        """Keep a result: later tools read `facts`, texts read `values` (their names have a dot)."""
        self._talk.facts.update(result)
        self._talk.values.update({name: value for name, value in result.items() if "." in name})
        self._plan.ran(run)

    def _was_heard(self, sentence: str) -> bool:
        """Whether the caller knows this already: what a tool found is not said twice."""
        said = squeezed(sentence)
        return any(line.speaker == "agent" and said in squeezed(line.text) for line in self._talk.lines)

    def _means(self, outcome: str) -> str:
        """A tool's outcome as one of the step's."""
        if outcome in self._step.outcomes:
            return outcome
        return outcomes.nothing_found(self._step)


def _ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
