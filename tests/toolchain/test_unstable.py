"""Few failures are repeated alone; one that comes again fails the run, one that does not is named at its end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toolchain import testing
from toolchain.cache import Cache
from toolchain.checkout import Checkout
from toolchain.progress import Progress

# Passes at the runs of which the state file's number of failures has been had.
SOMETIMES = """
from pathlib import Path
import pytest
STATE = Path(__file__).with_name("failures-left")

@pytest.mark.parametrize("number", range({tests}))
def test_sometimes(number):
    left = int(STATE.read_text())
    STATE.write_text(str(left - 1))
    assert left <= 0, f"{{left}} failures left"

def test_always():
    pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # each start is quicker without what is not used
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    return tmp_path


def _run(
    project: Path, *, tests: int, failures: int, select: tuple[str, ...] = ()
) -> tuple[int, list[str], int]:
    """Run a project's tests; return the exit status, what is called unstable, and how often the unsteady tests ran."""
    (project / "tests" / "test_it.py").write_text(SOMETIMES.format(tests=tests))
    state = project / "tests" / "failures-left"
    state.write_text(str(failures))
    run = testing.Tests(Checkout(project), Cache(project / "cache"), Progress(), select)
    status = run._pytest(Path(sys.executable), "tests")
    return status, run.unstable, failures - int(state.read_text())


def test_a_test_that_fails_once_is_repeated_three_times_and_named(project: Path) -> None:
    status, unstable, ran = _run(project, tests=1, failures=1)
    assert (status, unstable, ran) == (0, ["tests/test_it.py::test_sometimes[0]"], 4)


@pytest.mark.parametrize("failures", [2, 3])
def test_one_that_fails_again_fails_the_run(failures: int, project: Path) -> None:
    status, unstable, ran = _run(project, tests=1, failures=failures)
    assert (status, unstable, ran) == (1, [], 2)


def test_more_than_a_few_are_not_repeated(project: Path) -> None:
    assert _run(project, tests=3, failures=3) == (1, [], 3)


def test_a_selection_is_not_repeated(project: Path) -> None:
    assert _run(project, tests=1, failures=1, select=("-k", "sometimes")) == (1, [], 1)


def test_a_file_that_cannot_be_read_fails_the_run(project: Path) -> None:
    (project / "tests" / "test_it.py").write_text("import nothing_of_this_name")
    run = testing.Tests(Checkout(project), Cache(project / "cache"), Progress())
    assert run._pytest(Path(sys.executable), "tests") != 0
    assert run.unstable == []


def test_the_end_of_the_whole_run_names_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "tests" / "test_it.py").write_text(SOMETIMES.format(tests=1))
    (project / "tests" / "failures-left").write_text("1")

    def part(run: testing.Tests) -> int:
        return run._pytest(Path(sys.executable), "tests")

    for name in ("policies", "e2e"):
        monkeypatch.setattr(testing.Tests, name, lambda _run: 0)
    monkeypatch.setattr(testing.Tests, "unit", part)
    part.__name__ = "unit"
    assert testing.Tests(Checkout(project), Cache(project / "cache"), Progress()).all() == 0
    said = capfd.readouterr()
    assert (said.out + said.err).rstrip().endswith("  tests/test_it.py::test_sometimes[0]")
    assert "UNSTABLE" in said.out + said.err
