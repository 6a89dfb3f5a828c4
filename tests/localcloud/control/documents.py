"""Google's documents of one service: a network, checks, a group and what belongs to it, as the API would have stored them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.links import url

if TYPE_CHECKING:
    from tests.localcloud.control.cloud import Cloud

PROJECT, REGION = "p", "europe-west1"
GROUP = f"projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web"
RULE = f"projects/{PROJECT}/regions/{REGION}/forwardingRules/web"
SERVICE = f"projects/{PROJECT}/regions/{REGION}/backendServices/web"
AUTOSCALER = f"projects/{PROJECT}/regions/{REGION}/autoscalers/web"
HEALING = f"projects/{PROJECT}/global/healthChecks/web-autoheal"
BALANCING = f"projects/{PROJECT}/regions/{REGION}/healthChecks/web-lb"
VIP = "127.9.9.10"


def network(cloud: Cloud, *, firewall: bool = True, cidr: str = "10.128.0.0/20") -> None:
    """A network, a subnetwork and the firewall rule that lets probes in."""
    net = f"projects/{PROJECT}/global/networks/web-net"
    cloud.put(net, {})
    cloud.put(
        f"projects/{PROJECT}/regions/{REGION}/subnetworks/web-sub",
        {
            "network": url(net),
            "ipCidrRange": cidr,
            "region": url(f"projects/{PROJECT}/regions/{REGION}"),
            "privateIpGoogleAccess": True,
        },
    )
    if firewall:
        cloud.put(
            f"projects/{PROJECT}/global/firewalls/web-hc",
            {
                "network": url(net),
                "priority": 1000,
                "direction": "INGRESS",
                "sourceRanges": ["35.191.0.0/16", "130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22"],
                "allowed": [{"IPProtocol": "tcp", "ports": ["8080"]}],
                "targetTags": ["web"],
            },
        )


def check(
    cloud: Cloud, name: str, *, interval: float = 5, timeout: float = 5, healthy: int = 2, unhealthy: int = 2
) -> None:
    """A health check on port 8080."""
    cloud.put(
        name,
        {
            "type": "HTTP",
            "httpHealthCheck": {"port": 8080, "requestPath": "/healthz", "proxyHeader": "NONE"},
            "checkIntervalSec": interval,
            "timeoutSec": timeout,
            "healthyThreshold": healthy,
            "unhealthyThreshold": unhealthy,
        },
    )


def template(cloud: Cloud, name: str, **properties: object) -> str:
    """An instance template; returns its relative name."""
    relname = f"projects/{PROJECT}/global/instanceTemplates/{name}"
    cloud.put(
        relname,
        {
            "properties": {
                "machineType": "e2-small",
                "metadata": {"items": [{"key": "startup-script-url", "value": f"gs://p-scripts/{name}.sh"}]},
                "networkInterfaces": [
                    {"subnetwork": url(f"projects/{PROJECT}/regions/{REGION}/subnetworks/web-sub")}
                ],
                "serviceAccounts": [
                    {"email": "web-sa@p.iam.gserviceaccount.com", "scopes": ["cloud-platform"]}
                ],
                "tags": {"items": ["web"]},
                "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": name}}],
                **properties,
            }
        },
    )
    return relname


def group(cloud: Cloud, size: int = 3, *, made_from: str = "", name: str = GROUP, **fields: object) -> None:
    """A regional group with autohealing, as the program makes it."""
    source = made_from or template(cloud, "one")
    cloud.put(
        name,
        {
            "baseInstanceName": "web",
            "targetSize": size,
            "versions": [{"instanceTemplate": url(source)}],
            "distributionPolicy": {
                "zones": [{"zone": url(f"projects/{PROJECT}/zones/{REGION}-{letter}")} for letter in "bcd"]
            },
            "autoHealingPolicies": [{"healthCheck": url(HEALING), "initialDelaySec": 120}],
            "updatePolicy": {
                "type": "PROACTIVE",
                "minimalAction": "REPLACE",
                "replacementMethod": "SUBSTITUTE",
                "maxSurge": {"fixed": 3, "calculated": 3},
                "maxUnavailable": {"fixed": 0, "calculated": 0},
            },
            "currentActions": {},
            "status": {"isStable": size == 0, "versionTarget": {"isReached": True}},
            **fields,
        },
    )
    cloud.put(name.replace("instanceGroupManagers", "instanceGroups"), {"size": 0})


def balancer(cloud: Cloud, **fields: object) -> None:
    """A backend service on the group with its own check, and a forwarding rule."""
    cloud.put(
        SERVICE,
        {
            "protocol": "TCP",
            "loadBalancingScheme": "EXTERNAL",
            "healthChecks": [url(BALANCING)],
            "backends": [
                {
                    "group": url(GROUP.replace("instanceGroupManagers", "instanceGroups")),
                    "balancingMode": "CONNECTION",
                }
            ],
            "connectionDraining": {"drainingTimeoutSec": 30},
            "sessionAffinity": "NONE",
            **fields,
        },
    )
    cloud.put(
        RULE,
        {
            "IPAddress": VIP,
            "IPProtocol": "TCP",
            "portRange": "8080-8080",
            "loadBalancingScheme": "EXTERNAL",
            "backendService": url(SERVICE),
        },
    )


def autoscaler(cloud: Cloud, minimum: int = 2, maximum: int = 10, **policy: object) -> None:
    """A CPU autoscaler on the group."""
    cloud.put(
        AUTOSCALER,
        {
            "target": url(GROUP),
            "status": "PENDING",
            "autoscalingPolicy": {
                "minNumReplicas": minimum,
                "maxNumReplicas": maximum,
                "coolDownPeriodSec": 60,
                "stabilizationPeriodSec": 600,
                "mode": "ON",
                "cpuUtilization": {"utilizationTarget": 0.6},
                **policy,
            },
        },
    )
