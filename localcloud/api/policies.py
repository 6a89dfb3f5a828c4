"""IAM policies of any resource: read, replaced with their etag in mind, asked for permissions."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from localcloud.api import conditions, elsewhere
from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.call import Call
    from localcloud.api.cloud import Cloud
    from localcloud.store import Document, Transaction

_MEMBER = re.compile(r"(?:user|group|serviceAccount|domain|principal|principalSet|projectOwner|projectEditor|projectViewer)"
                     r":\S+|deleted:(?:user|group|serviceAccount):\S+\?uid=[0-9]+")  # fmt: skip
_ROLE = re.compile(r"(?:projects/[^/]+/|organizations/[^/]+/)?roles/[A-Za-z0-9_.]+")
_PENDING = "control/iam-pending/"  # + a policy's key -> what it was before, and until when that decides
_EMPTY_ETAG = "ACAB"  # what Google answers for a policy that was never set


def read(cloud: Cloud, key: str) -> dict[str, Any]:
    """Return the policy kept under a store key; one that was never set has only an etag."""
    policy = cloud.store.get(key)
    return dict(policy) if policy is not None else {"etag": _EMPTY_ETAG}


def etag(number: int) -> str:
    """Return an etag that looks as Google's policies' do (BwY...)."""
    return base64.b64encode(b"\x07\x06" + number.to_bytes(7, "big")).decode()


def replace(call: Call, key: str, policy: Mapping[str, Any], *, conflict: ApiError) -> dict[str, Any]:
    """Keep a new policy and return it; raises `conflict` if its etag is not the present one."""
    given = policy.get("etag")
    if given and given.rstrip("=") != read(call.cloud, key)["etag"].rstrip("="):
        raise conflict
    mask = {name.strip() for name in str(call.body.get("updateMask") or "bindings").split(",")}
    if "bindings" not in mask or not mask <= {"auditConfigs", "bindings", "etag", "version"}:
        raise _invalid(
            f"Invalid updateMask '{call.body['updateMask']}': a policy's bindings are what can be set."
        )
    elsewhere.check("Policy", policy)
    bindings = _bindings(call, policy)
    number = call.cloud.store.next_number("etag")
    conditional = any("condition" in binding for binding in bindings)
    if conditional and policy.get("version", 0) != 3:
        raise _invalid("Conditional policies require version 3: set it in the policy.")
    document: dict[str, Any] = {
        "version": 3 if conditional else 1,
        "etag": etag(number),
    }
    if bindings:
        document["bindings"] = bindings
    cloud = call.cloud
    delay = cloud.settings.latencies.bindings
    before = in_force(cloud, key) if delay else {}
    with cloud.store.transaction() as tx:
        tx.put(key, document)
        if delay:
            tx.put(_PENDING + key, {"before": before, "until": cloud.clock.now() + delay})
    return document


def in_force(cloud: Cloud, key: str) -> Document:
    """Return the policy that decides now: a new one is seen after a delay, as Google says of its own."""
    pending = cloud.store.get(_PENDING + key)
    if pending is not None and cloud.clock.now() < pending["until"]:
        before: Document = pending["before"]
        return before
    return cloud.store.get(key) or {}


def forget(tx: Transaction, key: str) -> None:
    """Remove a policy with all that is known of it: what is made anew under its resource's name inherits nothing."""
    tx.delete(key)
    tx.delete(_PENDING + key)


def hurry(cloud: Cloud, tx: Transaction) -> None:
    """Let every policy decide at once: somebody is deleted, whom an earlier policy may still name."""
    for key, _ in cloud.store.scan(_PENDING):
        tx.delete(key)


def _bindings(call: Call, policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for binding in policy.get("bindings", []):
        role = binding.get("role", "")
        if not _ROLE.fullmatch(role):
            raise _invalid(f"Role '{role}' is not valid: it must look like 'roles/storage.objectViewer'.")
        condition = binding.get("condition")
        if condition is not None and not conditions.understood(condition.get("expression", "")):
            message = (
                f"Condition '{condition.get('expression', '')}' uses what the local cloud cannot evaluate."
            )
            raise _invalid(message)
        for member in binding.get("members", []):
            _check_member(call, member)
        members = sorted(set(binding.get("members", [])))
        if not members:
            continue
        entry = merged.setdefault((role, str(condition)), {"role": role, "members": []})
        entry["members"] = sorted({*entry["members"], *members})
        if condition is not None:
            entry["condition"] = condition
    return [merged[place] for place in sorted(merged)]


def _check_member(call: Call, member: str) -> None:
    if member in {"allUsers", "allAuthenticatedUsers"}:
        return
    if not _MEMBER.fullmatch(member):
        raise _invalid(
            f"Invalid member '{member}': it must look like 'user:ann@example.com' or 'serviceAccount:EMAIL'."
        )
    kind, _, email = member.partition(":")
    project = call.cloud.settings.project
    own = kind == "serviceAccount" and email.endswith(f"@{project}.iam.gserviceaccount.com")
    if own and call.cloud.store.get(f"iam/projects/{project}/serviceAccounts/{email}") is None:
        raise _invalid(f"Service account {email} does not exist.")


def _invalid(message: str) -> ApiError:
    return ApiError(400, "invalid", message)


def concurrent_change() -> ApiError:
    """What Resource Manager and IAM answer to an etag that is not the present one."""
    message = (
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
        "The request's ETag did not match the current policy's ETag."
    )
    return ApiError(409, "aborted", message, status="ABORTED")
