"""Who may read an object, by the bindings of its bucket and its project: IAM answers such questions only for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripts.diagnosis.facts import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READ = "storage.objects.get"
# Cloud Storage's own roles that hold it. Roles of others, and custom ones, are looked up.
_READERS = frozenset({
    "roles/storage.objectViewer", "roles/storage.objectUser", "roles/storage.objectAdmin", "roles/storage.admin",
    "roles/storage.legacyObjectReader", "roles/storage.legacyObjectOwner",
})  # fmt: skip
# Basic roles do not hold it themselves: they read objects through a bucket's bindings of projectViewer: and the like.
_BASIC = frozenset({"roles/owner", "roles/editor", "roles/viewer"})
_OTHERS = frozenset(
    {"roles/logging.logWriter", "roles/monitoring.metricWriter"}
)  # what instances usually have besides

Policy = dict[str, Any]


def reading(
    account: str,
    project: str,
    policies: Mapping[str, Policy | None],
    permissions_of: Callable[[str], tuple[str, ...]],
) -> Access:
    """Judge whether a service account may read objects.

    Args:
        account: its e-mail.
        project: the project's id.
        policies: IAM policies by the name of what they are of ("bucket B", "project P"); None where it could not be read.
        permissions_of: returns the permissions of a role; OSError where they cannot be looked up.
    """
    conditional: list[str] = []
    unseen = [f"the policy of {place}" for place, policy in policies.items() if policy is None]
    roles = _roles(account, policies.get(f"project {project}"))
    for place, policy in policies.items():
        for binding in (policy or {}).get("bindings", []):
            role = str(binding["role"])
            if not _concerned(account, project, roles, binding.get("members", [])):
                continue
            if not _reads(role, permissions_of, unseen):
                continue
            if binding.get("condition"):
                conditional.append(f"{role} on {place} if {binding['condition'].get('expression', '?')}")
            else:
                return Access(account=account, granted=True, by=f"{role} on {place}")
    return Access(account=account, granted=False, conditional=tuple(conditional), unseen=tuple(unseen))


def _reads(role: str, permissions_of: Callable[[str], tuple[str, ...]], unseen: list[str]) -> bool:
    """Say whether a role reads objects; one whose permissions cannot be looked up does not, and is noted as unseen."""
    if role in _READERS:
        return True
    if role in _BASIC or role in _OTHERS or role.startswith("roles/storage."):
        return False
    try:
        return READ in permissions_of(role)
    except OSError:
        unseen.append(f"the role {role}")
        return False


def _roles(account: str, policy: Policy | None) -> set[str]:
    return {
        str(binding["role"])
        for binding in (policy or {}).get("bindings", [])
        if f"serviceAccount:{account}" in binding.get("members", [])
    }


def _concerned(account: str, project: str, roles: set[str], members: list[str]) -> bool:
    ours = {f"serviceAccount:{account}", "allUsers", "allAuthenticatedUsers"}
    # projectViewer:P stands for whoever has that basic role on the project.
    ours |= {f"project{role.removeprefix('roles/').capitalize()}:{project}" for role in roles & _BASIC}
    return bool(ours.intersection(members))
