"""Predefined roles, as far as this architecture meets them: role -> permissions, with ``*`` for any text."""

from __future__ import annotations

import re
from functools import cache

_OBJECT_VIEWER = ("storage.objects.get", "storage.objects.list", "resourcemanager.projects.get")
_OBJECT_CREATOR = ("storage.objects.create", "resourcemanager.projects.get")
_OBJECT_USER = (*_OBJECT_VIEWER, "storage.objects.create", "storage.objects.delete", "storage.objects.update")

ROLES: dict[str, tuple[str, ...]] = {
    "roles/owner": ("*",),
    "roles/editor": ("compute.*", "iam.serviceAccounts.*", "storage.buckets.*", "serviceusage.*", "resourcemanager.projects.get"),
    "roles/viewer": ("compute.*.get*", "compute.*.list", "storage.buckets.list", "iam.*.get*", "iam.*.list", "serviceusage.*.list"),
    "roles/browser": ("resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy"),
    "roles/compute.admin": ("compute.*", "resourcemanager.projects.get", "serviceusage.services.get"),
    "roles/compute.viewer": ("compute.*.get*", "compute.*.list*", "resourcemanager.projects.get"),
    "roles/compute.instanceAdmin": ("compute.instances.*", "compute.instanceGroupManagers.*", "compute.instanceTemplates.*"),
    "roles/compute.instanceAdmin.v1": ("compute.instance*", "compute.autoscalers.*", "compute.*.get", "compute.*.list"),
    "roles/compute.networkAdmin": ("compute.networks.*", "compute.subnetworks.*", "compute.addresses.*", "compute.routers.*",
                                   "compute.forwardingRules.*", "compute.*ackendServices.*", "compute.*ealthChecks.*"),
    "roles/compute.networkViewer": ("compute.networks.get", "compute.networks.list", "compute.subnetworks.get",
                                    "compute.subnetworks.list", "compute.forwardingRules.get", "compute.forwardingRules.list"),
    "roles/compute.securityAdmin": ("compute.firewalls.*",),
    "roles/compute.loadBalancerAdmin": ("compute.forwardingRules.*", "compute.*ackendServices.*", "compute.*ealthChecks.*"),
    "roles/storage.admin": ("storage.*", "resourcemanager.projects.get"),
    "roles/storage.objectAdmin": (*_OBJECT_USER, "storage.objects.getIamPolicy", "storage.objects.setIamPolicy"),
    "roles/storage.objectUser": _OBJECT_USER,
    "roles/storage.objectViewer": _OBJECT_VIEWER,
    "roles/storage.objectCreator": _OBJECT_CREATOR,
    "roles/storage.bucketViewer": ("storage.buckets.get", "storage.buckets.list"),
    "roles/storage.legacyBucketReader": ("storage.buckets.get", "storage.objects.list"),
    "roles/storage.legacyBucketWriter": ("storage.buckets.get", "storage.objects.list", "storage.objects.create",
                                         "storage.objects.delete"),
    "roles/storage.legacyBucketOwner": ("storage.buckets.get", "storage.buckets.update", "storage.buckets.getIamPolicy",
                                        "storage.buckets.setIamPolicy", "storage.objects.list", "storage.objects.create",
                                        "storage.objects.delete"),
    "roles/storage.legacyObjectReader": ("storage.objects.get",),
    "roles/storage.legacyObjectOwner": ("storage.objects.get", "storage.objects.update"),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list"),
    "roles/iam.serviceAccountViewer": ("iam.serviceAccounts.get", "iam.serviceAccounts.list", "iam.serviceAccounts.getIamPolicy"),
    "roles/iam.serviceAccountAdmin": ("iam.serviceAccounts.*",),
    "roles/iam.securityReviewer": ("*.getIamPolicy", "*.list"),
    "roles/resourcemanager.projectIamAdmin": ("resourcemanager.projects.get*", "resourcemanager.projects.setIamPolicy"),
    "roles/serviceusage.serviceUsageConsumer": ("serviceusage.services.use", "serviceusage.services.get",
                                                "serviceusage.services.list"),
    # Granted to instances in this architecture, and of nothing that this cloud serves.
    "roles/logging.logWriter": ("logging.logEntries.create",),
    "roles/monitoring.metricWriter": ("monitoring.timeSeries.create",),
    "roles/monitoring.viewer": ("monitoring.*.get", "monitoring.*.list"),
    "roles/cloudtrace.agent": ("cloudtrace.traces.patch",),
    "roles/secretmanager.secretAccessor": ("secretmanager.versions.access",),
    "roles/secretmanager.viewer": ("secretmanager.secrets.get*", "secretmanager.secrets.list", "secretmanager.versions.get",
                                   "secretmanager.versions.list"),
    "roles/secretmanager.secretVersionAdder": ("secretmanager.versions.add",),
    "roles/secretmanager.secretVersionManager": ("secretmanager.versions.add", "secretmanager.versions.get", "secretmanager.versions.list",
                                                 "secretmanager.versions.enable", "secretmanager.versions.disable",
                                                 "secretmanager.versions.destroy"),
    "roles/secretmanager.admin": ("secretmanager.*",),
    "roles/monitoring.editor": ("monitoring.*",),
    "roles/monitoring.admin": ("monitoring.*",),
    "roles/monitoring.alertPolicyEditor": ("monitoring.alertPolicies.*",),
    "roles/monitoring.notificationChannelEditor": ("monitoring.notificationChannels.*",),
    "roles/monitoring.dashboardEditor": ("monitoring.dashboards.*",),
    "roles/artifactregistry.reader": ("artifactregistry.repositories.downloadArtifacts",),
}  # fmt: skip


@cache
def _pattern(role: str) -> re.Pattern[str]:
    alternatives = (
        "".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", entry))
        for entry in ROLES[role]
    )
    return re.compile("|".join(alternatives))


def grants(role: str, permission: str) -> bool:
    """Tell whether a role holds a permission; roles that are not in the table hold none."""
    return role in ROLES and _pattern(role).fullmatch(permission) is not None


def granting(permission: str) -> str:
    """Return the narrowest role that holds a permission, to be named as a remedy; empty if there is none."""
    fitting = [role for role in ROLES if grants(role, permission) and role not in _BROAD]
    return min(fitting, key=lambda role: (len(ROLES[role]), role), default="")


_BROAD = frozenset({"roles/owner", "roles/editor", "roles/viewer"})
