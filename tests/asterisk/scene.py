"""One scene of the product on a real Asterisk: telephones outside, the controller in this process.

    async with Scene() as scene:
        call = await scene.phones.dial("100")
        await scene.reaches(State.LISTENING)
        await call.says("winter tyres please")
        ...
        record = await scene.ended()
        await scene.nothing_left()

The engines take no time and make no mistakes: the agent's voice is a tone of 440 Hz, 60 ms a letter, and the
recogniser hears `scene.words`, one after the other. So what is measured is everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from agent.ports import Agent
from agent.scripted import ScriptedAgent
from ari_app.main import Controller, Engines
from ari_app.settings import Settings
from asterisk.lab.instance import Lab
from asterisk.lab.phone import PhoneExchange
from asterisk.lab.stage import Stage
from callflow.effects import Effect
from callflow.events import Event
from callflow.machine import CallMachine
from callflow.table import State
from media.fakes import LETTER_MS, InstantRecognizer, ToneSynthesizer
from storage.ports import Call as Record
from storage.ports import CallStore
from tests.asterisk.leftovers import Watch

WAIT_S = 20.0
T = TypeVar("T")

GREETING = "Good day, this is a machine."
FLOW = f"""
flow: acceptance
language: en
start: greeting
limits:
  call: 2m
silence:
  after: 8s
  say:
    - Hello?
  next: operator
anywhere:
  key_0: operator
  wants_human: operator
  limit: operator
  error: operator
steps:
  greeting:
    say: {GREETING}
    interruptible: false
    next: seller
  seller:
    agent: Sell tyres.
    outcomes:
      ordered: the order was confirmed
    next:
      not_understood: operator
  operator:
    say: One moment.
    transfer: sales
    next:
      no_answer: callback_wanted
      failed: callback_wanted
ends:
  ordered: Thank you, goodbye.
  callback_wanted: We will call you back.
"""
"""Every state in few seconds: an uninterruptible notice, an agent, a queue, two ends."""


def spoken_ms(text: str) -> int:
    """How long the agent's voice takes for a text."""
    return len(text) * LETTER_MS


class News:
    """Wakes whoever waits for a fact of this process."""

    def __init__(self, told: Callable[[], str]) -> None:
        """`told` says what happened so far, for the message of a test that waits in vain."""
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Event] = set()

    def tell(self) -> None:
        """Something happened. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def until(self, found: Callable[[], T | None], what: str, within_s: float = WAIT_S) -> T:
        """Wait until `found` gives something that is not None or False. Fails the test by the name `what`."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(within_s):
                while not (result := found()):
                    await woken.wait()
                    woken.clear()
                return result
        except TimeoutError:
            raise AssertionError(f"waited {within_s} s in vain for {what}; {self._told()}") from None
        finally:
            self._waiting.discard(woken)


