"""A stack every rule passes, as it looks on a first preview; each test breaks one thing of it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.policies.engine import UNKNOWN, Declared

REGION = "europe-west1"
ACCOUNT = "web-sa@p.iam.gserviceaccount.com"
PROBERS = ["130.211.0.0/22", "35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22"]


class Stack(dict[str, Declared]):
    """Resources by name, in order of registration."""

    def but(self, name: str, /, **inputs: object) -> Stack:
        """Set top-level inputs of a resource; `None` removes one."""
        tree = self[name].inputs
        for key, value in inputs.items():
            if value is None:
                tree.pop(key, None)
            else:
                tree[key] = value
        return self

    def without(self, name: str) -> Stack:
        del self[name]
        return self

    def add(self, resource: Declared) -> Stack:
        self[resource.name] = resource
        return self

    @property
    def resources(self) -> list[Declared]:
        return list(self.values())


def check(name: str, *, regional: bool = False, **inputs: object) -> Declared:
    """A health check; thresholds left out are the provider's defaults, as its Check fills them in."""
    defaults = {"checkIntervalSec": 5, "timeoutSec": 5, "healthyThreshold": 2, "unhealthyThreshold": 2}
    place = {"region": REGION} if regional else {}
    kind = (
        "gcp:compute/regionHealthCheck:RegionHealthCheck"
        if regional
        else "gcp:compute/healthCheck:HealthCheck"
    )
    probe = {"httpHealthCheck": {"port": 8080, "requestPath": "/healthz", "proxyHeader": "NONE"}}
    return Declared(kind, name, {"name": f"web-{name}", **place, **defaults, **probe, **inputs})


def group(name: str, healing: str, *, link: str = UNKNOWN, **inputs: object) -> Declared:
    """A regional group healing by the check called `healing`, whose id is not known yet unless `link` is given."""
    return Declared(
        "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
        name,
        {
            "name": f"web-{name}",
            "region": REGION,
            "baseInstanceName": "web",
            "versions": [{"instanceTemplate": UNKNOWN}],
            "distributionPolicyZones": [f"{REGION}-{zone}" for zone in "bcd"],
            "autoHealingPolicies": {"healthCheck": link, "initialDelaySec": 300},
            "updatePolicy": {
                "type": "PROACTIVE",
                "minimalAction": "REPLACE",
                "maxSurgeFixed": 3,
                "maxUnavailableFixed": 0,
                "minReadySec": 30,
            },
            **inputs,
        },
        sources={"versions": ["tpl"], **({"autoHealingPolicies": [healing]} if healing else {})},
        computed={
            "id": UNKNOWN,
            "instanceGroup": UNKNOWN,
            "targetSize": UNKNOWN,
            "distributionPolicyTargetShape": UNKNOWN,
            "instanceLifecyclePolicy": UNKNOWN,
        },
    )


def service(
    name: str, balancing: str, groups: list[str], *, link: str = UNKNOWN, **inputs: object
) -> Declared:
    """A regional backend service balancing by the check called `balancing` over the named groups."""
    return Declared(
        "gcp:compute/regionBackendService:RegionBackendService",
        name,
        {
            "name": f"web-{name}",
            "region": REGION,
            "protocol": "TCP",
            "loadBalancingScheme": "EXTERNAL",
            "healthChecks": link,
            "backends": [{"group": UNKNOWN, "balancingMode": "CONNECTION"} for _ in groups],
            "connectionDrainingTimeoutSec": 60,
            "failoverPolicy": {"dropTrafficIfUnhealthy": False},
            "logConfig": {"enable": True, "sampleRate": 0.1},
            **inputs,
        },
        sources={"backends": groups, **({"healthChecks": [balancing]} if balancing else {})},
        computed={"id": UNKNOWN, "portName": UNKNOWN, "timeoutSec": UNKNOWN},
    )


def autoscaler(name: str, target: str, **policy: object) -> Declared:
    """A regional autoscaler of the group called `target`; `policy` is laid over a sound one."""
    return Declared(
        "gcp:compute/regionAutoscaler:RegionAutoscaler",
        name,
        {
            "name": f"web-{name}",
            "region": REGION,
            "target": UNKNOWN,
            "autoscalingPolicy": {
                "minReplicas": 3,
                "maxReplicas": 10,
                "cooldownPeriod": 60,
                "mode": "ON",
                "cpuUtilization": {"target": 0.6},
                "scaleInControl": {"maxScaledInReplicas": {"fixed": 1}, "timeWindowSec": 600},
                **policy,
            },
        },
        sources={"target": [target]},
    )


