"""Uses the package's resources through the engine: the whole service, and its parts one by one beside a network of the program's own.

Nothing of the components is imported: all that a program of another language has is here, tokens and plain values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_gcp as gcp

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "europe-west1"
CHECKS = {
    "autohealing": {"checkIntervalSec": 5, "timeoutSec": 5, "unhealthyThreshold": 5},
    "balancer": {"checkIntervalSec": 2, "timeoutSec": 2, "unhealthyThreshold": 2},
}
CLIENTS = ["198.18.0.0/15"]  # how this machine appears in the local cloud
READER: dict[str, dict[str, str]] = {"roles/storage.objectViewer": {}}
SCRIPT = {"script": "../../../scripts/startup.sh", "files": ["../../../scripts/service.py"]}
SMALL = {"bootSec": 10, "initialDelaySec": 30}

config = pulumi.Config()


def remote(kind: str, name: str, outputs: str, inputs: Mapping[str, Any], **options: Any) -> Any:  # noqa: ANN401 - as a generated SDK's
    """Make a resource of the package; `outputs` are read as attributes."""

    class Remote(pulumi.ComponentResource):
        def __init__(self) -> None:
            declared = dict.fromkeys(outputs.split()) | dict(inputs)
            opts = pulumi.ResourceOptions(**options)
            super().__init__(f"mig-nlb:index:{kind}", name, declared, opts, remote=True)

    return Remote()


def whole() -> None:
    """The whole service, as its stack's file has it; `overrides` of the configuration go before."""
    service = remote(
        "Service",
        "web",
        "url address instanceGroup healthChecks autohealingCheck balancerCheck serviceAccount subnetwork bucket",
        {
            "environment": "local",
            "startup": SCRIPT,
            "iam": {"bucket": READER},
            "firewall": {"clientRanges": CLIENTS},
            "group": {"zones": [f"{REGION}-b", f"{REGION}-c"]},
            "update": {"maxSurge": "2"},
            "autoscaler": {"minReplicas": 2, "maxReplicas": 4},
            "autohealingCheck": CHECKS["autohealing"],
            "balancerCheck": CHECKS["balancer"],
            **config.get_object("overrides", {}),
        },
    )
    for name in ("url", "address", "instanceGroup", "healthChecks", "serviceAccount"):
        pulumi.export(name, getattr(service, name))


def parts() -> None:
    """Every part by itself, in a network that this program makes: at a first preview nothing of it is known."""
    network = gcp.compute.Network("own", auto_create_subnetworks=False)
    subnetwork = gcp.compute.Subnetwork(
        "own", network=network.id, region=REGION, ip_cidr_range="10.200.0.0/24", private_ip_google_access=True
    )
    script = remote("StartupScript", "parts", "bucket metadata objects", {"region": REGION, "source": SCRIPT})
    identity = remote(
        "ServiceIdentity", "parts", "email bindings",
        {"project": "local", "account": {}, "bindings": {"bucket": READER}, "bucket": script.bucket},
    )  # fmt: skip
    surroundings = remote(
        "Network", "parts", "subnetwork firewalls",
        {
            "region": REGION,
            "vpc": {"network": network.id, "subnetwork": subnetwork.id},
            "healthChecks": CHECKS,
            "frontends": [{"ports": [8080]}],
            "firewall": {"clientRanges": CLIENTS},
            "serviceAccount": identity.email,
        },
    )  # fmt: skip
    template = remote(
        "InstanceTemplate", "parts", "selfLinkUnique",
        {
            "machine": {"labels": {"made-by": "parts"}},
            "subnetwork": surroundings.subnetwork,
            "serviceAccount": identity.email,
            "startupMetadata": pulumi.Output.all(script.metadata, pulumi.Output.secret("nobody-else-is-told-this")).apply(
                lambda found: {**found[0], "hint": found[1]}
            ),
            "waitFor": pulumi.Output.all(identity.bindings, script.objects, surroundings.firewalls).apply(
                lambda found: [item for items in found for item in items]
            ),
        },
    )  # fmt: skip
    group = remote(
        "ManagedInstanceGroup", "parts", "resourceId name instanceGroup healthCheck",
        {
            "region": REGION,
            "instanceTemplate": template.selfLinkUnique,
            "shape": {"zones": [f"{REGION}-d"], "scope": "ZONAL"},
            "healthChecks": CHECKS,
            "update": {"minReadySec": 1},
            "repair": SMALL,
            "smallestSize": 1,
        },
    )  # fmt: skip
    remote(
        "Autoscaler", "parts", "resourceId",
        {
            "region": REGION,
            "zone": f"{REGION}-d",
            "target": group.resourceId,
            "policy": {"minReplicas": 1, "maxReplicas": 2, "cooldownPeriodSec": 15},
        },
    )  # fmt: skip
    balancer = remote(
        "NetworkLoadBalancer", "parts", "url address backendService healthCheck",
        {
            "region": REGION,
            "instanceGroup": group.instanceGroup,
            "healthChecks": CHECKS,
            "balancing": {"longestRequestSec": 5, "drainingSec": 5},
        },
    )  # fmt: skip
    remote(
        "Monitoring", "parts", "alerts dashboard",
        {
            "project": "local",
            "policy": {"dashboard": True},
            "group": group.name,
            "baseInstanceName": "parts",
            "healthChecks": CHECKS,
            "maxReplicas": 2,
        },
    )  # fmt: skip
    pulumi.export("partsUrl", balancer.url)
    pulumi.export("template", template.selfLinkUnique)


for case in config.get("cases", "whole parts").split():
    {"whole": whole, "parts": parts}[case]()
