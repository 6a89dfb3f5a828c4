"""Every gcloud command that is given or advised is one that gcloud itself takes: looked at by its own linter, without asking Google.

Skipped where there is no gcloud.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.diagnosis.diagnose import diagnose
from tests.docs.fences import blocks, pages
from tests.scripts.diagnosis.parts import REACH, facts, one_of_three
from tests.scripts.diagnosis.test_diagnose import CASES, SIX, UNREACHED, WAYLESS

ROOT = Path(__file__).resolve().parents[2]
# Half a minute: gcloud loads the module of each command.
pytestmark = pytest.mark.campaign
needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="this machine has no gcloud")
BOOTSTRAP = (
    "--project",
    "example-web-dev",
    "--stack",
    "dev",
    "--repository",
    "o/n",
    "--repository-id",
    "4242",
    "--monitoring",
)
# What Google's own linter of commands has no answer to: they are for this machine alone.
LOCAL = ("gcloud auth ", "gcloud itself")


def given_by_bootstrap() -> list[str]:
    """Return what a dry run prints."""
    command = [str(ROOT / "scripts" / "bootstrap"), *BOOTSTRAP, "--dry-run"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line for line in printed.splitlines() if line.startswith("gcloud ")]


def advised_by_the_doctor() -> list[str]:
    """Return the gcloud commands among what mends the breakages that the tests know."""
    broken = [case for case, _ in CASES.values()]
    broken += [
        facts(reach=WAYLESS, instances=one_of_three(run=UNREACHED)),
        facts(reach=replace(REACH, routed=False)),
        facts(forwarding_rules=(SIX,)),
    ]
    mends = [finding.mend for case in broken for finding in diagnose(case)]
    found = [part.strip() for mend in mends for part in re.split(r"&&|  # (?:or at once: )?", mend)]
    return [part for part in found if part.startswith("gcloud ")]


def shown_by_the_pages() -> list[str]:
    """Return the gcloud commands of the pages, their continued lines joined."""
    text = "\n".join(block.text for page in pages() for block in blocks(page) if block.language == "sh")
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("gcloud ")]


@needs_gcloud
def test_gcloud_takes_every_command(tmp_path: Path) -> None:
    every = dict.fromkeys([*given_by_bootstrap(), *advised_by_the_doctor(), *shown_by_the_pages()])
    commands = [one for one in every if not one.startswith(LOCAL)]
    assert len(commands) > 30
    file = tmp_path / "commands.json"
    # What a reader puts there, and what the shell does, is no matter of gcloud's.
    plain = [re.sub(r'"?\$\(.*\)"?', "value", one) for one in commands]
    plain.append("gcloud compute routes list --nonsense")
    file.write_text(json.dumps([{"command_string": one} for one in plain]))
    answer = subprocess.run(
        ["gcloud", "meta", "lint-gcloud-commands", "--commands-file", str(file)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "CLOUDSDK_CONFIG": str(tmp_path), "HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    judged = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("[")]
    verdicts = [verdict for found in judged for verdict in found]
    assert len(verdicts) == len(plain)
    assert verdicts[-1]["error_type"] == "UnrecognizedArgumentsError", "a mistake is seen"
    assert [
        (one["command_string"], one["error_message"]) for one in verdicts[:-1] if not one["success"]
    ] == []
