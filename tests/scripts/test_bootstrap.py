"""scripts/bootstrap, run for real against a gcloud that keeps what it was told and answers from it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.iam_bindings import BASIC_ROLES
from localcloud.api.permissions import permission_of
from localcloud.api.roles import grants, roles
from localcloud.discovery.document import ApiName, load
from scripts import bootstrap_project
from scripts.bootstrap_project import DEPLOY_ROLES, MONITORING_ROLES, PREVIEW_ROLES

ROOT = Path(__file__).resolve().parents[2]
# Makes things when told to create them, finds what was made, and notes every command.
GCLOUD = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path({folder!r})
words = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if os.environ.get("DENIED") and os.environ["DENIED"] in words:
    sys.exit("ERROR: PERMISSION_DENIED: you may not do this")
verb = next((word for word in words if word in ("create", "create-oidc", "describe")), "")
if not verb:
    sys.exit(0)
kind = "-".join(words[: words.index(verb)])
name = words[words.index(verb) + 1].removeprefix("gs://").partition("@")[0]
made = folder / f"{{kind}}-{{name}}"
if kind == "projects":
    print("123456789")
elif verb == "describe":
    if not made.exists():
        sys.exit("ERROR: NOT_FOUND: it does not exist")
    print(name)
else:
    if made.exists():
        sys.exit("ERROR: ALREADY_EXISTS")
    made.touch()
"""
# Methods that only look, although the verb of some is POST.
LOOKING = re.compile(r"(get|list|test|wait|aggregatedList)[A-Za-z]*")
# Of these `permission_of` names what the source must grant. The change is at the destination, which asks for this.
COPIES = {
    "storage.objects.copy": "storage.objects.create",
    "storage.objects.rewrite": "storage.objects.create",
}
APIS: tuple[ApiName, ...] = (
    "compute.v1", "storage.v1", "iam.v1", "cloudresourcemanager.v1", "serviceusage.v1", "secretmanager.v1", "monitoring.v3",
)  # fmt: skip
ARGUMENTS = (
    "--project", "example-web-dev", "--stack", "dev", "--repository", "example/mig-nlb", "--repository-id", "4242",
)  # fmt: skip


