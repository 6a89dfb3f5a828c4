"""Idle connections are the clients' to close."""

from __future__ import annotations

import httpx

from localcloud.daemon.server import KEEP_ALIVE

GO = 90  # seconds: net/http's DefaultTransport, which the official provider's clients have


def test_clients_close_idle_connections_before_the_daemon_does() -> None:
    ours = httpx.Limits().keepalive_expiry
    assert ours is not None
    assert max(ours, GO) < KEEP_ALIVE
