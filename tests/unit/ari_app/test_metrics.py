"""Metrics: the promised names, each in a registry of its own."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ari_app.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What Prometheus would read, by name and labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_counts_are_read_back_by_name_and_label() -> None:
    metrics = Metrics()
    metrics.active_calls.set(3)
    metrics.ari_connected.set(1)
    metrics.calls.labels(disposition="ordered").inc(2)
    metrics.events_ignored.labels(state="speaking", event="KeyPressed").inc()
    metrics.transport_fallbacks.inc()
    metrics.rtp_bad_packets.inc(4)
    metrics.ari_reconnects.inc(5)
    found = samples(metrics)
    assert found["callflow_active_calls", ()] == 3
    assert found["callflow_ari_connected", ()] == 1
    assert found["callflow_calls_total", (("disposition", "ordered"),)] == 2
    assert found["callflow_events_ignored_total", (("event", "KeyPressed"), ("state", "speaking"))] == 1
    assert found["callflow_transport_fallbacks_total", ()] == 1
    assert found["callflow_rtp_bad_packets_total", ()] == 4
    assert found["callflow_ari_reconnects_total", ()] == 5


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("audiosocket_to_stt", "callcenter_audiosocket_to_stt_ms"),
        ("stt_latency", "callcenter_stt_latency_ms"),
        ("llm_latency", "callcenter_llm_latency_ms"),
        ("tts_latency", "callcenter_tts_latency_ms"),
        ("tts_delivery", "callcenter_tts_delivery_ms"),
        ("total_response_latency", "callcenter_total_response_latency_ms"),
    ],
)
def test_the_parts_of_a_turn_are_in_milliseconds(attribute: str, name: str) -> None:
    metrics = Metrics()
    getattr(metrics, attribute).observe(420)
    found = samples(metrics)
    assert found[f"{name}_sum", ()] == 420
    assert found[f"{name}_bucket", (("le", "300.0"),)] == 0
    assert found[f"{name}_bucket", (("le", "500.0"),)] == 1


def test_a_late_tick_is_in_seconds() -> None:
    metrics = Metrics()
    metrics.ticker_lateness.observe(0.003)
    found = samples(metrics)
    assert found["callflow_ticker_lateness_seconds_bucket", (("le", "0.002"),)] == 0
    assert found["callflow_ticker_lateness_seconds_bucket", (("le", "0.005"),)] == 1


def test_the_process_is_measured_too() -> None:
    assert samples(Metrics())["process_resident_memory_bytes", ()] > 0


def test_two_controllers_do_not_share_their_counts() -> None:
    first, second = Metrics(), Metrics()
    first.active_calls.set(7)
    assert samples(second)["callflow_active_calls", ()] == 0
