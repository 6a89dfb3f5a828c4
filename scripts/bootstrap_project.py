"""What a Google Cloud project needs before CI can deploy a stack into it: APIs, a bucket for states, two identities without keys.

Run it as often as you like: what is there stays, what differs is put right, and nothing is ever removed. It needs `gcloud`, logged in
as somebody who administers the project. With --dry-run it needs nothing and prints the commands.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

APIS = (
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
)

DEPLOY_ROLES = (
    "roles/compute.instanceAdmin.v1",
    "roles/compute.networkAdmin",
    "roles/compute.securityAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountUser",
    "roles/storage.admin",
)
"""Of the identity that deploys, on the project; besides, it may grant GRANTED_ROLES and no others."""

MONITORING_ROLES = (
    "roles/logging.configWriter",
    "roles/monitoring.alertPolicyEditor",
    "roles/monitoring.dashboardEditor",
)
"""What it needs for alerts (those that go by logs are rules of Cloud Logging's too) and a dashboard."""

GRANTED_ROLES = ("roles/logging.logWriter", "roles/monitoring.metricWriter")
"""What the stacks' own `mig-nlb:iam` gives the instances' service account on the project."""

PREVIEW_ROLES = (
    "roles/compute.viewer",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/monitoring.viewer",
    "roles/storage.bucketViewer",
    "roles/storage.objectViewer",
)
"""Of the identity that previews and looks for drift, on the project. It can change nothing; a preview takes no lock on the state."""

ISSUER = "https://token.actions.githubusercontent.com"
POOL, PROVIDER = "github", "github"
_PROJECT_NUMBER = "PROJECT_NUMBER"


class BootstrapError(Exception):
    """Something the person at the keyboard can mend; the message says what and how."""


@dataclass(frozen=True)
class Gcloud:
    """The gcloud command for one project; in a dry run every command is printed instead."""

    project: str
    dry_run: bool

    def change(self, *arguments: str) -> None:
        """Run a command that changes something.

        Raises:
            BootstrapError: it failed.
        """
        command = ["gcloud", *arguments, "--project", self.project, "--quiet"]
        print(shlex.join(command), flush=True)
        if self.dry_run:
            return
        done = self._run(command)
        if done.returncode != 0:
            raise BootstrapError(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")

    def ask(self, *arguments: str) -> str | None:
        """Run a command that only looks; returns what it printed, or None where the thing is not there. In a dry run nothing is.

        Raises:
            BootstrapError: it failed for another reason.
        """
        if self.dry_run:
            return None
        command = ["gcloud", *arguments, "--project", self.project, "--quiet"]
        done = self._run(command)
        if done.returncode == 0:
            return done.stdout.strip()
        if re.search(r"not.?found|\b404\b|does not exist", done.stderr, re.IGNORECASE):
            return None
        raise BootstrapError(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")

    @staticmethod
    def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
            )
        except FileNotFoundError as error:
            raise BootstrapError(
                "gcloud is not on PATH: install the Google Cloud CLI and `gcloud auth login`"
            ) from error


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """One project made ready for one stack of one repository.

    Args:
        gcloud: runs or prints.
        stack: the stack's name, which is also the name of its environment in CI.
        repository: "OWNER/NAME".
        repository_id: its number, which stays when it is renamed and is never given to another one.
        location: where a new bucket is.
        bucket: the bucket for states.
        monitoring: whether the stack has alerts or a dashboard.
    """

    gcloud: Gcloud
    stack: str
    repository: str
    repository_id: int
    location: str
    bucket: str
    monitoring: bool = False

    def run(self) -> dict[str, str]:
        """Do everything; returns the variables that the environments in CI need."""
        self.gcloud.change("services", "enable", *APIS)
        self._state_bucket()
        deployer = self._identity(f"deploy-{self.stack}", f"deploys stack {self.stack}")
        previewer = self._identity(f"preview-{self.stack}", f"previews stack {self.stack}; changes nothing")
        for role in (*DEPLOY_ROLES, *(MONITORING_ROLES if self.monitoring else ())):
            self._bind(deployer, role)
        self._bind_granting(deployer)
        for role in PREVIEW_ROLES:
            self._bind(previewer, role)
        self._bind_bucket(deployer, "roles/storage.objectUser")
        self._bind_bucket(previewer, "roles/storage.objectViewer")
        pool = self._federation()
        self._trust(deployer, pool, self.stack)
        self._trust(previewer, pool, f"{self.stack}-preview")
        return {
            "WORKLOAD_IDENTITY_PROVIDER": f"{pool}/providers/{PROVIDER}",
            "DEPLOY_SERVICE_ACCOUNT": deployer,
            "PREVIEW_SERVICE_ACCOUNT": previewer,
            "PULUMI_BACKEND_URL": f"gs://{self.bucket}",
        }

    def _state_bucket(self) -> None:
        url = f"gs://{self.bucket}"
        if self.gcloud.ask("storage", "buckets", "describe", url, "--format=value(name)") is None:
            guarded = ("--uniform-bucket-level-access", "--public-access-prevention")
            self.gcloud.change("storage", "buckets", "create", url, "--location", self.location, *guarded)
        # A state that was damaged or deleted can be had back.
        self.gcloud.change("storage", "buckets", "update", url, "--versioning")

    def _identity(self, name: str, purpose: str) -> str:
        email = f"{name}@{self.gcloud.project}.iam.gserviceaccount.com"
        if self.gcloud.ask("iam", "service-accounts", "describe", email, "--format=value(email)") is None:
            self.gcloud.change("iam", "service-accounts", "create", name, "--display-name", f"CI: {purpose}")
        return email

    def _bind(self, email: str, role: str) -> None:
        member = ("--member", f"serviceAccount:{email}", "--role", role, "--condition", "None")
        self.gcloud.change("projects", "add-iam-policy-binding", self.gcloud.project, *member)

    def _bind_granting(self, email: str) -> None:
        """Let the deployer grant what stacks grant, and nothing that would make it more than it is."""
        roles = ", ".join(f"'{role}'" for role in GRANTED_ROLES)
        attribute = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', [])"
        # The expression has commas, so gcloud is told another separator first.
        condition = f"^;^title=only-what-stacks-grant;expression={attribute}.hasOnly([{roles}])"
        member = ("--member", f"serviceAccount:{email}", "--role", "roles/resourcemanager.projectIamAdmin")
        self.gcloud.change(
            "projects", "add-iam-policy-binding", self.gcloud.project, *member, "--condition", condition
        )

    def _bind_bucket(self, email: str, role: str) -> None:
        member = ("--member", f"serviceAccount:{email}", "--role", role)
        self.gcloud.change("storage", "buckets", "add-iam-policy-binding", f"gs://{self.bucket}", *member)

    def _federation(self) -> str:
        """Make the pool and its provider, and return the pool's full name."""
        pools, where = ("iam", "workload-identity-pools"), ("--location", "global")
        if self.gcloud.ask(*pools, "describe", POOL, *where, "--format=value(name)") is None:
            self.gcloud.change(*pools, "create", POOL, *where, "--display-name", "GitHub Actions")
        trusted = (
            "--workload-identity-pool", POOL,
            "--issuer-uri", ISSUER,
            "--attribute-mapping", "google.subject=assertion.sub,attribute.repository_id=assertion.repository_id",
            # Without a condition every repository in the world would have tokens of this issuer.
            "--attribute-condition", f"assertion.repository_id == '{self.repository_id}'",
        )  # fmt: skip
        found = self.gcloud.ask(
            *pools,
            "providers",
            "describe",
            PROVIDER,
            *where,
            "--workload-identity-pool",
            POOL,
            "--format=value(name)",
        )
        verb = "create-oidc" if found is None else "update-oidc"
        self.gcloud.change(*pools, "providers", verb, PROVIDER, *where, *trusted)
        number = self.gcloud.ask("projects", "describe", self.gcloud.project, "--format=value(projectNumber)")
        return f"projects/{number or _PROJECT_NUMBER}/locations/global/workloadIdentityPools/{POOL}"

    def _trust(self, email: str, pool: str, environment: str) -> None:
        """Let jobs of one environment, whose rules CI has, be the service account; nobody else of the repository."""
        subject = f"repo:{self.repository}:environment:{environment}"
        member = ("--member", f"principal://iam.googleapis.com/{pool}/subject/{subject}")
        role = ("--role", "roles/iam.workloadIdentityUser")
        self.gcloud.change("iam", "service-accounts", "add-iam-policy-binding", email, *member, *role)


def _checked(pattern: str, rule: str, value: str) -> str:
    if not re.fullmatch(pattern, value):
        raise argparse.ArgumentTypeError(f"{value!r}: {rule}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bootstrap", description=__doc__)
    add = parser.add_argument
    add(
        "--project",
        required=True,
        type=lambda text: _checked(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "not a project id", text),
    )
    add(
        "--stack",
        required=True,
        type=lambda text: _checked(
            r"[a-z][a-z0-9-]{1,21}",
            "2 to 22 lowercase letters, digits and hyphens: accounts are named after it",
            text,
        ),
    )
    add(
        "--repository",
        required=True,
        metavar="OWNER/NAME",
        type=lambda text: _checked(r"[\w.-]+/[\w.-]+", "must be OWNER/NAME", text),
    )
    add(
        "--repository-id",
        required=True,
        type=int,
        metavar="NUMBER",
        help="gh api repos/OWNER/NAME --jq .id",
    )
    add("--location", default="EU", help="of a new state bucket (default: %(default)s)")
    add("--state-bucket", metavar="NAME", help="default: PROJECT-pulumi-state")
    add("--monitoring", action="store_true", help="the stack has alerts or a dashboard")
    add("--dry-run", action="store_true", help="print the commands and run none")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare the project; the exit status is 1 if something failed, which running it again takes up from the start."""
    given = _parser().parse_args(arguments)
    bootstrap = Bootstrap(
        gcloud=Gcloud(given.project, given.dry_run),
        stack=given.stack,
        repository=given.repository,
        repository_id=given.repository_id,
        location=given.location,
        bucket=given.state_bucket or f"{given.project}-pulumi-state",
        monitoring=given.monitoring,
    )
    try:
        variables = bootstrap.run()
    except BootstrapError as error:
        print(f"scripts/bootstrap: {error}", file=sys.stderr)
        return 1
    print(f"\n# Variables of the environments {given.stack} and {given.stack}-preview:")
    for name, value in variables.items():
        print(f"{name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
