"""The audit of dependencies tells "nothing is wrong" from "nothing is known"."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from toolchain import audit, checks
from toolchain.checkout import Checkout
from toolchain.progress import Progress

# Stands in the place of the auditor's Python and answers as pip-audit does, from a file of answers by package.
AUDITOR = """#!{python}
import json, pathlib, sys
answers = json.loads(pathlib.Path({answers!r}).read_text())
file = pathlib.Path(sys.argv[sys.argv.index("--requirement") + 1])
names = [line.partition("=")[0] for line in file.read_text().splitlines()]
found = [answers[name] for name in names]
print(json.dumps({{"dependencies": found, "fixes": []}}))
sys.exit(any(item.get("vulns") for item in found))
"""
CANARY = {"name": "pyyaml", "version": "5.3", "vulns": [{"id": "PYSEC-2020-96", "fix_versions": ["5.3.1"]}]}
GOOD = {"name": "good", "version": "1", "vulns": []}


def auditor(folder: Path, **answers: object) -> audit.Auditor:
    for lock in audit.LOCKS:
        (folder / lock).parent.mkdir(exist_ok=True)
        (folder / lock).write_text("one==1\n")
    (folder / "answers").write_text(json.dumps(answers))
    program = folder / "python"
    program.write_text(AUDITOR.format(python=sys.executable, answers=str(folder / "answers")))
    program.chmod(0o755)
    return audit.Auditor(program)


def test_a_clean_audit_is_one_that_saw_the_known_vulnerability(tmp_path: Path) -> None:
    assert audit.run(auditor(tmp_path, pyyaml=CANARY, one=GOOD), tmp_path, {}) == 0


@pytest.mark.parametrize("answer", [{"name": "pyyaml", "skip_reason": "not found"}, {**CANARY, "vulns": []}])
def test_an_index_without_data_is_no_clean_audit(
    tmp_path: Path, answer: object, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = auditor(tmp_path, pyyaml=answer, one=GOOD)
    assert audit.run(blind, tmp_path, {}) == audit.SKIPPED
    assert "NOTHING IS KNOWN" in capsys.readouterr().out
    assert audit.run(blind, tmp_path, {audit.REQUIRED: "required"}) == 1


def test_an_auditor_that_breaks_is_no_clean_audit(tmp_path: Path) -> None:
    assert audit.run(auditor(tmp_path), tmp_path, {}) == audit.SKIPPED


def test_a_vulnerability_fails_and_says_what_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vulnerable = {"name": "one", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2", "3"]}]}
    assert audit.run(auditor(tmp_path, pyyaml=CANARY, one=vulnerable), tmp_path, {}) == 1
    assert "policies/requirements-dev.lock: one 1 has CVE-1; fixed in 2, 3" in capsys.readouterr().out


def test_a_package_that_could_not_be_judged_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = {"name": "one", "skip_reason": "one (1) is not there"}
    assert audit.run(auditor(tmp_path, pyyaml=CANARY, one=unknown), tmp_path, {}) == 1
    assert "requirements-dev.lock: one (1) is not there" in capsys.readouterr().out


def test_a_skipped_check_is_said_aloud_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = [checks.Check("known vulnerabilities", ["/bin/sh", "-c", f"echo why; exit {audit.SKIPPED}"])]
    monkeypatch.setattr(checks, "checks", lambda _: one)
    said = io.StringIO()
    assert checks.run(Checkout(Path()), Progress(said)) == 0
    assert said.getvalue() == "SKIPPED known vulnerabilities\nwhy\n"
