"""Names for what exists already and is to be taken over by import.

What has no name here is named by this program: after the service, or by Pulumi with random characters at the end where a replacement has
to stand beside what it replaces. Such a resource cannot be replaced while it has a fixed name, for two of one name cannot exist: take the
name out in the same change, and the replacement gets one of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from components.invalid_argument import InvalidArgumentError
from components.resource_name import require_resource_name


@dataclass(frozen=True, kw_only=True)
class FixedNames:
    """Names that resources have already.

    Attributes:
        network: the VPC's.
        subnetwork: the subnetwork's.
        router: the router's that NAT belongs to.
        nat: the NAT's.
        firewalls: the firewall rules', by what they are for: probes, clients, ssh, and each with "-v6" for IPv6.
        template: the instance template's.
        group: the managed instance group's.
        autohealing_check: the name of autohealing's health check.
        autoscaler: the autoscaler's.
        address: the reserved address's.
        address_ipv6: the reserved IPv6 address's.
        balancer_check: the name of the balancer's health check.
        backend_service: the backend service's.
        forwarding_rules: the forwarding rules', by their frontends' keys.

    Raises:
        InvalidArgumentError: Google would refuse a name.
    """

    network: str | None = None
    subnetwork: str | None = None
    router: str | None = None
    nat: str | None = None
    firewalls: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    group: str | None = None
    autohealing_check: str | None = None
    autoscaler: str | None = None
    address: str | None = None
    address_ipv6: str | None = None
    balancer_check: str | None = None
    backend_service: str | None = None
    forwarding_rules: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse names that Google would refuse."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Mapping):
                for key, name in value.items():
                    require_resource_name(f"{item.name}.{key}", name)
            elif value is not None:
                require_resource_name(item.name, value)
        known = [f"{purpose}{family}" for purpose in ("probes", "clients", "ssh") for family in ("", "-v6")]
        _require_keys("firewalls", self.firewalls, known)

    def require_frontends(self, frontends: Iterable[str]) -> None:
        """Refuse names of forwarding rules that there are none of.

        Raises:
            InvalidArgumentError: naming the key.
        """
        _require_keys("forwarding_rules", self.forwarding_rules, list(frontends))


def _require_keys(field_name: str, names: Mapping[str, str], known: list[str]) -> None:
    for key, name in names.items():
        if key not in known:
            raise InvalidArgumentError(
                f"{field_name}.{key}",
                name,
                "there is no such resource to name",
                f"use one of {', '.join(known)}",
            )
