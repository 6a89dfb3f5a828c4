"""The external passthrough network load balancer and its own health check, the one that stops new connections.

Leaves out proxies of any kind: instances see clients' addresses and the forwarding rule's. The address is reserved apart from the
rules, so that it survives their replacement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from components.balancing import Balancing
from components.draining import await_draining
from components.existing_addresses import require_addresses
from components.fixed_names import FixedNames
from components.health_check_pair import HealthCheckPair
from components.invalid_argument import InvalidArgumentError
from components.resource_name import require_resource_name

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class NetworkLoadBalancerArgs:
    """What the load balancer is made from.

    Attributes:
        region: where it is; its instances are in the same region.
        instance_group: address of the instance group behind it.
        health_checks: both checks: the balancer's own, and autohealing's that it was compared with.
        balancing: frontends and behaviour.
        address: an IPv4 address that somebody else reserved, in the same region and tier; one is reserved unless said.
        address_ipv6: id of an IPv6 address that somebody else reserved ("projects/P/regions/R/addresses/N"); likewise.
        subnetwork: id of the instances' subnetwork, for frontends over IPv6.
        health_check: id of a regional check that somebody else keeps, in place of one made from `health_checks.balancer`, which has to
            describe it: firewall and comparison go by the description.
        names: names that what is made has already, for taking it over by import.
    """

    region: str
    instance_group: pulumi.Input[str]
    health_checks: HealthCheckPair
    balancing: Balancing
    address: pulumi.Input[str] | None = None
    address_ipv6: pulumi.Input[str] | None = None
    subnetwork: pulumi.Input[str] | None = None
    health_check: pulumi.Input[str] | None = None
    names: FixedNames = field(default_factory=FixedNames)

    def __post_init__(self) -> None:
        """Refuse weights without a check that can carry them, and IPv6 from nowhere."""
        if self.balancing.uses_ipv6 and self.subnetwork is None:
            raise InvalidArgumentError(
                "subnetwork", None, "addresses of frontends over IPv6 are the subnetwork's", "give its id"
            )
        require_addresses(self.address, self.address_ipv6, self.balancing)
        self.balancing.require_check(self.health_checks.balancer.protocol)
        self.names.require_frontends(self.balancing.frontends)


class NetworkLoadBalancer(pulumi.ComponentResource):
    """Address, forwarding rules, backend service and health check.

    Attributes:
        address: the address clients connect to; over IPv4 where some frontend is.
        address_ipv6: the one over IPv6, where some frontend is.
        url: the first frontend at `address` as a URL, with its first port.
        health_check: id of the balancer's health check.
        backend_service: id of the backend service.
    """

    address: pulumi.Output[str]
    address_ipv6: pulumi.Output[str] | None
    url: pulumi.Output[str]
    health_check: pulumi.Output[str]
    backend_service: pulumi.Output[str]

    def __init__(
        self, name: str, args: NetworkLoadBalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        require_resource_name("service", name, suffix="-balancer", automatic=True)
        args.balancing.require_names(name)
        super().__init__("mig-nlb:compute:NetworkLoadBalancer", name, None, opts)
        self.health_check = self._make_health_check(name, args)
        service = self._make_backend_service(name, args)
        self.backend_service = service.id
        frontends = [frontend for _, frontend in sorted(args.balancing.frontends.items())]
        ipv4 = any(frontend.ip_version == "IPV4" for frontend in frontends)
        reserved = (
            self._reserve_ipv6(name, args) if args.balancing.uses_ipv6 and args.address_ipv6 is None else None
        )
        addresses: dict[str, pulumi.Output[str]] = {}
        if ipv4:
            addresses["IPV4"] = self._make_address(name, args)
        if reserved is not None:
            addresses["IPV6"] = reserved.id
        elif args.address_ipv6 is not None:
            addresses["IPV6"] = pulumi.Output.from_input(args.address_ipv6)
        rules = self._make_rules(name, args, service, addresses)
        self.address_ipv6 = reserved.address if reserved else rules.get("IPV6")
        if ipv4:
            self.address = host = addresses["IPV4"]
        elif self.address_ipv6 is not None:
            self.address, host = self.address_ipv6, pulumi.Output.concat("[", self.address_ipv6, "]")
        reached = [frontend for frontend in frontends if frontend.ip_version == ("IPV4" if ipv4 else "IPV6")]
        low = next((frontend.ranges[0][0] for frontend in reached if frontend.ranges), None)
        self.url = pulumi.Output.concat(
            args.balancing.url_scheme, "://", host, "" if low is None else f":{low}"
        )
        self.register_outputs(
            {
                "address": self.address,
                "address_ipv6": self.address_ipv6,
                "url": self.url,
                "health_check": self.health_check,
                "backend_service": self.backend_service,
            }
        )

    def _make_health_check(self, name: str, args: NetworkLoadBalancerArgs) -> pulumi.Output[str]:
        if args.health_check is not None:
            return pulumi.Output.from_input(args.health_check)
        return gcp.compute.RegionHealthCheck(
            f"{name}-balancer",
            name=args.names.balancer_check,
            region=args.region,
            description="Stops new connections to instances that are down; the group's own check is the more conservative one.",
            **args.health_checks.balancer.resource_arguments(),
            opts=pulumi.ResourceOptions(parent=self),
        ).id

    def _make_backend_service(
        self, name: str, args: NetworkLoadBalancerArgs
    ) -> gcp.compute.RegionBackendService:
        # The provider's default balancing mode is refused behind a passthrough load balancer.
        backend = gcp.compute.RegionBackendServiceBackendArgs
        backends = [backend(group=args.instance_group, balancing_mode="CONNECTION")]
        backends += [
            backend(group=group, balancing_mode="CONNECTION", failover=True)
            for group in args.balancing.failover.groups
        ]
        return gcp.compute.RegionBackendService(
            f"{name}-backend",
            name=args.names.backend_service,
            region=args.region,
            load_balancing_scheme="EXTERNAL",
            protocol=args.balancing.backend_protocol,
            health_checks=self.health_check,
            backends=backends,
            session_affinity=args.balancing.session_affinity,
            connection_draining_timeout_sec=args.balancing.draining_sec,
            **args.balancing.resource_arguments(),
            opts=pulumi.ResourceOptions(parent=self, hooks=await_draining(name, args.balancing.draining_sec)),
        )

    def _make_address(self, name: str, args: NetworkLoadBalancerArgs) -> pulumi.Output[str]:
        if args.address is not None:
            return pulumi.Output.from_input(args.address)
        return gcp.compute.Address(
            f"{name}-address",
            name=args.names.address or name,
            region=args.region,
            network_tier=args.balancing.network_tier,
            opts=pulumi.ResourceOptions(parent=self),
        ).address

    def _reserve_ipv6(self, name: str, args: NetworkLoadBalancerArgs) -> gcp.compute.Address:
        return gcp.compute.Address(
            f"{name}-address-v6",
            name=args.names.address_ipv6 or f"{name}-v6",
            region=args.region,
            address_type="EXTERNAL",
            ip_version="IPV6",
            ipv6_endpoint_type="NETLB",
            subnetwork=args.subnetwork,
            network_tier=args.balancing.network_tier,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _make_rules(
        self,
        name: str,
        args: NetworkLoadBalancerArgs,
        service: gcp.compute.RegionBackendService,
        addresses: Mapping[str, pulumi.Output[str]],
    ) -> dict[str, pulumi.Output[str]]:
        """Make the forwarding rules; returns each version's address as its rule has it."""
        found: dict[str, pulumi.Output[str]] = {}
        for key, frontend in sorted(args.balancing.frontends.items()):
            rule = gcp.compute.ForwardingRule(
                f"{name}-{key}",
                name=args.names.forwarding_rules.get(key, f"{name}-{key}"),
                region=args.region,
                ip_address=addresses[frontend.ip_version],
                subnetwork=args.subnetwork if frontend.ip_version == "IPV6" else None,
                load_balancing_scheme="EXTERNAL",
                backend_service=service.id,
                network_tier=args.balancing.network_tier,
                **frontend.forwarding_rule_arguments(),
                # Two rules may not share an address, protocol and port, so the old one has to go first; the address stays.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
            # An IPv6 rule says its address as the range that it is the first of.
            found[frontend.ip_version] = rule.ip_address.apply(lambda text: text.split("/")[0])
        return found
