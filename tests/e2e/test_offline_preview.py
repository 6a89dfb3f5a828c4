"""A reviewer's preview: the committed stacks against a local cloud of their own, without account, secret or anything left behind."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

SECRETS = {
    "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent/key.json",
    "PULUMI_BACKEND_URL": "gs://nobody-may-ask-this-bucket",
    "PULUMI_ACCESS_TOKEN": "nobody may use this",
}


@pytest.fixture
def deployment(deploy: Deploy, tmp_path: Path) -> Deployment:
    (tmp_path / "tmp").mkdir()
    made = deploy("offline", env={**SECRETS, "TMPDIR": str(tmp_path / "tmp")})
    # A clone as CI has it: the revision to compare with is in its history.
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "the base"],
    ):
        subprocess.run(["git", *command], cwd=made.root, check=True)
    return made


def test_a_change_of_production_is_told_with_what_it_recreates(
    deployment: Deployment, tmp_path: Path
) -> None:
    file = deployment.root / "Pulumi.prod.yaml"
    committed = file.read_text()
    changed = committed.replace(
        "  mig-nlb:service: web\n", "  mig-nlb:service: web\n  mig-nlb:machine: {machine_type: e2-medium}\n"
    )
    # The encryption of somebody's secrets cannot be read here, and must not be needed.
    file.write_text(changed + "encryptionsalt: v1:of:somebody\n")
    reports = tmp_path / "reports"

    printed = deployment.make(
        "preview", "STACK=prod", "OFFLINE=1", "BASE=HEAD", f"REPORTS={reports / 'prod'}"
    )
    assert "the gate is open" in printed
    deployment.make("comment", f"REPORTS={reports}")

    comment = (reports / "comment.md").read_text()
    assert "## Stack `prod` (against HEAD)" in comment
    assert "1 to update, 1 to recreate; " in comment
    assert "| `web-template` | InstanceTemplate | `machineType` |" in comment
    assert "margin 15x, required 3x" in comment
    assert "at most 33 during an update (surge 3)" in comment
    assert "Policy pack mig-nlb: the gate is open" in comment

    assert file.read_text() == changed + "encryptionsalt: v1:of:somebody\n", (
        "the engine wrote into the user's stack file"
    )
    assert list((tmp_path / "tmp").iterdir()) == [], "something stayed in the folder for temporary files"
    processes = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    assert str(tmp_path / "tmp") not in processes
    assert not deployment.home.exists(), "the user's own cloud was touched"


def test_a_weak_pair_of_checks_closes_the_gate_and_is_told(deployment: Deployment, tmp_path: Path) -> None:
    file = deployment.root / "Pulumi.dev.yaml"
    text = file.read_text()
    assert text.count("    check_interval_sec: 30\n") == 1
    file.write_text(
        text.replace(
            "    check_interval_sec: 30\n    timeout_sec: 15\n",
            "    check_interval_sec: 5\n    timeout_sec: 3\n",
        )
        .replace("    unhealthy_threshold: 5\n", "    unhealthy_threshold: 2\n")
        .replace("  mig-nlb:service: web\n", "  mig-nlb:service: web\n  mig-nlb:health_check_guard: 'off'\n")
    )
    printed = deployment.make("preview", "STACK=dev", "OFFLINE=1", f"REPORTS={tmp_path}/dev", status=None)
    assert "the gate is closed" in printed
    told = (tmp_path / "dev" / "preview.md").read_text()
    assert "margin 1x, required 3x" in told
    assert "| HC02 |" in told
    assert json.loads((tmp_path / "dev" / "policies.sarif").read_text())["runs"][0]["results"]


def test_unknown_stacks_and_revisions_are_named(deployment: Deployment) -> None:
    printed = deployment.make("preview", "STACK=nowhere", "OFFLINE=1", status=2)
    assert "there is no Pulumi.nowhere.yaml; stacks are: dev, local, prod, staging" in printed
    printed = deployment.make("preview", "STACK=dev", "OFFLINE=1", "BASE=nowhere", status=2)
    assert "base 'nowhere': not a revision of this repository" in printed
