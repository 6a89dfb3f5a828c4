"""Make `predefined_roles.json` from what Google says of each role that this architecture meets.

    python -m localcloud.api.generate_roles

It asks `gcloud iam roles describe`, which needs an account. Of each role the permissions on types of resources that this cloud serves are
kept, and the few that instances are commonly given for others; sorted, so that a newer version shows what changed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from localcloud.api.app import handlers
from localcloud.api.permissions import permission_of
from localcloud.api.roles import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

ROLES = (
    "roles/owner", "roles/editor", "roles/viewer", "roles/browser",
    "roles/artifactregistry.reader", "roles/cloudtrace.agent",
    "roles/compute.admin", "roles/compute.instanceAdmin", "roles/compute.instanceAdmin.v1", "roles/compute.loadBalancerAdmin",
    "roles/compute.networkAdmin", "roles/compute.networkUser", "roles/compute.networkViewer", "roles/compute.securityAdmin",
    "roles/compute.viewer",
    "roles/iam.securityReviewer", "roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountCreator",
    "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser", "roles/iam.serviceAccountViewer",
    "roles/iam.workloadIdentityUser",
    "roles/logging.configWriter", "roles/logging.logWriter", "roles/logging.viewer",
    "roles/monitoring.admin", "roles/monitoring.alertPolicyEditor", "roles/monitoring.alertPolicyViewer",
    "roles/monitoring.dashboardEditor", "roles/monitoring.dashboardViewer", "roles/monitoring.editor",
    "roles/monitoring.metricWriter", "roles/monitoring.notificationChannelEditor",
    "roles/monitoring.notificationChannelViewer", "roles/monitoring.viewer",
    "roles/resourcemanager.projectIamAdmin",
    "roles/secretmanager.admin", "roles/secretmanager.secretAccessor", "roles/secretmanager.secretVersionAdder",
    "roles/secretmanager.secretVersionManager", "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageAdmin", "roles/serviceusage.serviceUsageConsumer", "roles/serviceusage.serviceUsageViewer",
    "roles/storage.admin", "roles/storage.bucketViewer", "roles/storage.legacyBucketOwner", "roles/storage.legacyBucketReader",
    "roles/storage.legacyBucketWriter", "roles/storage.legacyObjectOwner", "roles/storage.legacyObjectReader",
    "roles/storage.objectAdmin", "roles/storage.objectCreator", "roles/storage.objectUser", "roles/storage.objectViewer",
)  # fmt: skip

_OTHER_TYPES = frozenset(
    {
        "artifactregistry.repositories",
        "cloudtrace.traces",
        "compute.disks",
        "logging.logEntries",
        "logging.notificationRules",
        "monitoring.timeSeries",
    }
)


def stripped(permissions: Iterable[str], types: frozenset[str]) -> dict[str, str]:
    """Return the permissions on these types, as ``{"compute.addresses": "create delete get"}``."""
    kept: defaultdict[str, list[str]] = defaultdict(list)
    for permission in sorted(permissions):
        kind, _, verb = permission.rpartition(".")
        if kind in types:
            kept[kind].append(verb)
    return {kind: " ".join(verbs) for kind, verbs in kept.items()}


def served_types() -> frozenset[str]:
    """Return the types of resources that this cloud's methods need permissions on, and the few others."""
    needed = {permission_of(method) for method in handlers()} - {None}
    return _OTHER_TYPES | {str(permission).rpartition(".")[0] for permission in needed}


def main() -> int:
    """Write the file; returns the exit status."""
    types, made = served_types(), {}
    for role in ROLES:
        command = ["gcloud", "iam", "roles", "describe", role, "--format=json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"{' '.join(command)} failed: {done.stderr.strip()}", file=sys.stderr)
            return 1
        made[role] = stripped(json.loads(done.stdout).get("includedPermissions", []), types)
    FILE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
