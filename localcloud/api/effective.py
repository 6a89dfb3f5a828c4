"""Which fields of compute resources do something here; every other one that a request sets is told in the story, none is passed over.

A field that is listed acts, is kept as a record for its reader (a description), or is checked and refused where it asks for more than
there is. A listed object stands for all that is in it (of a log's settings, `effects` tells that there is no log). Those of
`effects.NO_EFFECT` have words of their own.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from localcloud.api.effects import NO_EFFECT
from localcloud.api.unsupported import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.api.cloud import Cloud
    from localcloud.discovery.document import Document
    from localcloud.store import Transaction

_Tree: TypeAlias = "dict[str, _Tree | None]"
_UNKNOWN: Final[_Tree] = {}
NOTHING = "nothing here acts on it"
_CHECKS = ("tcp", "ssl", "http", "https", "http2", "grpc", "grpcTls")
_TEMPLATE_PROPERTIES = (
    "canIpForward", "description", "disks.index", "disks.kind", "disks.initializeParams.labels", "networkInterfaces.kind",
    "networkInterfaces.name", "disks.autoDelete", "disks.boot", "disks.deviceName", "disks.diskSizeGb",
    "disks.initializeParams.diskSizeGb", "disks.initializeParams.sourceImage", "disks.interface", "disks.mode", "disks.source",
    "disks.type", "labels", "machineType", "metadata", "networkInterfaces.network",
    "networkInterfaces.ipv6AccessConfigs.kind", "networkInterfaces.ipv6AccessConfigs.name",
    "networkInterfaces.ipv6AccessConfigs.networkTier", "networkInterfaces.ipv6AccessConfigs.type", "networkInterfaces.networkIP",
    "networkInterfaces.stackType", "networkInterfaces.subnetwork", "scheduling.automaticRestart",
    "scheduling.onHostMaintenance", "scheduling.preemptible", "scheduling.provisioningModel", "serviceAccounts", "tags",
)  # fmt: skip
EFFECTIVE: Mapping[str, frozenset[str]] = {
    "Network": frozenset({
        "name", "description", "autoCreateSubnetworks", "mtu", "enableUlaInternalIpv6", "internalIpv6Range", "IPv4Range",
    }),
    "Subnetwork": frozenset({
        "name", "description", "network", "region", "ipCidrRange", "purpose", "role", "privateIpGoogleAccess", "ipv6AccessType",
        "stackType", "logConfig", "secondaryIpRanges", "fingerprint",
    }),
    "Firewall": frozenset({
        "name", "description", "network", "allowed", "denied", "direction", "disabled", "priority", "sourceRanges", "sourceTags",
        "logConfig", "sourceServiceAccounts", "destinationRanges", "targetTags", "targetServiceAccounts",
    }),
    "Address": frozenset({
        "name", "description", "address", "addressType", "network", "networkTier", "subnetwork", "purpose", "prefixLength",
        "ipVersion", "ipv6EndpointType", "labels", "labelFingerprint",
    }),
    "Disk": frozenset({
        "name", "description", "sizeGb", "sourceImage", "type", "labels", "labelFingerprint", "physicalBlockSizeBytes",
        "replicaZones", "sourceDisk", "sourceInstantSnapshot", "sourceSnapshot", "sourceStorageObject",
    }),
    # What instances.attachDisk is sent: a disk that is made with it, or a boot disk, is refused.
    "AttachedDisk": frozenset({
        "autoDelete", "boot", "deviceName", "index", "initializeParams", "interface", "kind", "mode", "source", "type",
    }),
    "HealthCheck": frozenset({
        "name", "description", "type", "checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold", "sourceRegions",
        "logConfig", *(f"{kind}HealthCheck" for kind in _CHECKS),
    }),
    "InstanceTemplate": frozenset({"name", "description", *(f"properties.{field}" for field in _TEMPLATE_PROPERTIES)}),
    "InstanceGroupManager": frozenset({
        "name", "description", "allInstancesConfig.properties.labels", "allInstancesConfig.properties.metadata",
        "autoHealingPolicies", "baseInstanceName", "distributionPolicy.targetShape", "distributionPolicy.zones.zone", "fingerprint",
        "instanceFlexibilityPolicy.instanceSelections.machineTypes", "instanceFlexibilityPolicy.instanceSelections.rank",
        "instanceLifecyclePolicy", "instanceTemplate", "listManagedInstancesResults", "namedPorts",
        "standbyPolicy", "statefulPolicy.preservedState.disks", "statefulPolicy.preservedState.externalIPs",
        "statefulPolicy.preservedState.internalIPs", "targetPools", "targetSize", "targetStoppedSize", "targetSuspendedSize",
        "updatePolicy", "versions",
    }),
    "Autoscaler": frozenset({
        "name", "description", "target", "autoscalingPolicy.coolDownPeriodSec", "autoscalingPolicy.stabilizationPeriodSec",
        "autoscalingPolicy.cpuUtilization.predictiveMethod", "autoscalingPolicy.cpuUtilization.utilizationTarget",
        "autoscalingPolicy.customMetricUtilizations",
        "autoscalingPolicy.maxNumReplicas", "autoscalingPolicy.minNumReplicas", "autoscalingPolicy.mode",
        "autoscalingPolicy.scaleInControl", "autoscalingPolicy.scalingSchedules",
    }),
    "BackendService": frozenset({
        "name", "description", "backends", "connectionDraining", "connectionTrackingPolicy", "failoverPolicy", "fingerprint",
        "logConfig", "healthChecks", "loadBalancingScheme", "localityLbPolicy", "protocol", "sessionAffinity", "region",
    }),
    "ForwardingRule": frozenset({
        "name", "description", "IPAddress", "IPProtocol", "allPorts", "backendService", "fingerprint", "labels", "labelFingerprint",
        "ipVersion", "loadBalancingScheme", "networkTier", "portRange", "ports", "sourceIpRanges", "target", "subnetwork", "region",
    }),
    "Router": frozenset({"name", "description", "network", "nats.name", "nats.natIpAllocateOption", "nats.natIps", "region",
                         "nats.sourceSubnetworkIpRangesToNat", "nats.subnetworks", "nats.type", "nats.initialNatIps"}),
}  # fmt: skip
# Values that clients send although they ask for nothing: what happens anyway.
_ANYWAY: Mapping[str, tuple[Any, ...]] = {
    "Network.routingConfig.routingMode": ("REGIONAL",),
    "Network.networkFirewallPolicyEnforcementOrder": ("AFTER_CLASSIC_FIREWALL",),
    "Subnetwork.privateIpv6GoogleAccess": ("DISABLE_GOOGLE_ACCESS",),
    "InstanceTemplate.properties.disks.initializeParams.diskType": ("pd-standard",),
    "InstanceTemplate.properties.networkInterfaces.nicType": ("UNSPECIFIED_NIC_TYPE",),
    "BackendService.timeoutSec": (30,),
    "Router.nats.endpointTypes": ("ENDPOINT_TYPE_VM",),
}


def unheeded(schema: str, body: Mapping[str, Any]) -> list[str]:
    """Return the fields, dotted, that a request for a resource sets and that nothing here acts on; the shortest path of each."""
    if schema not in EFFECTIVE or _all_heeded(_tree(schema), body):
        return []
    return sorted(set(_walk(schema, "", body)))


def _all_heeded(tree: _Tree, node: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether everything in a node is acted on, as in most requests: then nobody needs to know where it is."""
    if isinstance(node, list):
        return all(_all_heeded(tree, member) for member in node)
    if isinstance(node, dict):
        for name, value in node.items():
            below = tree.get(name, _UNKNOWN)
            if below is not None and (below is _UNKNOWN or not _all_heeded(below, value)):
                return False
    return True


