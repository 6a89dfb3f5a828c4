"""Fields that are kept and answered as Google does, but that nothing here acts on: told in the story when they are set.

One table, of Compute and of the other services, of which the coverage page is made too, so that what is said there is what is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from localcloud.api.unsupported import unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.cloud import Cloud
    from localcloud.store import Transaction


_Tree: TypeAlias = "dict[str, _Tree]"


@dataclass(frozen=True)
class NoEffect:
    """`path` as links have it (``disks[].diskEncryptionKey``); `unless` are values that ask for what happens anyway."""

    path: str
    consequence: str
    unless: tuple[Any, ...] = ()


BY_POLICY = "access goes by the bucket's IAM policy alone"
_NO_LOGS = "nothing writes such logs"
_NO_HARDWARE = "instances are sandboxes on this machine's own processor"
_TEMPLATE = (
    NoEffect("properties.disks[].diskEncryptionKey", "disks are folders on this machine, and not encrypted"),
    NoEffect("properties.minCpuPlatform", _NO_HARDWARE),
    NoEffect("properties.advancedMachineFeatures", _NO_HARDWARE),
    NoEffect("properties.guestAccelerators", _NO_HARDWARE),
    NoEffect("properties.confidentialInstanceConfig.enableConfidentialCompute", _NO_HARDWARE, (False,)),
    NoEffect("properties.shieldedInstanceConfig", "nothing boots: there is no firmware to verify"),
    NoEffect(
        "properties.networkInterfaces[].accessConfigs",
        "it opens the way to Google's APIs alone: instances here get no external addresses",
        ([],),
    ),
    NoEffect("properties.resourcePolicies", "there are no snapshots, schedules or placement here"),
)
_GROUP = (NoEffect("resourcePolicies", "there are no workload policies"),)
_AUTOSCALER = (
    NoEffect(
        "autoscalingPolicy.loadBalancingUtilization", "a passthrough balancer has no utilisation to scale by"
    ),
)
NO_EFFECT: Mapping[str, tuple[NoEffect, ...]] = {
    "Subnetwork": (NoEffect("logConfig.enable", _NO_LOGS, (False,)),),
    "Firewall": (NoEffect("logConfig.enable", _NO_LOGS, (False,)),),
    "BackendService": (NoEffect("logConfig.enable", _NO_LOGS, (False,)),),
    "HealthCheck": (
        NoEffect("logConfig.enable", "changes of health are in the story, not in Cloud Logging", (False,)),
    ),
    "InstanceTemplate": _TEMPLATE,
    "InstanceGroupManager": _GROUP,
    "Autoscaler": _AUTOSCALER,
    "Bucket": (
        NoEffect("lifecycle.rule", "objects stay until somebody deletes them"),
        NoEffect("retentionPolicy", "objects can be deleted at any time"),
        NoEffect("autoclass.enabled", "objects keep their storage class", (False,)),
        NoEffect("autoclass.terminalStorageClass", "objects keep their storage class"),
        NoEffect("website", "there are no websites, only objects"),
        NoEffect("cors", "browsers of other origins are refused, whatever it says"),
        NoEffect("logging", "nothing writes access logs"),
        NoEffect("encryption", "objects are files on this machine, and not encrypted"),
        NoEffect("billing.requesterPays", "nobody pays", (False,)),
        NoEffect("ipFilter", "requests come from this machine only"),
        NoEffect("acl", BY_POLICY),
        NoEffect("defaultObjectAcl", BY_POLICY),
        NoEffect("customPlacementConfig", "objects are on this machine"),
        NoEffect("defaultEventBasedHold", "objects can be deleted at any time", (False,)),
        NoEffect("hierarchicalNamespace.enabled", "there are no folders, only names with slashes", (False,)),
        NoEffect("objectRetention", "objects can be deleted at any time"),
        NoEffect("softDeletePolicy.hardDeletePause.enabled", "what is deleted is gone", (False,)),
        NoEffect("softDeletePolicy.retentionDurationSeconds", "what is deleted is gone", ("0", 0)),
    ),
    "Object": (
        NoEffect("eventBasedHold", "objects can be deleted at any time", (False,)),
        NoEffect("temporaryHold", "objects can be deleted at any time", (False,)),
    ),
    "Secret": (
        NoEffect("topics", "nothing is published: the local cloud has no Pub/Sub"),
        NoEffect("rotation", "nothing asks for a rotation: the local cloud has no Pub/Sub"),
        NoEffect("expireTime", "the secret is never deleted by itself"),
        NoEffect("ttl", "the secret is never deleted by itself"),
        NoEffect("versionDestroyTtl", "versions are destroyed at once"),
        NoEffect("customerManagedEncryption", "secrets are encrypted with no key of one's own"),
        NoEffect(
            "replication.automatic.customerManagedEncryption",
            "secrets are encrypted with no key of one's own",
        ),
        NoEffect(
            "replication.userManaged.replicas[].customerManagedEncryption",
            "secrets are encrypted with no key of one's own",
        ),
        NoEffect("secretType", "nothing rotates secrets"),
        NoEffect("tags", "there are no tags to bind"),
    ),
    "AlertPolicy": (
        NoEffect(
            "conditions",
            "nothing evaluates them, and no notification is ever sent",
        ),
    ),
    "NotificationChannel": (
        NoEffect("type", "no notification is ever sent: the local cloud evaluates no alert policy"),
    ),
    "Dashboard": tuple(
        NoEffect(layout, "nothing draws it")
        for layout in ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")
    ),
}


def values(document: Any, path: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Return what a document has at a path."""
    found = [document]
    for name, many in _steps(path):
        below = [node[name] for node in found if isinstance(node, dict) and node.get(name) is not None]
        if not below:
            return below
        found = [member for each in below for member in each] if many else below
    return found


def _any(tree: _Tree, node: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a document has anything where one of its schema's paths leads: most have not, which is quickly told."""
    if isinstance(node, list):
        return any(_any(tree, member) for member in node)
    if isinstance(node, dict):
        for name, below in tree.items():
            if name in node and (not below or _any(below, node[name])):
                return True
    return False


@cache
def _tree(schema: str) -> _Tree:
    """Return the names of a schema's paths, by the names that they are below; nothing is below a path's end."""
    root: _Tree = {}
    for entry in NO_EFFECT[schema]:
        node = root
        for name, _ in _steps(entry.path):
            node = node.setdefault(name, {})
    return root


@cache
def _steps(path: str) -> tuple[tuple[str, bool], ...]:
    """Return a path's names, each with whether a list is there."""
    return tuple((name.removesuffix("[]"), name.endswith("[]")) for name in path.split("."))


def tell(
    cloud: Cloud,
    change: Transaction,
    schema: str,
    subject: str,
    *,
    document: Mapping[str, Any],
    old: Mapping[str, Any] | None,
) -> None:
    """Write a line of the story for each field without effect that this change of a resource sets or alters.

    Args:
        cloud: whose clock says when.
        change: the transaction that keeps the document.
        schema: the document's schema, by Google's name.
        subject: the resource's relative name.
        document: what is kept.
        old: what was kept before, None if the resource is new.
    """
    if schema not in NO_EFFECT or not _any(_tree(schema), document):
        return
    for entry in NO_EFFECT[schema]:
        found = [value for value in values(document, entry.path) if value not in entry.unless]
        if found and (old is None or found != values(old, entry.path)):
            unsupported(cloud, change, subject, entry.path, entry.consequence)
