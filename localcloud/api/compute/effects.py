"""Fields that are kept and answered as Google does, but that nothing here acts on: told in the story when they are set.

One table, of which the coverage page is made too, so that what is said there is what is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.api.unsupported import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.api.compute.draft import Draft
    from localcloud.store import Transaction


@dataclass(frozen=True)
class NoEffect:
    """`path` as links have it (``networkInterfaces[].ipv6AccessConfigs``); `unless` are values that ask for what happens anyway."""

    path: str
    consequence: str
    unless: tuple[Any, ...] = ()


_NO_IPV6 = "instances and balancers here have IPv4 only, so nothing is reached by IPv6"
_NO_LOGS = "nothing writes such logs"
_NO_STATE = "an instance that is recreated starts anew, with nothing preserved"
_NO_HARDWARE = "instances are sandboxes on this machine's own processor"
_TEMPLATE = (
    NoEffect("properties.networkInterfaces[].ipv6AccessConfigs", _NO_IPV6),
    NoEffect("properties.networkInterfaces[].stackType", _NO_IPV6, ("IPV4_ONLY",)),
    NoEffect("properties.disks[].diskEncryptionKey", "disks are folders on this machine, and not encrypted"),
    NoEffect("properties.minCpuPlatform", _NO_HARDWARE),
    NoEffect("properties.advancedMachineFeatures", _NO_HARDWARE),
    NoEffect("properties.guestAccelerators", _NO_HARDWARE),
    NoEffect("properties.confidentialInstanceConfig.enableConfidentialCompute", _NO_HARDWARE, (False,)),
    NoEffect("properties.shieldedInstanceConfig", "nothing boots: there is no firmware to verify"),
    NoEffect("properties.resourcePolicies", "there are no snapshots, schedules or placement here"),
)
_GROUP = (
    NoEffect("statefulPolicy", _NO_STATE),
    NoEffect(
        "instanceFlexibilityPolicy",
        "every instance gets its template's machine type: there is no capacity to choose by",
    ),
    NoEffect(
        "distributionPolicy.targetShape",
        "instances are spread evenly: zones here are never short",
        ("EVEN", "ANY"),
    ),
    NoEffect("standbyPolicy", "instances are neither suspended nor stopped for later"),
    NoEffect("targetStoppedSize", "no instance is kept stopped", (0,)),
    NoEffect("targetSuspendedSize", "no instance is kept suspended", (0,)),
    NoEffect("targetPools", "there are no target pools"),
    NoEffect("resourcePolicies", "there are no workload policies"),
)
_AUTOSCALER = (
    NoEffect(
        "autoscalingPolicy.customMetricUtilizations",
        "nothing measures it, so it never asks for an instance: the local cloud keeps no time series",
    ),
    NoEffect(
        "autoscalingPolicy.loadBalancingUtilization", "a passthrough balancer has no utilisation to scale by"
    ),
    NoEffect(
        "autoscalingPolicy.cpuUtilization.predictiveMethod",
        "scaling follows what is measured, not what is forecast from days of history",
        ("NONE",),
    ),
)
NO_EFFECT: Mapping[str, tuple[NoEffect, ...]] = {
    "Address": (NoEffect("ipVersion", _NO_IPV6, ("IPV4",)),),
    "ForwardingRule": (NoEffect("ipVersion", _NO_IPV6, ("IPV4",)),),
    "Subnetwork": (
        NoEffect("stackType", _NO_IPV6, ("IPV4_ONLY",)),
        NoEffect("logConfig.enable", _NO_LOGS, (False,)),
    ),
    "Network": (NoEffect("enableUlaInternalIpv6", _NO_IPV6, (False,)),),
    "Firewall": (NoEffect("logConfig.enable", _NO_LOGS, (False,)),),
    "BackendService": (
        NoEffect("localityLbPolicy", "every instance has the same weight", ("MAGLEV",)),
        NoEffect("logConfig.enable", _NO_LOGS, (False,)),
    ),
    "HealthCheck": (
        NoEffect("logConfig.enable", "changes of health are in the story, not in Cloud Logging", (False,)),
    ),
    "InstanceTemplate": _TEMPLATE,
    "InstanceGroupManager": _GROUP,
    "Autoscaler": _AUTOSCALER,
}


def values(document: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Yield what a document has at a path."""
    name, _, rest = path.partition(".")
    value = document.get(name.removesuffix("[]")) if isinstance(document, dict) else None
    if value is None:
        return
    for each in value if name.endswith("[]") else (value,):
        if rest:
            yield from values(each, rest)
        else:
            yield each


def tell(change: Transaction, draft: Draft) -> None:
    """Write a line of the story for each field without effect that this change sets or alters."""
    for entry in NO_EFFECT.get(draft.collection.schema, ()):
        if not draft.changed(entry.path.partition(".")[0].removesuffix("[]")):
            continue
        found = [value for value in values(draft.document, entry.path) if value not in entry.unless]
        before = list(values(dict(draft.old), entry.path)) if draft.old is not None else []
        if found and found != before:
            unsupported(draft.cloud, change, draft.relname, entry.path, entry.consequence)
