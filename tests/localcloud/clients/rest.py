"""The steps as calls of Google's methods, for clients that call them by id: what remains is how a call is sent."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from tests.localcloud.clients.client import PROJECT, REGION, ZONES, Check, Json, Operator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GLOBAL = frozenset({"networks", "firewalls", "healthChecks", "instanceTemplates"})
# Kind -> the parameter that names one.
_NAMED = {
    "addresses": "address",
    "firewalls": "firewall",
    "forwardingRules": "forwardingRule",
    "healthChecks": "healthCheck",
    "instanceTemplates": "instanceTemplate",
    "networks": "network",
    "regionAutoscalers": "autoscaler",
    "regionBackendServices": "backendService",
    "regionHealthChecks": "healthCheck",
    "regionInstanceGroupManagers": "instanceGroupManager",
    "subnetworks": "subnetwork",
}
_MANAGERS = "regionInstanceGroupManagers"


class RestClient(Operator):
    """Everything by method id (``compute.networks.insert``), parameters by Google's names, bodies as JSON."""

    @abstractmethod
    def call(self, method: str, body: Mapping[str, Any] | None = None, **parameters: Any) -> Json:  # noqa: ANN401 - of many types
        """Call a method and return what it answers; an operation is waited for, and of a list every page is read.

        `one_page`: only the page asked for. `mask`: only these fields.

        Raises:
            RefusedError: it was answered with an error.
        """

    def place(self, kind: str) -> dict[str, Any]:
        """Return the parameters that say where resources of a kind are."""
        return {"project": PROJECT} if kind in _GLOBAL else {"project": PROJECT, "region": REGION}

    @abstractmethod
    def walked(self, method: str, size: int, **parameters: Any) -> list[Json]:  # noqa: ANN401 - of many types
        """Return what a list has, read to its end in pages of a size by the client's own pager."""

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """Return the parameter that names a resource."""
        return {_NAMED[kind]: name}

    def insert(self, kind: str, body: Mapping[str, Any]) -> None:
        """Make a resource."""
        self.call(f"compute.{kind}.insert", body, **self.place(kind))

    def create_network(self, network: str, subnetwork: str, cidr: str) -> None:
        self.insert("networks", {"name": network, "autoCreateSubnetworks": False})
        link = f"projects/{PROJECT}/global/networks/{network}"
        self.insert("subnetworks", {"name": subnetwork, "network": link, "ipCidrRange": cidr})

    def create_firewall(self, name: str, network: str, port: int, ranges: Sequence[str]) -> None:
        body = {
            "name": name,
            "network": f"projects/{PROJECT}/global/networks/{network}",
            "allowed": [{"IPProtocol": "tcp", "ports": [str(port)]}],
            "sourceRanges": list(ranges),
        }
        self.insert("firewalls", body)

    def create_address(self, name: str) -> None:
        self.insert("addresses", {"name": name})

    def create_check(self, check: Check) -> None:
        body = {
            "name": check.name,
            "type": "HTTP",
            "httpHealthCheck": {"port": check.port, "requestPath": check.path},
            "checkIntervalSec": check.interval,
            "timeoutSec": check.timeout,
            "healthyThreshold": check.healthy,
            "unhealthyThreshold": check.unhealthy,
        }
        self.insert("regionHealthChecks" if check.regional else "healthChecks", body)

    def create_template(self, name: str, subnetwork: str, metadata: Mapping[str, str]) -> None:
        image = "projects/debian-cloud/global/images/family/debian-12"
        properties = {
            "machineType": "e2-small",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [
                {"subnetwork": f"projects/{PROJECT}/regions/{REGION}/subnetworks/{subnetwork}"}
            ],
            "metadata": {"items": [{"key": key, "value": value} for key, value in metadata.items()]},
        }
        self.insert("instanceTemplates", {"name": name, "properties": properties})

    def create_group(self, name: str, template: str, size: int, check: str, delay: int) -> None:
        body = {
            "name": name,
            "targetSize": size,
            "versions": [{"instanceTemplate": f"projects/{PROJECT}/global/instanceTemplates/{template}"}],
            "distributionPolicy": {"zones": [{"zone": f"projects/{PROJECT}/zones/{zone}"} for zone in ZONES]},
            "autoHealingPolicies": [
                {"healthCheck": f"projects/{PROJECT}/global/healthChecks/{check}", "initialDelaySec": delay}
            ],
        }
        self.insert(_MANAGERS, body)

    def create_autoscaler(self, group: str, minimum: int, maximum: int, target: float) -> None:
        policy = {
            "minNumReplicas": minimum,
            "maxNumReplicas": maximum,
            "cpuUtilization": {"utilizationTarget": target},
        }
        link = f"projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/{group}"
        self.insert("regionAutoscalers", {"name": group, "target": link, "autoscalingPolicy": policy})

    def create_backend_service(self, name: str, check: str, group: str) -> None:
        base = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/regions/{REGION}"
        body = {
            "name": name,
            "loadBalancingScheme": "EXTERNAL",
            "protocol": "TCP",
            "healthChecks": [f"{base}/healthChecks/{check}"],
            "backends": [{"group": f"{base}/instanceGroups/{group}"}],
        }
        self.insert("regionBackendServices", body)

    def create_forwarding_rule(self, name: str, service: str, address: str, port: int) -> None:
        body = {
            "name": name,
            "loadBalancingScheme": "EXTERNAL",
            "IPProtocol": "TCP",
            "IPAddress": self.describe("addresses", address)["address"],
            "ports": [str(port)],
            "backendService": f"projects/{PROJECT}/regions/{REGION}/backendServices/{service}",
        }
        self.insert("forwardingRules", body)

    def set_autoscaler_maximum(self, group: str, maximum: int) -> None:
        body = {"autoscalingPolicy": {"maxNumReplicas": maximum}}
        self.call("compute.regionAutoscalers.patch", body, project=PROJECT, region=REGION, autoscaler=group)

    def describe(self, kind: str, name: str) -> Json:
        return self.call(f"compute.{kind}.get", **self.place(kind), **self.one(kind, name))

    def delete(self, kind: str, name: str) -> None:
        self.call(f"compute.{kind}.delete", **self.place(kind), **self.one(kind, name))

    def names(self, kind: str, condition: str = "") -> list[str]:
        query: dict[str, Any] = {"filter": condition} if condition else {}
        answer = self.call(f"compute.{kind}.list", **self.place(kind), **query)
        return [item["name"] for item in answer.get("items", [])]

    def everywhere(self, kind: str) -> list[str]:
        answer = self.call(f"compute.{kind}.aggregatedList", project=PROJECT)
        return [item["name"] for place in answer["items"].values() for item in place.get(kind, [])]

    def group(self, verb: str, group: str, body: Mapping[str, Any] | None = None, **query: Any) -> Json:  # noqa: ANN401 - as the client takes them
        """Call a verb of a group."""
        where = {"project": PROJECT, "region": REGION, "instanceGroupManager": group}
        return self.call(f"compute.{_MANAGERS}.{verb}", body, **where, **query)

    def members(self, group: str) -> list[Json]:
        found: list[Json] = self.group("listManagedInstances", group).get("managedInstances", [])
        return found

    def health(self, service: str, group: str) -> list[str]:
        base = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/regions/{REGION}"
        answer = self.call(
            "compute.regionBackendServices.getHealth",
            {"group": f"{base}/instanceGroups/{group}"},
            **self.place("regionBackendServices"),
            backendService=service,
        )
        return [status["healthState"] for status in answer.get("healthStatus", [])]

    def resize(self, group: str, size: int) -> None:
        self.group("resize", group, size=size)

    def set_template(self, group: str, template: str) -> None:
        link = f"projects/{PROJECT}/global/instanceTemplates/{template}"
        self.group("setInstanceTemplate", group, {"instanceTemplate": link})

    def apply_updates(self, group: str, instances: Sequence[str]) -> None:
        body = {"instances": self.links(group, instances), "minimalAction": "REPLACE"}
        self.group("applyUpdatesToInstances", group, body)

    def recreate(self, group: str, instances: Sequence[str]) -> None:
        self.group("recreateInstances", group, {"instances": self.links(group, instances)})

    def abandon(self, group: str, instances: Sequence[str]) -> None:
        self.group("abandonInstances", group, {"instances": self.links(group, instances)})

    def delete_members(self, group: str, instances: Sequence[str]) -> None:
        self.group("deleteInstances", group, {"instances": self.links(group, instances)})

    def links(self, group: str, names: Sequence[str]) -> list[str]:
        """Return the links of the members of these names."""
        return [member["instance"] for member in self.members(group) if member["name"] in names]

    def create_members(self, group: str, instances: Sequence[str]) -> None:
        self.group("createInstances", group, {"instances": [{"name": name} for name in instances]})

    def keep(self, group: str, instance: str, metadata: Mapping[str, str]) -> None:
        config = {"name": instance, "preservedState": {"metadata": dict(metadata)}}
        self.group("updatePerInstanceConfigs", group, {"perInstanceConfigs": [config]})

    def kept(self, group: str) -> list[Json]:
        found: list[Json] = self.group("listPerInstanceConfigs", group).get("items", [])
        return found

    def problems(self, group: str) -> list[str]:
        return [item["error"]["message"] for item in self.group("listErrors", group).get("items", [])]

    def instance(self, zone: str, name: str) -> Json:
        return self.call("compute.instances.get", project=PROJECT, zone=zone, instance=name)

    def stop(self, zone: str, name: str) -> None:
        self.call("compute.instances.stop", project=PROJECT, zone=zone, instance=name)

    def delete_instance(self, zone: str, name: str) -> None:
        self.call("compute.instances.delete", project=PROJECT, zone=zone, instance=name)
