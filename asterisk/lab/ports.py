"""Ports of 127.0.0.1 that nobody has."""

from __future__ import annotations

import secrets
import socket

HOST = "127.0.0.1"


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that was free a moment ago: UDP, or TCP with `SOCK_STREAM`."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def rtp_range() -> tuple[int, int]:
    """400 ports below those the kernel gives away; labs may overlap: Asterisk passes over a taken port."""
    first = 12_000 + 400 * secrets.randbelow(50)
    return first, first + 399
