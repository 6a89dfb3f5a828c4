"""`make check`: format, lint, types and import contracts."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain import audit

if TYPE_CHECKING:
    from toolchain.checkout import Checkout
    from toolchain.progress import Progress

TYPED = (
    "components",
    "component_package",
    "composition.py",
    "settings.py",
    "settings_agreement.py",
    "__main__.py",
    "localcloud",
    "toolchain",
    "scripts",
    "benchmarks",
    "tests",
)
POLICY_TYPED = ("policies", "tests/policies")


@dataclass(frozen=True)
class Check:
    """One tool's verdict on the checkout, and the command that mends what it can mend itself."""

    name: str
    command: list[str]
    remedy: str = ""


def checks(checkout: Checkout) -> list[Check]:
    """Return the checks, the slow ones first."""
    python, policy = str(checkout.python), str(checkout.policy_python)
    typed = [name for name in TYPED if _has_python(checkout, name)]
    policy_typed = [name for name in POLICY_TYPED if _has_python(checkout, name)]
    found = [Check("types", [python, "-m", "mypy", *typed])]
    if policy_typed:
        # Its own configuration: the repository's leaves out the pack, whose imports only the pack's environment resolves.
        own = ["--config-file", "policies/pyproject.toml", "--cache-dir", ".mypy_cache/policies"]
        found.append(Check("types of the policy pack", [policy, "-m", "mypy", *own, *policy_typed]))
    return [
        *found,
        Check("format", [python, "-m", "ruff", "format", "--check", "--quiet", "."], ".venv/bin/ruff format"),
        Check("lint", [python, "-m", "ruff", "check", "--quiet", "."], ".venv/bin/ruff check --fix"),
        # Offline: what it would ask of the network is whether pins are still what their tags say.
        Check(
            "workflows",
            [str(checkout.python.with_name("zizmor")), "--offline", "--quiet", ".github/workflows"],
        ),
        Check("workflows' syntax", [sys.executable, "-m", "toolchain.workflow_lint"]),
        Check("known vulnerabilities", [sys.executable, "-m", "toolchain.audit"]),
        Check("import contracts", [str(checkout.python.with_name("lint-imports")), "--no-cache"]),
    ]


def _has_python(checkout: Checkout, name: str) -> bool:
    path = checkout.root / name
    return path.is_file() or any(file for file in path.rglob("*.py") if ".venv" not in file.parts)


def run(checkout: Checkout, progress: Progress) -> int:
    """Run every check, show the output of those that fail, and return the exit status."""
    wanted = checks(checkout)

    def one(check: Check) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            check.command,
            cwd=checkout.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    failed = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for check, answer in zip(wanted, pool.map(one, wanted), strict=True):
            good, skipped = answer.returncode == 0, answer.returncode == audit.SKIPPED
            verdict = "ok    " if good else "SKIPPED" if skipped else "FAILED"
            progress.say(f"{verdict} {check.name}")
            if not good:
                progress.say((answer.stdout + answer.stderr).strip())
            if not good and not skipped:
                failed += 1
                if check.remedy:
                    progress.say(f"Try: {check.remedy}")
    return 1 if failed else 0