class Logs:
    """What the product logs, as dictionaries, in place of printing it."""

    def __init__(self, news: News) -> None:
        self.lines: list[Mapping[str, Any]] = []
        self._news = news

    def __call__(self, _logger: object, method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        self.lines.append({"level": method, "at": time.monotonic(), **line})
        self._news.tell()
        raise structlog.DropEvent

    def of(self, event: str, **fields: object) -> list[Mapping[str, Any]]:
        """The lines of an event, with these fields."""
        wanted = {"event": event, **fields}
        return [line for line in self.lines if wanted.items() <= line.items()]

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take every line that is logged inside."""
        processors = structlog.get_config()["processors"]
        before = processors.copy()
        processors[:] = [self]
        try:
            yield
        finally:
            processors[:] = before


@dataclass(frozen=True)
class Fact:
    """One fact that a call's machine took, the state and step after it, and what followed."""

    call_id: str
    event: Event
    state: State
    step: str
    effects: tuple[Effect, ...]
    at_s: float


class Scene:
    """See the module. `words`: what the caller's utterances are understood as, in order; then `winter tyres`.

    flow, settings, operators, lab: as `Stage` takes them. `controller` False: start it with
    `start_controller`, with other settings if need be.
    """

    def __init__(
        self,
        *,
        flow: str = FLOW,
        agent: Agent | None = None,
        words: tuple[str, ...] = (),
        settings: Mapping[str, str] | None = None,
        operators: tuple[str, ...] = ("201",),
        lab: Mapping[str, Any] | None = None,
        controller: bool = True,
    ) -> None:
        self.words = list(words)
        self.facts: list[Fact] = []
        self.stage = Stage(
            flow=flow.replace("flow: acceptance", "flow: tyre_shop"),
            settings=settings,
            operators=operators,
            lab={"queue_timeout_s": 4, "queue_ring_s": 2, **(lab or {})},
            controller=False,
            shop=False,
        )
        self._agent = agent or ScriptedAgent(outcomes={"person": "wants_human", "order": "ordered"})
        self._with_controller = controller
        self._controller: Controller | None = None
        self._held = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Scene:
        self.news = News(self.told)
        self.logs = Logs(self.news)
        async with contextlib.AsyncExitStack() as held:
            held.callback(self.stage.lab.close)
            held.enter_context(self.logs.listening())
            await held.enter_async_context(self.stage)
            self._held = held.pop_all()
        try:
            if self._with_controller:
                await self.start_controller()
        except BaseException:
            await self._held.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    async def start_controller(self, **settings: str) -> Controller:
        """Start the controller, in this process."""
        return await self.enter(self.new_controller(**settings))

    async def enter(self, controller: Controller) -> Controller:
        """Start a controller that `new_controller` made; what there is then is no leftover of a call."""
        self._controller = await self._held.enter_async_context(controller)
        await self.logged("ari.up")
        self._watch = Watch(controller, self.lab)
        return controller

    async def nothing_left(self) -> None:
        """Wait until no call has left anything behind; fails with what is left."""
        await self._watch.nothing()

    def new_controller(self, **settings: str) -> Controller:
        """A controller that is not started yet; the settings it is given win over the scene's."""
        values = {name: text for name, text in (self.stage.environment | settings).items() if text}
        engines = Engines(InstantRecognizer(self._next_words), self._agent, ToneSynthesizer())
        return Controller(Settings.of(values), engines, [self._observe])

    @property
    def controller(self) -> Controller:
        """The running controller."""
        assert self._controller is not None, "this scene has no controller yet"
        return self._controller

    @property
    def lab(self) -> Lab:
        """The Asterisk under test."""
        return self.stage.lab

    @property
    def phones(self) -> PhoneExchange:
        """The telephones."""
        return self.stage.phones

    @property
    def store(self) -> CallStore:
        """What the controller records to."""
        return self.controller.services.store

    # --- waiting for facts ---------------------------------------------------------------------------

    async def reaches(self, state: State, *, step: str | None = None, since: int = 0) -> Fact:
        """Wait until a call is, or since fact number `since` has been, in a state."""

        def found() -> Fact | None:
            fits = (f for f in self.facts[since:] if f.state is state and step in (None, f.step))
            return next(fits, None)

        return await self.news.until(found, f"{state} in {step or 'any step'}")

    async def logged(self, event: str, **fields: object) -> Mapping[str, Any]:
        """Wait for a line of the log; the first that fits, also if it is there already."""
        what = f"the log line {event} {fields}"
        lines = await self.news.until(lambda: self.logs.of(event, **fields), what)
        return lines[0]

    async def ended(self, count: int = 1) -> Record:
        """Wait until so many calls have ended, each with all it held; the record of the last of them."""
        enough = lambda: len(self.logs.of("call.ended")) >= count  # noqa: E731
        await self.news.until(enough, f"the end of {count} call(s)", 40.0)
        call_ids = self.ended_ids[:count]
        async with asyncio.timeout(WAIT_S):  # a record is closed after that line
            while any(call.call_id in call_ids for call in self.controller.switchboard.calls):
                await asyncio.sleep(0.01)
        return await self.record(call_ids[-1])

    @property
    def ended_ids(self) -> list[str]:
        """The calls that ended, in order."""
        return [fact.call_id for fact in self.facts if fact.state is State.ENDED]

    async def record(self, call_id: str) -> Record:
        """A call as it is stored."""
        record = await self.store.get(call_id)
        assert record is not None, f"call {call_id} is not stored"
        return record

    def told(self) -> str:
        """What happened so far, for the message of a test that fails."""
        facts = " → ".join(f"{type(fact.event).__name__}:{fact.state}" for fact in self.facts[-60:])
        loud = [line for line in self.logs.lines if line["level"] in ("warning", "error", "exception")]
        return f"facts: {facts or 'none'}; complaints: {loud}"

    def _observe(self, call_id: str, machine: CallMachine, event: Event, effects: tuple[Effect, ...]) -> None:
        now = time.monotonic()
        self.facts.append(Fact(call_id, event, machine.state, machine.step, effects, now))
        self.news.tell()

    def _next_words(self) -> str:
        return self.words.pop(0) if self.words else "winter tyres"
