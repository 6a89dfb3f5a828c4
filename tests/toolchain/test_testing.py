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
    from collections.abc import Callable, Mapping


def _tests(root: Path, *select: str) -> testing.Tests:
    return testing.Tests(Checkout(root), Cache(root / "cache"), Progress(), select)


@pytest.mark.parametrize(
    ("status", "select", "expected"),
    [(5, (), 5), (5, ("-k", "x"), 0), (1, ("-k", "x"), 1), (1, (), 1), (0, (), 0)],
)
def test_a_part_without_tests_fails_unless_they_were_selected_away(
    status: int, select: tuple[str, ...], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], *, env: Mapping[str, str], cwd: Path, interactive: bool, last: bool) -> int:
        assert command[-len(select) :] == list(select) or not select
        assert (cwd, interactive, last, "PATH" in env) == (tmp_path, False, False, True)
        return status

    monkeypatch.setattr(foreground, "run", run)
    assert _tests(tmp_path, *select)._pytest(Path(sys.executable), "tests") == expected


PROJECT = """
from pathlib import Path
import pytest

def note(name):
    with Path(__file__).with_name("ran").open("a") as file:
        print(name, file=file)

@pytest.mark.kernel
def test_kernel():
    note("kernel")

def test_plain():
    note("plain")

@pytest.mark.kernel
@pytest.mark.campaign
def test_campaign():
    note("campaign")
"""


@pytest.mark.parametrize("failing", [(), ("check",), ("policies",), ("e2e",)])
def test_the_whole_run_has_every_test_once_and_fails_with_each_of_its_parts(
    failing: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  kernel\n  campaign\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(PROJECT)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    ran = tmp_path / "tests" / "ran"
    for name in ("check", "policies", "e2e"):
        monkeypatch.setattr(testing.Tests, name, _part(name, int(name in failing), ran))
    assert _tests(tmp_path).all_and_check() == len(failing)
    *together, last = ran.read_text().split()
    assert sorted(together) == ["check", "kernel", "plain", "policies"]
    assert last == "e2e", "which has the machine to itself"
    said = capfd.readouterr()
    parts = said.out + said.err
    assert parts.count("1 passed") == 2
    assert all(f"\n== {name}" in parts for name in ("check", "plain", "policies", "kernel", "e2e"))
    assert parts.rstrip().endswith(f"Failed: {failing[0]}") if failing else "Failed" not in parts


def test_a_failing_plain_test_fails_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    statuses = {"not kernel and not campaign": 1, "kernel and not campaign": 0}
    monkeypatch.setattr(testing.Tests, "_pytest", lambda _run, *arguments: statuses[arguments[-1]])
    for name in ("check", "policies", "e2e"):
        monkeypatch.setattr(testing.Tests, name, _part(name, 0, tmp_path / "ran"))
    assert _tests(tmp_path).all_and_check() == 1
    assert capfd.readouterr().err.rstrip().endswith("Failed: plain")


def _part(name: str, status: int, ran: Path) -> Callable[[testing.Tests], int]:
    def part(_: testing.Tests) -> int:
        with ran.open("a") as file:
            print(name, file=file)
        return status

    part.__name__ = name
    return part
