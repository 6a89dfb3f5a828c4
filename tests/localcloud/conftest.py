"""After the tests: what was measured of them is written, where that was asked for."""

from __future__ import annotations

from tests.localcloud import driven


def pytest_sessionfinish() -> None:
    """Write which client drove which method."""
    driven.write()
