"""What all calls share. Made once by `ari_app.main`, and by tests with fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.ports import Agent
from ari_app.arrivals import Arrivals
from ari_app.metrics import Metrics
from ari_app.ports import Ari
from ari_app.settings import Settings
from ari_app.summary import SummaryDesk
from callflow.effects import Effect
from callflow.events import Event
from callflow.load import LoadedFlow
from callflow.machine import CallMachine
from media.pacing import Ticker
from media.ports import Recognizer, Synthesizer, VoiceDetector
from media.transports.audiosocket import AudioSocketServer
from media.transports.rtp import RtpPorts
from storage.ports import CallStore

Observer = Callable[[str, CallMachine, Event, tuple[Effect, ...]], None]
"""Sees each fact of each call with what followed: call id, machine (after it), fact, effects."""


@dataclass(slots=True)
class Services:
    """The parts that a call uses."""

    settings: Settings
    ari: Ari
    store: CallStore
    agent: Agent
    recognizer: Recognizer
    synthesizer: Synthesizer
    ticker: Ticker
    vad: VoiceDetector
    rtp_ports: RtpPorts
    audiosocket: AudioSocketServer
    desk: SummaryDesk
    metrics: Metrics
    flow: Callable[[], LoadedFlow]
    """The flow that a new call gets."""
    arrivals: Arrivals = field(default_factory=Arrivals)
    observers: list[Observer] = field(default_factory=list)
    unended: set[str] = field(default_factory=set)
    """Channels whose calls are over, and that could not be hung up because Asterisk was out of reach."""
    rtp_is_heard: bool = True
    """Whether the start-up self-test found that Asterisk hears our RTP."""
