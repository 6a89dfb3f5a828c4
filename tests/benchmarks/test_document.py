"""What a benchmark's figures look like, and that a run replaces its own chapter only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as runner
from benchmarks.document import Document
from benchmarks.section import BenchmarkSection, Row

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_say_whether_their_target_is_met() -> None:
    assert (
        Row.median("it", [3.0, 1.0, 2.0], "s", at_most=2).markdown()
        == "| it | 2 s | 1 to 3 | at most 2 s (met) |"
    )
    assert (
        Row.median("it", [3.0, 1.0, 2.5], "s", at_most=2).markdown().endswith("| at most 2 s (**missed**) |")
    )
    assert Row.ratio("it", 0.95, at_least=0.9).markdown() == "| it | 0.95 |  | at least 0.9 (met) |"
    assert Row.ratio("it", 0.8, at_least=0.9).met is False
    assert Row.ratio("it", 1.234).markdown() == "| it | 1.23 |  |  |"


def test_a_run_replaces_its_own_chapter_and_keeps_the_others(tmp_path: Path) -> None:
    document = Document(tmp_path / "docs" / "benchmarks.md")
    document.put("b", BenchmarkSection("B", "how", [Row("x", 1)]).markdown())
    document.put("a", BenchmarkSection("A", "how", [Row("y", 2)]).markdown())
    document.put("b", BenchmarkSection("B", "how else", [Row("x", 3)]).markdown())

    text = document.file.read_text()
    assert text.startswith("# Benchmarks\n")
    assert text.index("## A") < text.index("## B")
    assert "| y | 2 |" in text
    assert "how else" in text
    assert "| x | 1 |" not in text
    assert text.count("Measured on ") == 2


def test_one_that_fails_does_not_cost_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def module(name: str) -> object:
        def run() -> BenchmarkSection:
            if name == "benchmarks.bad":
                raise RuntimeError("the reason")
            return BenchmarkSection("Good", "how", [Row("x", 1)])

        return type("module", (), {"run": staticmethod(run)})

    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "available", lambda: ["bad", "good"])
    monkeypatch.setattr("importlib.import_module", module)
    assert runner.main([]) == 1
    assert "the reason" in capsys.readouterr().err
    assert "## Good" in (tmp_path / "docs" / "benchmarks.md").read_text()


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["nonsense"])
    assert "warm_up" in capsys.readouterr().err
