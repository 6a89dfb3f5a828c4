"""The audit of dependencies tells "nothing is wrong" from "nothing is known"."""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path

import pytest

from toolchain import accepted_findings, audit, checks
from toolchain.accepted_findings import AcceptedFinding, AcceptedFindingsError
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


VULNERABLE = {
    "name": "one",
    "version": "1",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}],
}
TODAY = date(2030, 6, 30)


def accept(**changes: object) -> AcceptedFinding:
    fields = {"id": "CVE-1", "package": "One", "reason": "the parser is never given a file", "expires": TODAY}
    return AcceptedFinding(**(fields | changes))  # type: ignore[arg-type]


def test_an_accepted_finding_is_no_failure_up_to_its_day(tmp_path: Path) -> None:
    known = auditor(tmp_path, pyyaml=CANARY, one=VULNERABLE)
    assert audit.run(known, tmp_path, {}, [accept()], TODAY) == 0
    assert audit.run(known, tmp_path, {}, [accept(id="PYSEC-1")], TODAY) == 0
    assert audit.run(known, tmp_path, {}, [accept(package="two")], TODAY) == 1


def test_an_expired_acceptance_fails_also_where_the_index_cannot_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = [accept(expires=date(2030, 6, 29))]
    assert audit.run(auditor(tmp_path, pyyaml=CANARY, one=VULNERABLE), tmp_path, {}, late, TODAY) == 1
    assert "that day has passed" in capsys.readouterr().out
    assert audit.run(auditor(tmp_path), tmp_path, {}, late, TODAY) == 1
    told = capsys.readouterr().out
    assert "NOTHING IS KNOWN" in told
    assert "that day has passed" in told


def test_an_acceptance_that_fits_nothing_has_to_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.run(auditor(tmp_path, pyyaml=CANARY, one=GOOD), tmp_path, {}, [accept()], TODAY) == 1
    assert "no locked package has it any more: remove the entry" in capsys.readouterr().out


ENTRY = """[[accepted]]
id = "CVE-1"
package = "one"
reason = "the parser is never given a file"
expires = 2030-06-30
"""


def test_the_list_is_read_and_the_committed_one_is_right(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(ENTRY)
    assert accepted_findings.read(file) == [accept(package="one")]
    accepted_findings.read()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("expires = 2030-06-30\n", "", r"lacks \['expires'\]"),
        ("2030-06-30", "'2030-06-30'", "must be a day"),
        ("2030-06-30", "2030-06-30T00:00:00", "must be a day"),
        ("the parser is never given a file", "harmless", "say in a sentence why"),
        ('package = "one"', 'package = ""', "package = '': must be text"),
        ('id = "CVE-1"', 'id = "CVE-1"\nowner = "me"', r"unknown \['owner'\]"),
        ("[[accepted]]", "[[ignored]]", "only \\[\\[accepted\\]\\] entries are known"),
        ("[[accepted]]", "[[accepted", "accepted.toml: "),
    ],
)
def test_a_list_with_a_mistake_is_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    file = tmp_path / "accepted.toml"
    assert before in ENTRY
    file.write_text(ENTRY.replace(before, after))
    with pytest.raises(AcceptedFindingsError, match=told):
        accepted_findings.read(file)