def _walk(schema: str, path: str, node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        for member in node:
            yield from _walk(schema, path, member)
        return
    heeded, above = _paths(schema)
    if path and path not in above:
        anyway = _ANYWAY.get(f"{schema}.{path}", ())
        if path not in heeded and node not in (None, False, 0, "") and node not in anyway:
            yield path
        return
    if isinstance(node, dict):
        # A map's keys are its users': what is below one of them is the same for all.
        for each in node.values() if path in _MAPS else (node,):
            for name, value in each.items() if isinstance(each, dict) else ():
                yield from _walk(schema, f"{path}.{name}" if path else name, value)


def told(schema: str, document: Document) -> list[str]:
    """Return every field of a schema that a request may set and that is told as without effect; the shortest path of each."""
    return sorted(set(_fields(schema, "", document.schema(schema), document)))


def _fields(schema: str, path: str, node: Mapping[str, Any], document: Document) -> Iterator[str]:
    heeded, above = _paths(schema)
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if child.get("readOnly") or below in heeded:
            continue
        if below not in above:
            yield below
            continue
        inner = child.get("items") or child.get("additionalProperties") or child
        yield from _fields(
            schema, below, document.schema(inner["$ref"]) if "$ref" in inner else inner, document
        )


_MAPS = frozenset({"instanceFlexibilityPolicy.instanceSelections"})


@cache
def _tree(schema: str) -> _Tree:
    """Return the names that need no telling, by the names that they are below; None is acted on with all that is in it."""
    heeded, above = _paths(schema)
    root: _Tree = {}
    for path in sorted(heeded | (above - _MAPS - {""})):
        node: _Tree | None = root
        *parents, last = path.split(".")
        for name in parents:
            node = node.get(name) if node is not None else None
        if node is not None:
            node[last] = None if path in heeded else {}
    return root


@cache
def _paths(schema: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the paths that need no telling, and those that are above some of them."""
    own = frozenset(entry.path.replace("[]", "") for entry in NO_EFFECT.get(schema, ()))
    heeded = EFFECTIVE[schema] | own
    anyway = {path.partition(".")[2] for path in _ANYWAY if path.startswith(f"{schema}.")}
    above = {path.rpartition(".")[0] for path in heeded | anyway}
    while more := {path.rpartition(".")[0] for path in above} - above:
        above |= more
    return heeded, frozenset(above - heeded)


def tell_unheeded(
    cloud: Cloud,
    change: Transaction,
    schema: str,
    subject: str,
    *,
    body: Mapping[str, Any],
    old: Mapping[str, Any] | None,
) -> None:
    """Write a line of the story for each field that a request sets, or alters, and that nothing acts on.

    Args:
        cloud: whose clock says when.
        change: the transaction that keeps the resource.
        schema: the resource's schema, by Google's name.
        subject: its relative name.
        body: what was sent.
        old: what was kept before, None if the resource is new.
    """
    for path in unheeded(schema, body):
        name = path.partition(".")[0]
        if old is None or old.get(name) != body.get(name):
            unsupported(cloud, change, subject, path, NOTHING)
