"""What a scenario asks of a client, in Google's words; each client does it its own way against the same cloud."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.localcloud.provider.local_cloud import LocalCloud

PROJECT, REGION = "p", "europe-west1"
ZONES = tuple(f"{REGION}-{letter}" for letter in "bcd")
GROUP = f"projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web"
Json = dict[str, Any]


class RefusedError(Exception):
    """The cloud said no: the HTTP status where the client tells it (0 where not), and the message as the client shows it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


@dataclass(frozen=True, kw_only=True)
class Check:
    """A health check on HTTP: numbers in seconds and probes."""

    name: str
    regional: bool
    port: int = 8080
    path: str = "/healthz"
    interval: int = 5
    timeout: int = 5
    healthy: int = 2
    unhealthy: int = 2


class Client(ABC):
    """Makes and deletes what a service is made of. Changes return when the cloud says that they are done."""

    name: str
    cloud: LocalCloud

    @abstractmethod
    def create_network(self, network: str, subnetwork: str, cidr: str) -> None:
        """Make a network with one subnetwork."""

    @abstractmethod
    def create_firewall(self, name: str, network: str, port: int, ranges: Sequence[str]) -> None:
        """Let TCP to a port in, from these ranges."""

    @abstractmethod
    def create_address(self, name: str) -> None:
        """Reserve an external address in the region."""

    @abstractmethod
    def create_check(self, check: Check) -> None:
        """Make a health check, global or in the region."""

    @abstractmethod
    def create_template(self, name: str, subnetwork: str, metadata: Mapping[str, str]) -> None:
        """Make a template of e2-small instances with Debian 12 and no service account."""

    @abstractmethod
    def create_group(self, name: str, template: str, size: int, check: str, delay: int) -> None:
        """Make a group over the region's three zones, with autohealing by a global check after a delay in seconds."""

    @abstractmethod
    def create_autoscaler(self, group: str, minimum: int, maximum: int, target: float) -> None:
        """Let CPU utilisation size a group; the autoscaler has its name."""

    @abstractmethod
    def create_backend_service(self, name: str, check: str, group: str) -> None:
        """Make a passthrough balancer's backend service with a regional check and one group."""

    @abstractmethod
    def create_forwarding_rule(self, name: str, service: str, address: str, port: int) -> None:
        """Let an address's port lead to a backend service."""

    @abstractmethod
    def set_autoscaler_maximum(self, group: str, maximum: int) -> None:
        """Change the most instances that an autoscaler may want."""

    @abstractmethod
    def describe(self, kind: str, name: str) -> Json:
        """Return a resource as the API answers it; `kind` as in the discovery document (regionBackendServices)."""

    @abstractmethod
    def delete(self, kind: str, name: str) -> None:
        """Delete a resource and wait until it is gone."""


class Operator(Client):
    """A client that can do more than declare: verbs on members, lists, health."""

    @abstractmethod
    def names(self, kind: str, condition: str = "") -> list[str]:
        """Return the names of the resources of a kind, of those that fulfil a filter."""

    @abstractmethod
    def everywhere(self, kind: str) -> list[str]:
        """Return the names of a kind's resources in all locations."""

    @abstractmethod
    def members(self, group: str) -> list[Json]:
        """Return a group's managed instances, as the API answers them."""

    @abstractmethod
    def health(self, service: str, group: str) -> list[str]:
        """Return the balancer's verdicts on a group's instances."""

    @abstractmethod
    def resize(self, group: str, size: int) -> None:
        """Set a group's target size."""

    @abstractmethod
    def set_template(self, group: str, template: str) -> None:
        """Give a group another template, without touching what it has."""

    @abstractmethod
    def apply_updates(self, group: str, instances: Sequence[str]) -> None:
        """Bring members to their group's template."""

    @abstractmethod
    def recreate(self, group: str, instances: Sequence[str]) -> None:
        """Make members anew under their names."""

    @abstractmethod
    def abandon(self, group: str, instances: Sequence[str]) -> None:
        """Let members go on outside of their group."""

    @abstractmethod
    def delete_members(self, group: str, instances: Sequence[str]) -> None:
        """Delete members; the group becomes smaller."""

    @abstractmethod
    def create_members(self, group: str, instances: Sequence[str]) -> None:
        """Make members of these names; the group becomes larger."""

    @abstractmethod
    def keep(self, group: str, instance: str, metadata: Mapping[str, str]) -> None:
        """Give a member a configuration of its own, to be applied later."""

    @abstractmethod
    def kept(self, group: str) -> list[Json]:
        """Return the group's per-instance configurations."""

    @abstractmethod
    def problems(self, group: str) -> list[str]:
        """Return the messages of what went wrong in a group lately."""

    @abstractmethod
    def instance(self, zone: str, name: str) -> Json:
        """Return an instance as the API answers it."""

    @abstractmethod
    def stop(self, zone: str, name: str) -> None:
        """Stop an instance."""

    @abstractmethod
    def delete_instance(self, zone: str, name: str) -> None:
        """Delete an instance."""
