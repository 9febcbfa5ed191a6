"""What is counted and timed. One object, made at the start and handed to who measures; no globals."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

TURN_MS = (5, 10, 25, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000)
"""Buckets for the parts of a turn, in milliseconds: the whole should stay under 2000."""

TICK_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.5)
"""Buckets for how late a 20 ms frame leaves, in seconds."""


class Metrics:
    """Every metric of the controller, in a registry of its own. Names ending in `_ms` are in milliseconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._calls()
        self._media()
        self._turns()

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def _calls(self) -> None:
        self.active_calls = self._gauge("callflow_active_calls", "Calls that are up.")
        self.calls = self._counter("callflow_calls_total", "Calls that ended.", "disposition")
        self.events_ignored = self._counter(
            "callflow_events_ignored_total", "Events that came late or in a wrong state.", "state", "event"
        )
        self.ari_connected = self._gauge("callflow_ari_connected", "1 while Asterisk's events come in.")
        self.ari_reconnects = self._counter(
            "callflow_ari_reconnects_total", "Times the link to Asterisk was made again."
        )

    def _media(self) -> None:
        self.transport_fallbacks = self._counter(
            "callflow_transport_fallbacks_total", "Calls that went from RTP to AudioSocket."
        )
        self.rtp_bad_packets = self._counter(
            "callflow_rtp_bad_packets_total", "Datagrams that were dropped: truncated, foreign, garbage."
        )
        self.ticker_lateness = Histogram(
            "callflow_ticker_lateness_seconds", "How late audio left.", buckets=TICK_S, registry=self.registry
        )

    def _turns(self) -> None:
        self.audiosocket_to_stt = self._turn_ms(
            "callcenter_audiosocket_to_stt_ms", "From a frame's arrival to the recogniser."
        )
        self.stt_latency = self._turn_ms(
            "callcenter_stt_latency_ms", "From the end of the caller's speech to its words."
        )
        self.llm_latency = self._turn_ms(
            "callcenter_llm_latency_ms", "From the words to the agent's first sentence."
        )
        self.tts_latency = self._turn_ms("callcenter_tts_latency_ms", "From a sentence to its first sound.")
        self.tts_delivery = self._turn_ms(
            "callcenter_tts_delivery_ms", "From the first sound to its first frame on the wire."
        )
        self.total_response_latency = self._turn_ms(
            "callcenter_total_response_latency_ms",
            "From the end of the caller's speech to the first frame of the answer.",
        )

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _turn_ms(self, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, buckets=TURN_MS, registry=self.registry)
