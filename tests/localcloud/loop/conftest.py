"""Long proofs say how far they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Progress = Callable[[str], None]


@pytest.fixture
def progress(capsys: pytest.CaptureFixture[str]) -> Progress:
    """Return what prints a line at once, whatever becomes of the test."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    return say
