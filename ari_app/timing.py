"""Where the time of a turn goes: from the end of the caller's speech to the first sound of the answer."""

from __future__ import annotations

from ari_app.metrics import Metrics
from media.line import Line


class TurnClock:
    """One turn of the agent. Marks are milliseconds since the caller's last word ended.

    `caller_stopped`: the endpointer was sure; `words`: they were recognised; `agent`: its first sentence was
    there; `first_audio`: the first frame of the answer was sent. A turn that answers nobody has no marks.
    """

    def __init__(self, zero: float) -> None:
        self._zero = zero
        self.marks: dict[str, float] = {}

    def mark(self, name: str, at: float) -> None:
        """Remember the first time something happened (loop time, s)."""
        if self._zero and name not in self.marks:
            self.marks[name] = round((at - self._zero) * 1000, 1)


class TurnClocks:
    """The clocks of a call's turns, by turn and then by the utterance that answers."""

    def __init__(self, line: Line, metrics: Metrics) -> None:
        self._line = line
        self._metrics = metrics
        self._turn: TurnClock | None = None
        self._speech: dict[int, TurnClock] = {}

    def asked(self, at: float, *, answers: bool) -> None:
        """The agent was asked; `answers` False: nobody had said anything."""
        hearing = self._line.hearing
        self._turn = TurnClock(hearing.speech_ended_at if answers else 0.0)
        self._turn.mark("caller_stopped", hearing.stop_decided_at)
        self._turn.mark("words", at)

    def spoke(self, speech: int, at: float) -> None:
        """The agent's first sentence of the turn is given to the voice."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.mark("agent", at)
            self._speech[speech] = turn

    def ended(self, speech: int) -> dict[str, float]:
        """The marks of the utterance that ended, and the metrics told."""
        turn = self._speech.pop(speech, None)
        if turn is None:
            return {}
        if self._line.first_audio_at:
            turn.mark("first_audio", self._line.first_audio_at)
        self._tell_metrics(turn.marks)
        return turn.marks

    def _tell_metrics(self, marks: dict[str, float]) -> None:
        if "words" in marks:
            self._metrics.stt_latency.observe(marks["words"])
        if "words" in marks and "agent" in marks:
            self._metrics.llm_latency.observe(marks["agent"] - marks["words"])
        if "agent" in marks and "first_audio" in marks:
            self._metrics.tts_latency.observe(marks["first_audio"] - marks["agent"])
            self._metrics.total_response_latency.observe(marks["first_audio"])
