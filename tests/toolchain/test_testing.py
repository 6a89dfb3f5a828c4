"""`make test` fails when a part has lost its tests; a selection may leave a part without any."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolchain import foreground, testing
from toolchain.cache import Cache
from toolchain.checkout import Checkout
from toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping


def _tests(root: Path, *select: str) -> testing.Tests:
    return testing.Tests(Checkout(root), Cache(root / "cache"), Progress(), select)


@pytest.mark.parametrize(
    ("status", "select", "expected"),
    [(5, (), 5), (5, ("-k", "x"), 0), (1, ("-k", "x"), 1), (1, (), 1), (0, (), 0)],
)
def test_a_part_without_tests_fails_unless_they_were_selected_away(
    status: int, select: tuple[str, ...], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], *, env: Mapping[str, str], cwd: Path, interactive: bool) -> int:
        assert command[-len(select) :] == list(select) or not select
        assert (cwd, interactive, "PATH" in env) == (tmp_path, False, True)
        return status

    monkeypatch.setattr(foreground, "run", run)
    assert _tests(tmp_path, *select)._pytest(Path(sys.executable), "tests") == expected