@dataclass
class Machine:
    folder: Path

    def run(self, *arguments: str, status: int = 0, **env: str) -> str:
        done = subprocess.run(
            [ROOT / "scripts" / "bootstrap", *arguments],
            env={"PATH": f"{self.folder}:{os.defpath}", **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def calls(self) -> list[str]:
        file = self.folder / "calls"
        told = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return told


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(GCLOUD.format(python=sys.executable, folder=str(tmp_path)))
    gcloud.chmod(0o755)
    return Machine(tmp_path)


def test_it_makes_what_is_missing_and_a_second_time_only_asks(machine: Machine) -> None:
    printed = machine.run(*ARGUMENTS)
    assert (
        "WORKLOAD_IDENTITY_PROVIDER=projects/123456789/locations/global/workloadIdentityPools/github/providers/github"
        in printed
    )
    assert "DEPLOY_SERVICE_ACCOUNT=deploy-dev@example-web-dev.iam.gserviceaccount.com" in printed
    assert "PULUMI_BACKEND_URL=gs://example-web-dev-pulumi-state" in printed
    first = machine.calls()
    assert sum('"create' in call for call in first) == 5, "a bucket, two accounts, a pool, a provider"

    assert machine.run(*ARGUMENTS).partition("\n\n")[2] == printed.partition("\n\n")[2]
    again = machine.calls()
    assert not [call for call in again if '"create' in call]
    # A condition that somebody loosened is put right.
    assert [call for call in again if '"update-oidc"' in call and "assertion.repository_id == '4242'" in call]


def test_a_dry_run_prints_every_command_and_runs_none(machine: Machine) -> None:
    dry = machine.run(*ARGUMENTS, "--dry-run")
    assert machine.calls() == []
    real = machine.run(*ARGUMENTS)
    assert dry.replace("PROJECT_NUMBER", "123456789") == real
    assert machine.run(*ARGUMENTS, "--dry-run", PATH=os.defpath) == dry, "it does not even need gcloud"


def test_only_jobs_of_an_environment_of_this_repository_are_trusted(machine: Machine) -> None:
    trusted = [
        line for line in machine.run(*ARGUMENTS, "--dry-run").splitlines() if "workloadIdentityUser" in line
    ]
    assert len(trusted) == 2
    deployer, previewer = trusted
    assert "deploy-dev@" in deployer
    assert "/subject/repo:example/mig-nlb:environment:dev " in deployer
    assert "preview-dev@" in previewer
    assert "/subject/repo:example/mig-nlb:environment:dev-preview " in previewer


def test_the_roles_are_few_and_the_deployer_cannot_make_itself_more(machine: Machine) -> None:
    printed = machine.run(*ARGUMENTS, "--dry-run")
    every = {*DEPLOY_ROLES, *MONITORING_ROLES, *PREVIEW_ROLES}
    assert not every & BASIC_ROLES
    assert not {role for role in PREVIEW_ROLES if "dmin" in role or "ditor" in role or role.endswith("User")}
    (granting,) = [line for line in printed.splitlines() if "projectIamAdmin" in line]
    assert "modifiedGrantsByRole" in granting
    assert "hasOnly" in granting
    assert not [role for role in MONITORING_ROLES if role in printed]
    with_alerts = machine.run(*ARGUMENTS, "--dry-run", "--monitoring")
    assert all(role in with_alerts for role in MONITORING_ROLES)


def test_the_identity_that_looks_has_no_permission_of_any_method_that_changes_something() -> None:
    changing = {
        (method.id, COPIES.get(method.id) or permission_of(method.id))
        for api in APIS
        for method in load(api).methods.values()
        if method.http != "GET" and method.kept and not LOOKING.fullmatch(method.id.rpartition(".")[2])
    }
    assert len(changing) > 150
    held = [
        (role, method)
        for role in PREVIEW_ROLES
        for method, needed in changing
        if needed and grants(role, needed)
    ]
    assert held == []


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("roles/compute.instanceAdmin.v1", "compute.instanceTemplates.create"),
        ("roles/compute.networkAdmin", "compute.regionBackendServices.create"),
        ("roles/compute.securityAdmin", "compute.firewalls.create"),
        ("roles/iam.serviceAccountAdmin", "iam.serviceAccounts.create"),
        ("roles/iam.serviceAccountUser", "iam.serviceAccounts.actAs"),
        ("roles/storage.admin", "storage.buckets.create"),
    ],
)
def test_none_of_the_deployers_roles_could_be_left_out(role: str, permission: str) -> None:
    assert role in DEPLOY_ROLES
    assert [one for one in DEPLOY_ROLES if grants(one, permission)] == [role]


def test_every_role_that_is_given_is_one_of_googles() -> None:
    given = {*DEPLOY_ROLES, *MONITORING_ROLES, *PREVIEW_ROLES, *bootstrap_project.GRANTED_ROLES}
    assert given <= set(roles())


def test_the_roles_are_the_documented_ones() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    for role in (*DEPLOY_ROLES, *MONITORING_ROLES, *PREVIEW_ROLES, *bootstrap_project.GRANTED_ROLES):
        assert f"`{role}`" in page, f"{role} is not in docs/ci.md"


def test_what_stacks_grant_is_what_the_deployer_may_grant() -> None:
    for stack in ("dev", "staging", "prod"):
        text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
        project = text.partition("    project:\n")[2].partition("    bucket:")[0]
        granted = {line.strip().partition(":")[0] for line in project.splitlines() if "roles/" in line}
        assert granted
        assert granted <= set(bootstrap_project.GRANTED_ROLES)


def test_a_refusal_ends_it_with_googles_words(machine: Machine) -> None:
    printed = machine.run(*ARGUMENTS, status=1, DENIED="buckets")
    assert "PERMISSION_DENIED: you may not do this" in printed
    assert "gcloud storage buckets describe" in printed
    assert not [call for call in machine.calls() if "service-accounts" in call]


def test_without_gcloud_it_says_what_to_install(machine: Machine) -> None:
    (machine.folder / "gcloud").unlink()
    (machine.folder / "python3").symlink_to(sys.executable)
    (machine.folder / "dirname").symlink_to("/usr/bin/dirname")
    assert "gcloud is not on PATH" in machine.run(*ARGUMENTS, status=1, PATH=str(machine.folder))


@pytest.mark.parametrize(
    ("name", "value"),
    [("--project", "Web!"), ("--stack", "a" * 30), ("--repository", "mig-nlb"), ("--repository-id", "name")],
)
def test_bad_arguments_are_refused(machine: Machine, name: str, value: str) -> None:
    given = list(ARGUMENTS)
    given[given.index(name) + 1] = value
    assert name in machine.run(*given, status=2)
    assert machine.calls() == []
