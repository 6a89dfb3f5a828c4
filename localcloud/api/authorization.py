"""May this principal do that? Bindings of the resource and of the project, roles expanded to permissions, the token's scopes.

The owner may do everything. Who is refused is told in Google's words; refusals of instances are written down under
``control/denied/`` until they end, so that the cloud's status can name the missing permission.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.api import conditions, errors
from localcloud.api.policies import in_force
from localcloud.api.roles import granting, grants
from localcloud.store import Event

if TYPE_CHECKING:
    from localcloud.api.call import Call
    from localcloud.api.cloud import Cloud
    from localcloud.identity import Principal
    from localcloud.store import Document

DENIED = "control/denied/"  # records of refusals, to be read by the cloud's status
_ALL = frozenset({"https://www.googleapis.com/auth/cloud-platform"})
_READ = frozenset({"https://www.googleapis.com/auth/cloud-platform.read-only"})
_STORAGE = "https://www.googleapis.com/auth/devstorage."
_COMPUTE = "https://www.googleapis.com/auth/compute"
_READING = ("get", "list", "getIamPolicy", "aggregatedList")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What a permission is needed on.

    `policies` are the store keys of its own policy and those it inherits; `name` is its full name, as conditions see it;
    `words` how messages call it: "Google Cloud Storage object"; `modified_roles` those whose bindings the request changes.
    """

    policies: Sequence[str]
    name: str
    words: str
    modified_roles: frozenset[str] = frozenset()


def held(call: Call, wanted: Iterable[str], resource: Resource) -> dict[str, Any]:
    """Answer a testIamPermissions: which of some permissions the caller has on a resource; none are no list at all."""
    found = [name for name in wanted if allowed(call.cloud, call.principal, name, resource)]
    return {"permissions": found} if found else {}


def allowed(cloud: Cloud, principal: Principal | None, permission: str, resource: Resource) -> bool:
    """Tell whether somebody (None: anonymous) has a permission on a resource by some binding."""
    if principal is not None and principal.owner:
        return True
    members = {"allUsers"}
    if principal is not None:
        members |= {"allAuthenticatedUsers", principal.member}
    project = {f"projectViewer:{cloud.settings.project}", f"projectEditor:{cloud.settings.project}"}
    for key in resource.policies:
        for binding in in_force(cloud, key).get("bindings", []):
            concerned = members.intersection(binding.get("members", []))
            if not concerned and not _by_project_role(
                cloud, members, project.intersection(binding.get("members", []))
            ):
                continue
            if grants(binding["role"], permission) and _condition_holds(cloud, binding, resource):
                return True
    return False


def _by_project_role(cloud: Cloud, members: set[str], groups: Iterable[str]) -> bool:
    """projectViewer:P and projectEditor:P stand for whoever has that basic role on the project."""
    wanted = {f"roles/{group.partition(':')[0].removeprefix('project').lower()}" for group in groups}
    if not wanted:
        return False
    policy = in_force(cloud, project_policy(cloud))
    return any(
        binding["role"] in wanted and members.intersection(binding.get("members", []))
        for binding in policy.get("bindings", [])
    )


def _condition_holds(cloud: Cloud, binding: Document, resource: Resource) -> bool:
    condition = binding.get("condition")
    return condition is None or conditions.holds(
        condition["expression"], resource.name, cloud.clock.now(), resource.modified_roles
    )


def project_policy(cloud: Cloud) -> str:
    """Return the store key of the project's IAM policy."""
    return f"crm/projects/{cloud.settings.project}"


def within_scopes(principal: Principal | None, permission: str) -> bool:
    """Tell whether the token's scopes allow this kind of call; only instances' tokens are so bounded."""
    if principal is None or principal.owner or principal.scopes & _ALL:
        return True
    service, _, rest = permission.partition(".")
    reading = rest.rpartition(".")[2] in _READING
    if reading and principal.scopes & _READ:
        return True
    if service == "storage":
        wanted = {f"{_STORAGE}full_control"}
        if not rest.endswith("IamPolicy") and not (rest.startswith("buckets.") and not reading):
            wanted.add(f"{_STORAGE}read_write")
            if reading:
                wanted.add(f"{_STORAGE}read_only")
        return bool(principal.scopes & wanted)
    if service == "compute":
        return _COMPUTE in principal.scopes or (reading and f"{_COMPUTE}.readonly" in principal.scopes)
    return False


def authorize(cloud: Cloud, principal: Principal | None, permission: str, resource: Resource) -> None:
    """Return if the permission is there; else raise the 401 or 403 that Google would answer."""
    if principal is not None and principal.owner:
        return
    if not within_scopes(principal, permission):
        if permission.startswith("storage."):
            raise errors.ApiError(403, "insufficientPermissions", "Provided scope(s) are not authorized")
        raise errors.ApiError(
            403, "insufficientPermissions", "Request had insufficient authentication scopes."
        )
    granted = allowed(cloud, principal, permission, resource)
    if principal is not None:
        _note(cloud, principal, permission, resource, granted=granted)
    if granted:
        return
    if principal is None:
        raise _anonymous(permission, resource)
    raise errors.forbidden(_refusal(principal, permission, resource))


def _refusal(principal: Principal, permission: str, resource: Resource) -> str:
    if permission.startswith("storage."):
        return (
            f"{principal.email} does not have {permission} access to the {resource.words}. "
            f"Permission '{permission}' denied on resource (or it may not exist)."
        )
    if permission.startswith("compute."):
        return f"Required '{permission}' permission for '{resource.name}'"
    return f"Permission '{permission}' denied on resource '{resource.name}' (or it may not exist)."


def _anonymous(permission: str, resource: Resource) -> errors.ApiError:
    if not permission.startswith("storage."):
        return errors.unauthenticated(presented=False)
    message = (
        f"Anonymous caller does not have {permission} access to the {resource.words}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )
    return errors.ApiError(401, "required", message, location="Authorization", locationType="header")


def _note(cloud: Cloud, principal: Principal, permission: str, resource: Resource, *, granted: bool) -> None:
    """Keep the record of what is refused to whom: one per principal, permission and resource, gone when it is granted."""
    digest = hashlib.sha256(f"{principal.email}|{permission}|{resource.name}".encode()).hexdigest()[:24]
    key = DENIED + digest
    old = cloud.store.get(key)
    if granted and old is None:
        return
    with cloud.store.transaction() as tx:
        if granted:
            tx.delete(key)
            return
        if old is None:
            text = f"lacks {permission} on {resource.name}; {granting(permission)} has it"
            subject = {"principal": principal.email, "permission": permission, "resource": resource.name}
            tx.event(Event(cloud.clock.now(), "iam.denied", principal.email, text, subject))
        tx.put(
            key,
            {
                "principal": principal.email,
                "permission": permission,
                "resource": resource.name,
                "role": granting(permission),
                "at": cloud.clock.now(),
                "count": (old or {}).get("count", 0) + 1,
            },
        )
