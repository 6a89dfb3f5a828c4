"""Our own plugin, driven as the engine drives it. It declares: it has no verbs on members, as Pulumi's provider has none."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from grpc.aio import AioRpcError

from tests.localcloud.clients.client import REGION, ZONES, Check, Client, Json, RefusedError
from tests.localcloud.provider.driver import connected, plugin
from tests.localcloud.provider.local_cloud import TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.localcloud.provider.local_cloud import LocalCloud

# Kind -> the package's type of it.
_TYPES = {
    "addresses": "gcp:compute/address:Address",
    "firewalls": "gcp:compute/firewall:Firewall",
    "forwardingRules": "gcp:compute/forwardingRule:ForwardingRule",
    "healthChecks": "gcp:compute/healthCheck:HealthCheck",
    "instanceTemplates": "gcp:compute/instanceTemplate:InstanceTemplate",
    "networks": "gcp:compute/network:Network",
    "regionAutoscalers": "gcp:compute/regionAutoscaler:RegionAutoscaler",
    "regionBackendServices": "gcp:compute/regionBackendService:RegionBackendService",
    "regionHealthChecks": "gcp:compute/regionHealthCheck:RegionHealthCheck",
    "regionInstanceGroupManagers": "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
    "subnetworks": "gcp:compute/subnetwork:Subnetwork",
}


class PulumiPlugin(Client):
    """A plugin and a connection to it, on an event loop of their own; the state that an engine would keep."""

    name = "gcp plugin"

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._made: dict[
            tuple[str, str], tuple[Json, Json]
        ] = {}  # (kind, name) -> inputs, and what was answered
        self._runner.run(self._open())

    async def _open(self) -> None:
        address = await self._stack.enter_async_context(plugin())
        self._driver = await self._stack.enter_async_context(connected(address))
        await self._driver.configure(self.cloud.address, accessToken=TOKEN)

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def _create(self, kind: str, name: str, **inputs: Any) -> None:  # noqa: ANN401 - JSON
        given = {"name": name, **inputs}
        self._made[kind, name] = given, self._runner.run(self._driver.create(_TYPES[kind], name, given))

    def _id(self, kind: str, name: str) -> str:
        return str(self._made[kind, name][1]["id"])

    def create_network(self, network: str, subnetwork: str, cidr: str) -> None:
        self._create("networks", network, autoCreateSubnetworks=False)
        link = self._id("networks", network)
        self._create("subnetworks", subnetwork, network=link, ipCidrRange=cidr, region=REGION)

    def create_firewall(self, name: str, network: str, port: int, ranges: Sequence[str]) -> None:
        self._create(
            "firewalls",
            name,
            network=self._id("networks", network),
            allows=[{"protocol": "tcp", "ports": [str(port)]}],
            sourceRanges=list(ranges),
        )

    def create_address(self, name: str) -> None:
        self._create("addresses", name, region=REGION)

    def create_check(self, check: Check) -> None:
        self._create(
            "regionHealthChecks" if check.regional else "healthChecks",
            check.name,
            httpHealthCheck={"port": check.port, "requestPath": check.path},
            checkIntervalSec=check.interval,
            timeoutSec=check.timeout,
            healthyThreshold=check.healthy,
            unhealthyThreshold=check.unhealthy,
            **({"region": REGION} if check.regional else {}),
        )

    def create_template(self, name: str, subnetwork: str, metadata: Mapping[str, str]) -> None:
        self._create(
            "instanceTemplates",
            name,
            machineType="e2-small",
            disks=[{"boot": True, "autoDelete": True, "sourceImage": "debian-cloud/debian-12"}],
            networkInterfaces=[{"subnetwork": self._id("subnetworks", subnetwork)}],
            metadata=dict(metadata),
        )

    def create_group(self, name: str, template: str, size: int, check: str, delay: int) -> None:
        self._create(
            "regionInstanceGroupManagers",
            name,
            region=REGION,
            baseInstanceName=name,
            targetSize=size,
            versions=[{"instanceTemplate": self._id("instanceTemplates", template)}],
            distributionPolicyZones=list(ZONES),
            autoHealingPolicies={"healthCheck": self._id("healthChecks", check), "initialDelaySec": delay},
        )

    def create_autoscaler(self, group: str, minimum: int, maximum: int, target: float) -> None:
        self._create("regionAutoscalers", group, **self._autoscaler(group, minimum, maximum, target))

    def _autoscaler(self, group: str, minimum: int, maximum: int, target: float) -> Json:
        policy = {"minReplicas": minimum, "maxReplicas": maximum, "cpuUtilization": {"target": target}}
        link = self._id("regionInstanceGroupManagers", group)
        return {"region": REGION, "target": link, "autoscalingPolicy": policy}

    def create_backend_service(self, name: str, check: str, group: str) -> None:
        properties = self._made["regionInstanceGroupManagers", group][1]["properties"]
        self._create(
            "regionBackendServices",
            name,
            region=REGION,
            loadBalancingScheme="EXTERNAL",
            protocol="TCP",
            healthChecks=self._id("regionHealthChecks", check),
            backends=[{"group": properties["instanceGroup"], "balancingMode": "CONNECTION"}],
        )

    def create_forwarding_rule(self, name: str, service: str, address: str, port: int) -> None:
        self._create(
            "forwardingRules",
            name,
            region=REGION,
            loadBalancingScheme="EXTERNAL",
            ipProtocol="TCP",
            ipAddress=self._id("addresses", address),
            ports=[str(port)],
            backendService=self._id("regionBackendServices", service),
        )

    def set_autoscaler_maximum(self, group: str, maximum: int) -> None:
        given, _ = self._made["regionAutoscalers", group]
        self.change(
            "regionAutoscalers",
            group,
            autoscalingPolicy={**given["autoscalingPolicy"], "maxReplicas": maximum},
        )

    def change(self, kind: str, name: str, **inputs: Any) -> None:  # noqa: ANN401 - JSON
        """Declare a resource with these inputs instead of what they were."""
        given, made = self._made[kind, name]
        changed = {**given, **inputs}
        answer = self._runner.run(self._driver.update(_TYPES[kind], name, made, changed))
        self._made[kind, name] = changed, {**made, **answer}

    def describe(self, kind: str, name: str) -> Json:
        """Return what is known of the resource, once it has been read again; in the package's words, not in the API's."""
        made = self._made[kind, name][1]
        urn = f"urn:pulumi:dev::test::{_TYPES[kind]}::{name}"
        request = {"urn": urn, "id": made["id"], "properties": made["properties"]}
        answer = self._runner.run(self._driver.call("Read", request))
        found: Json = answer["properties"]
        return found

    def delete(self, kind: str, name: str) -> None:
        _, made = self._made[kind, name]
        urn = f"urn:pulumi:dev::test::{_TYPES[kind]}::{name}"
        request = {"urn": urn, "id": made["id"], "properties": made["properties"]}
        try:
            self._runner.run(self._driver.call("Delete", request))
        except AioRpcError as error:
            raise RefusedError(0, error.details() or "") from error
        del self._made[kind, name]
