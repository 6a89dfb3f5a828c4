"""A stack every rule passes, as it looks on a first preview; each test breaks one thing of it."""

from __future__ import annotations

from tests.policies.engine import UNKNOWN, Declared

REGION = "europe-west1"


class Stack(dict[str, Declared]):
    """Resources by name, in order of registration."""

    def but(self, name: str, **inputs: object) -> Stack:
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
            "autoHealingPolicies": {"healthCheck": link, "initialDelaySec": 300},
            **inputs,
        },
        sources={"autoHealingPolicies": [healing]} if healing else {},
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
            **inputs,
        },
        sources={"backends": groups, **({"healthChecks": [balancing]} if balancing else {})},
    )


def sound() -> Stack:
    """Autohealing 30 s x 5 = 150 s, the balancer 5 s x 2 = 10 s; every link is unknown."""
    stack = Stack()
    stack.add(
        check("ah", checkIntervalSec=30, timeoutSec=15, unhealthyThreshold=5, logConfig={"enable": True})
    )
    stack.add(check("lb", regional=True, logConfig={"enable": True}))
    stack.add(group("mig", "ah"))
    stack.add(service("be", "lb", ["mig"]))
    return stack
