"""What scripts/bootstrap sets up is enough, and no more: one identity deploys each committed stack, the other one only looks.

The local cloud holds service accounts to Google's own roles, so `up` as the deploying identity shows which it needs.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.checkout import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

GCLOUD = """#!/bin/sh
cd {root} && exec {python} -m tests.e2e.gcloud "$@"
"""


class Project:
    """A stack's project on a cloud of its own, prepared by scripts/bootstrap."""

    def __init__(self, deployment: Deployment, stack: str, folder: Path) -> None:
        self.deployment, self.stack = deployment, stack
        self.file = deployment.root / f"Pulumi.{stack}.yaml"
        self.name = str(yaml.safe_load(self.file.read_text())["config"]["gcp:project"])
        deployment.exports()  # makes the engine and the environments ready
        deployment.localcloud("start", "--project", self.name, "--speed", f"{deployment.speed:g}")
        deployment._exports = None  # the cloud has been born since, and with it what its clients need
        deployment.pulumi("stack", "init", stack)
        (folder / "gcloud").write_text(GCLOUD.format(root=SOURCE.root, python=sys.executable))
        (folder / "gcloud").chmod(0o755)
        self._folder = folder

    def bootstrap(self, *options: str) -> None:
        """Run scripts/bootstrap with a gcloud that speaks to this cloud."""
        env = self.deployment.exports()
        here = {
            "GCLOUD_ENDPOINT": self.deployment.show("status")["endpoint"],
            "GCLOUD_NOTES": str(self._folder),
            "GCLOUD_TOKEN": env["GOOGLE_OAUTH_ACCESS_TOKEN"],
            "PATH": f"{self._folder}:{env['PATH']}",
        }
        repository = ["--repository", "example/mig-nlb", "--repository-id", "4242", "--location", "EU"]
        command = ["scripts/bootstrap", "--project", self.name, "--stack", self.stack, *repository, *options]
        subprocess.run(
            command, cwd=self.deployment.root, env={**env, **here}, check=True, stdout=subprocess.DEVNULL
        )

    def act_as(self, purpose: str) -> None:
        """Have the provider be deploy-STACK or preview-STACK from now on."""
        email = f"{purpose}-{self.stack}@{self.name}.iam.gserviceaccount.com"
        self.configure(
            "gcp:accessToken", self.deployment.show("env", "--as", email)["GOOGLE_OAUTH_ACCESS_TOKEN"]
        )

    def configure(self, key: str, value: object) -> None:
        """Set a key of the stack's file."""
        content = yaml.safe_load(self.file.read_text())
        content["config"][key] = value
        self.file.write_text(yaml.safe_dump(content))

    def pulumi(self, *arguments: str, status: int | None = 0) -> str:
        """Run the engine on the stack."""
        return self.deployment.pulumi(*arguments, "--stack", self.stack, "--non-interactive", status=status)

    def denied(self) -> list[tuple[str, str]]:
        """Return whom the cloud refused what, as (account, permission)."""
        found: list[dict[str, Any]] = self.deployment.show("status")["denied"]
        return [(item["principal"].partition("@")[0], item["permission"]) for item in found]

    def protect_state(self, *, protect: bool) -> None:
        """Let nobody write the states, as roles/storage.objectViewer on the bucket does; or let them again."""
        subprocess.run(
            [
                "chmod",
                "--recursive",
                "a-w" if protect else "u+w",
                self.deployment.home / "pulumi" / ".pulumi",
            ],
            check=True,
        )


@pytest.fixture
def project(deploy: Deploy, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    made = Project(deploy(f"ci-{request.param}", speed=50), request.param, tmp_path)
    made.bootstrap()
    return made


@pytest.mark.parametrize(
    "project",
    ["dev", *(pytest.param(stack, marks=pytest.mark.campaign) for stack in ("staging", "prod"))],
    indirect=True,
)
def test_one_identity_deploys_the_stack_and_the_other_one_can_only_look(project: Project) -> None:
    project.bootstrap()  # a second time changes nothing, and takes nothing away
    project.act_as("deploy")
    project.pulumi("up", "--yes", "--skip-preview")
    assert project.denied() == [], "the deploying identity, or an instance, lacks a permission"

    project.act_as("preview")
    project.protect_state(protect=True)
    assert "unchanged" in project.pulumi("preview", "--expect-no-changes")
    project.pulumi("refresh", "--preview-only", "--expect-no-changes", "--diff")
    assert project.denied() == [], "the identity that looks may not see something"
    project.protect_state(protect=False)

    project.configure("mig-nlb:autoscaler", {"min_replicas": 3, "max_replicas": 7})
    printed = project.pulumi("up", "--yes", "--skip-preview", status=1)
    assert "Required 'compute.autoscalers.update' permission" in printed
    assert project.denied() == [(f"preview-{project.stack}", "compute.autoscalers.update")]

    project.act_as("deploy")
    assert "1 updated" in project.pulumi("up", "--yes", "--skip-preview")
    assert not [who for who, _ in project.denied() if who.startswith("deploy-")]


@pytest.mark.campaign
@pytest.mark.parametrize("project", ["dev"], indirect=True)
def test_the_deploying_identity_rolls_the_group_and_takes_the_stack_down(project: Project) -> None:
    project.bootstrap("--monitoring")
    project.configure("mig-nlb:monitoring", {"alerts": True, "dashboard": True})
    project.act_as("deploy")
    project.pulumi("up", "--yes", "--skip-preview")
    project.configure("mig-nlb:machine", {"machine_type": "e2-medium"})
    assert "replaced" in project.pulumi("up", "--yes", "--skip-preview")
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert project.denied() == []