def forwarding_rule(name: str, to: str, **inputs: object) -> Declared:
    """A forwarding rule to the backend service called `to`."""
    return Declared(
        "gcp:compute/forwardingRule:ForwardingRule",
        name,
        {
            "name": f"web-{name}",
            "region": REGION,
            "loadBalancingScheme": "EXTERNAL",
            "ipProtocol": "TCP",
            "ports": ["8080"],
            "backendService": UNKNOWN,
            **inputs,
        },
        sources={"backendService": [to]},
        computed={"id": UNKNOWN, "portRange": UNKNOWN},
    )


def template(name: str, **inputs: object) -> Declared:
    """An instance template in the subnetwork `sub`, running as the account `sa`."""
    return Declared(
        "gcp:compute/instanceTemplate:InstanceTemplate",
        name,
        {
            "namePrefix": "web-",
            "machineType": "e2-small",
            "tags": ["web"],
            "metadata": {"block-project-ssh-keys": "TRUE", "startup-script-url": "gs://p-scripts/startup.sh"},
            "networkInterfaces": [{"subnetwork": UNKNOWN}],
            "serviceAccount": {"email": ACCOUNT, "scopes": ["cloud-platform"]},
            "shieldedInstanceConfig": {
                "enableSecureBoot": True,
                "enableVtpm": True,
                "enableIntegrityMonitoring": True,
            },
            **inputs,
        },
        sources={"networkInterfaces": ["sub"], "serviceAccount": ["sa"]},
        computed={"id": UNKNOWN, "name": UNKNOWN, "selfLinkUnique": UNKNOWN},
    )


def firewall(name: str, ranges: list[str], ports: list[str], **inputs: object) -> Declared:
    """A firewall rule of the network `net` for the account `sa`."""
    return Declared(
        "gcp:compute/firewall:Firewall",
        name,
        {
            "name": f"web-{name}",
            "network": UNKNOWN,
            "priority": 1000,
            "sourceRanges": ranges,
            "allows": [{"protocol": "tcp", "ports": ports}],
            "targetServiceAccounts": [ACCOUNT],
            **inputs,
        },
        sources={"network": ["net"], "targetServiceAccounts": ["sa"]},
        computed={"id": UNKNOWN, "direction": UNKNOWN, "destinationRanges": UNKNOWN},
    )


def project_binding(name: str, role: str, member: str = f"serviceAccount:{ACCOUNT}") -> Declared:
    return Declared(
        "gcp:projects/iAMMember:IAMMember", name, {"project": "p", "role": role, "member": member}
    )


def sound() -> Stack:
    """Autohealing 30 s x 5 = 150 s, the balancer 5 s x 2 = 10 s; every link is unknown."""
    stack = Stack()
    stack.add(
        Declared(
            "gcp:serviceaccount/account:Account",
            "sa",
            {"accountId": "web-sa"},
            computed={"id": UNKNOWN, "email": ACCOUNT},
        )
    )
    stack.add(project_binding("log", "roles/logging.logWriter"))
    stack.add(Declared("gcp:compute/network:Network", "net", {"name": "web", "autoCreateSubnetworks": False}))
    stack.add(
        Declared(
            "gcp:compute/subnetwork:Subnetwork",
            "sub",
            {
                "name": "web",
                "region": REGION,
                "network": UNKNOWN,
                "ipCidrRange": "10.128.0.0/20",
                "privateIpGoogleAccess": True,
                "logConfig": {"flowSampling": 0.5},
            },
            sources={"network": ["net"]},
            computed={"id": UNKNOWN, "purpose": UNKNOWN},
        )
    )
    stack.add(firewall("probes", PROBERS, ["8080"]))
    stack.add(firewall("clients", ["0.0.0.0/0"], ["8080"]))
    stack.add(template("tpl"))
    stack.add(
        check("ah", checkIntervalSec=30, timeoutSec=15, unhealthyThreshold=5, logConfig={"enable": True})
    )
    stack.add(check("lb", regional=True, timeoutSec=4, logConfig={"enable": True}))
    stack.add(group("mig", "ah"))
    stack.add(autoscaler("as", "mig"))
    stack.add(service("be", "lb", ["mig"]))
    stack.add(forwarding_rule("fr", "be"))
    return stack


def created() -> list[Declared]:
    """A deployed stack as the official provider recorded it: every link literal, nothing said about what came from where."""
    recorded = json.loads(Path(__file__).with_name("fixtures").joinpath("created.json").read_text("utf-8"))
    return [
        Declared(item["type"], item["name"], item["inputs"], computed=item["outputs"]) for item in recorded
    ]
