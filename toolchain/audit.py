"""`make check`'s audit: does any locked package have a vulnerability that its index knows of?

An index that cannot be asked, or one without such data, must not look like a clean result. So the auditor is first shown a package
whose vulnerability everybody knows; if it does not see that one, nothing is known of the others, and the check says so.

What was looked at and found harmless is in audit_accepted.toml, each with a day; an entry that has expired or fits nothing is a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolchain import accepted_findings
from toolchain.accepted_findings import AcceptedFinding, AcceptedFindingsError
from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.progress import Progress
from toolchain.python_environment import PythonEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCKS = ("requirements-dev.lock", "policies/requirements-dev.lock")
KNOWN_VULNERABLE = "pyyaml==5.3"  # CVE-2020-1747: loading a document runs what the document says
SKIPPED = 75
"""The exit status of an audit that could not be made: EX_TEMPFAIL."""

REQUIRED = "MIG_NLB_AUDIT"
"""Set to "required", where the index is known to have the data, makes an audit that could not be made a failure."""


@dataclass(frozen=True)
class Auditor:
    """pip-audit, given whole requirements files: it resolves and installs nothing."""

    python: Path

    def audit(self, requirements: Path) -> list[Mapping[str, Any]] | None:
        """Return one object per package (name, version and vulns, or skip_reason), or None if the index could not be asked."""
        options = [
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--timeout",
            "10",
        ]
        done = subprocess.run(
            [str(self.python), "-m", "pip_audit", "--requirement", str(requirements), *options],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            found: list[Mapping[str, Any]] = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            return None
        return found

    def sees(self) -> bool:
        """Whether the index has vulnerability data: it must know of one that everybody knows."""
        with tempfile.TemporaryDirectory(prefix="mig-nlb-audit-") as name:
            file = Path(name) / "requirements.txt"
            file.write_text(KNOWN_VULNERABLE + "\n", "utf-8")
            return any(package.get("vulns") for package in self.audit(file) or ())


def run(
    auditor: Auditor,
    root: Path,
    environ: Mapping[str, str],
    accepted: Sequence[AcceptedFinding] = (),
    today: date | None = None,
) -> int:
    """Audit every lock, print what was found, and return the exit status: 0, 1 or SKIPPED.

    Args:
        auditor: asks the index.
        root: the checkout.
        environ: says whether an audit that could not be made is a failure.
        accepted: findings that are no failure until their day.
        today: the day to judge them by; the machine's, in UTC, unless said.
    """
    # Known without asking anybody, so a failure also where the index cannot be asked.
    late = accepted_findings.expired(accepted, today or datetime.now(UTC).date())
    if not auditor.sees():
        status = _not_made("the package index in use has no vulnerability data, or cannot be asked", environ)
        print("\n".join(late))
        return 1 if late else status
    used: list[AcceptedFinding] = []
    bad = [line for lock in LOCKS for line in findings(lock, auditor.audit(root / lock), accepted, used)]
    bad += late + accepted_findings.unmatched(accepted, used)
    print("\n".join(bad))
    return 1 if bad else 0


def _not_made(reason: str, environ: Mapping[str, str]) -> int:
    print(
        f"{reason}: NOTHING IS KNOWN about the dependencies.\n"
        f"Where the audit must be possible, {REQUIRED}=required makes this a failure."
    )
    return 1 if environ.get(REQUIRED) == "required" else SKIPPED


def findings(
    lock: str,
    packages: Sequence[Mapping[str, Any]] | None,
    accepted: Sequence[AcceptedFinding] = (),
    used: list[AcceptedFinding] | None = None,
) -> list[str]:
    """Return what is wrong with a lock's packages, a line each; one that could not be judged is wrong too.

    What is accepted is left out, and added to `used`.
    """
    if packages is None:
        return [f"{lock}: could not be audited"]
    lines = []
    for package in packages:
        if "skip_reason" in package:
            lines.append(f"{lock}: {package['skip_reason']}")
        for known in package.get("vulns", ()):
            covering = [one for one in accepted if one.covers(package, known)]
            if covering:
                if used is not None:
                    used += covering
                continue
            better = ", ".join(known.get("fix_versions", ())) or "no version yet"
            lines.append(
                f"{lock}: {package['name']} {package['version']} has {known['id']}; fixed in {better}"
            )
    return lines


def main() -> int:
    """Make the auditor's environment if it is not there, and audit."""
    here = Path(__file__).resolve()
    try:
        accepted = accepted_findings.read()
    except AcceptedFindingsError as error:
        print(error)
        return 1
    try:
        folder = PythonEnvironment("audit", here.with_name("audit.lock")).ensure(Cache.default(), Progress())
    except ToolchainError as error:
        return _not_made(f"the auditor could not be installed ({error})", os.environ)
    return run(Auditor(folder / "bin" / "python"), here.parent.parent, os.environ, accepted)


if __name__ == "__main__":
    sys.exit(main())
