"""The external passthrough network load balancer and its own health check, the one that stops new connections.

Leaves out proxies of any kind: instances see clients' addresses and the forwarding rule's. The address is reserved apart from the
rules, so that it survives their replacement.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_gcp as gcp

from components.frontend import Frontend
from components.health_check_pair import HealthCheckPair
from components.health_probe import HTTP_FAMILY
from components.invalid_argument import InvalidArgumentError, require_choice, require_range
from components.resource_name import require_resource_name

_AFFINITIES = ("NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO")
_PERSISTENCE = ("DEFAULT_FOR_PROTOCOL", "NEVER_PERSIST", "ALWAYS_PERSIST")


@dataclass(frozen=True, kw_only=True)
class Failover:
    """What happens when the primary backends fail.

    Attributes:
        ratio: fail over when fewer than this share of the primaries are healthy, 0 to 1; 0 when none is.
        drop_traffic_if_unhealthy: drop connections when nothing is healthy, instead of trying everything as a last resort.
        disable_connection_drain: cut connections at failover instead of letting them end.
    """

    ratio: float = 0.0
    drop_traffic_if_unhealthy: bool = False
    disable_connection_drain: bool = False

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        require_range("ratio", self.ratio, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """How connections reach instances.

    Attributes:
        frontends: forwarding rules on the one address, keyed by a short name; port 8080 over TCP unless said.
        session_affinity: what of a connection decides its instance: NONE (all of it), CLIENT_IP, CLIENT_IP_PROTO, CLIENT_IP_PORT_PROTO.
        draining_sec: how long open connections of a leaving instance may go on, 0 to 3600.
        longest_request_sec: the longest a request may take. Declared, so that draining can be checked against it.
        tracking_mode: PER_CONNECTION, or PER_SESSION to follow the affinity.
        persistence_on_unhealthy: whether connections stay on an instance that turned unhealthy.
        failover: what happens when instances fail; everything is tried as a last resort unless said.
        weighted: spread by weights that instances answer their probes with (needs a check of the HTTP family).
        network_tier: PREMIUM or STANDARD, of address and rules.
        log_sample_rate: share of connections that are logged, 0 to 1.
        url_scheme: how clients speak; only for the `url` that is shown.

    Raises:
        InvalidArgumentError: a combination the API refuses, or that would cut requests.
    """

    frontends: Mapping[str, Frontend] = field(default_factory=lambda: {"main": Frontend()})
    session_affinity: Literal["NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO"] = "NONE"
    draining_sec: int = 60
    longest_request_sec: int = 30
    tracking_mode: Literal["PER_CONNECTION", "PER_SESSION"] = "PER_CONNECTION"
    persistence_on_unhealthy: Literal["DEFAULT_FOR_PROTOCOL", "NEVER_PERSIST", "ALWAYS_PERSIST"] = (
        "DEFAULT_FOR_PROTOCOL"
    )
    failover: Failover = field(default_factory=Failover)
    weighted: bool = False
    network_tier: Literal["PREMIUM", "STANDARD"] = "PREMIUM"
    log_sample_rate: float = 0.1
    url_scheme: str = "http"

    def __post_init__(self) -> None:
        """Refuse what the API refuses, and what would cut requests in the middle."""
        require_choice("session_affinity", self.session_affinity, _AFFINITIES)
        require_choice("tracking_mode", self.tracking_mode, ("PER_CONNECTION", "PER_SESSION"))
        require_choice("persistence_on_unhealthy", self.persistence_on_unhealthy, _PERSISTENCE)
        require_choice("network_tier", self.network_tier, ("PREMIUM", "STANDARD"))
        require_range("draining_sec", self.draining_sec, 0, 3600, "s")
        require_range("longest_request_sec", self.longest_request_sec, 0, 3600, "s")
        require_range("log_sample_rate", self.log_sample_rate, 0, 1)
        if self.draining_sec < self.longest_request_sec:
            raise InvalidArgumentError(
                "draining_sec", self.draining_sec,
                f"requests may take {self.longest_request_sec} s (longest_request_sec) and would be cut on every update and scale-in",
                f"set draining_sec to {self.longest_request_sec} or more, or correct longest_request_sec",
            )  # fmt: skip
        if (
            self.persistence_on_unhealthy == "ALWAYS_PERSIST"
            and self.tracking_mode == "PER_CONNECTION"
            and self.session_affinity != "NONE"
        ):
            raise InvalidArgumentError(
                "persistence_on_unhealthy", self.persistence_on_unhealthy, "with PER_CONNECTION tracking it goes with affinity NONE only",
                "set tracking_mode: PER_SESSION, or leave it at DEFAULT_FOR_PROTOCOL",
            )  # fmt: skip
        self._validate_frontends()

    def _validate_frontends(self) -> None:
        if not self.frontends:
            raise InvalidArgumentError(
                "frontends",
                {},
                "nobody could connect",
                "name at least one, for instance main: {ports: [8080]}",
            )
        for (one, first), (other, second) in itertools.combinations(sorted(self.frontends.items()), 2):
            if first.overlaps(second):
                raise InvalidArgumentError(
                    f"frontends.{other}",
                    second.protocol,
                    f"has a port in common with frontends.{one} on the same address",
                    "part their ports",
                )
        protocols = {frontend.protocol for frontend in self.frontends.values()}
        if len(protocols) > 1:
            raise InvalidArgumentError(
                "frontends",
                sorted(protocols),
                "one backend service takes one protocol",
                "use L3_DEFAULT with all_ports for several protocols",
            )

    @property
    def backend_protocol(self) -> Literal["TCP", "UDP", "UNSPECIFIED"]:
        """The backend service's protocol: its rules', and UNSPECIFIED for L3_DEFAULT."""
        protocol = next(iter(self.frontends.values())).protocol
        return "UNSPECIFIED" if protocol == "L3_DEFAULT" else protocol


@dataclass(frozen=True, kw_only=True)
class NetworkLoadBalancerArgs:
    """What the load balancer is made from.

    Attributes:
        region: where it is; its instances are in the same region.
        instance_group: address of the instance group behind it.
        health_checks: both checks: the balancer's own, and autohealing's that it was compared with.
        balancing: frontends and behaviour.
        failover_groups: instance groups to fail over to.
        address: an address that somebody else reserved, in the same region and tier; one is reserved unless said.
    """

    region: str
    instance_group: pulumi.Input[str]
    health_checks: HealthCheckPair
    balancing: Balancing
    failover_groups: Sequence[pulumi.Input[str]] = ()
    address: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Refuse weights without a check that can carry them."""
        protocol = self.health_checks.balancer.protocol
        if self.balancing.weighted and protocol not in HTTP_FAMILY:
            raise InvalidArgumentError(
                "weighted", True, f"weights come in the answers of an HTTP check; balancer_check speaks {protocol}",
                "set balancer_check protocol: HTTP",
            )  # fmt: skip


class NetworkLoadBalancer(pulumi.ComponentResource):
    """Address, forwarding rules, backend service and health check.

    Attributes:
        address: the address clients connect to.
        url: the first frontend as a URL.
        health_check: id of the balancer's health check.
        backend_service: id of the backend service.
    """

    address: pulumi.Output[str]
    url: pulumi.Output[str]
    health_check: pulumi.Output[str]
    backend_service: pulumi.Output[str]

    def __init__(
        self, name: str, args: NetworkLoadBalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        require_resource_name("service", name, suffix="-balancer", automatic=True)
        for key in args.balancing.frontends:
            require_resource_name("frontends", key)
            require_resource_name("service", name, suffix=f"-{key}")
        super().__init__("mig-nlb:compute:NetworkLoadBalancer", name, None, opts)
        check = gcp.compute.RegionHealthCheck(
            f"{name}-balancer",
            region=args.region,
            description="Stops new connections to instances that are down; the group's own check is the more conservative one.",
            **args.health_checks.balancer.resource_arguments(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        service = self._make_backend_service(name, args, check)
        self.health_check, self.backend_service = check.id, service.id
        self.address = self._make_address(name, args)
        self._make_rules(name, args, service)
        low = next(
            iter(frontend.ranges[0][0] for frontend in args.balancing.frontends.values() if frontend.ranges),
            None,
        )
        self.url = pulumi.Output.concat(
            args.balancing.url_scheme, "://", self.address, "" if low is None else f":{low}"
        )
        self.register_outputs({"address": self.address, "url": self.url, "health_check": self.health_check})

    def _make_backend_service(
        self, name: str, args: NetworkLoadBalancerArgs, check: gcp.compute.RegionHealthCheck
    ) -> gcp.compute.RegionBackendService:
        # The provider's default balancing mode is refused behind a passthrough load balancer.
        backend = gcp.compute.RegionBackendServiceBackendArgs
        backends = [backend(group=args.instance_group, balancing_mode="CONNECTION")]
        backends += [
            backend(group=group, balancing_mode="CONNECTION", failover=True) for group in args.failover_groups
        ]
        return gcp.compute.RegionBackendService(
            f"{name}-backend",
            region=args.region,
            load_balancing_scheme="EXTERNAL",
            protocol=args.balancing.backend_protocol,
            health_checks=check.id,
            backends=backends,
            session_affinity=args.balancing.session_affinity,
            connection_draining_timeout_sec=args.balancing.draining_sec,
            **_optional_arguments(args.balancing),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _make_address(self, name: str, args: NetworkLoadBalancerArgs) -> pulumi.Output[str]:
        if args.address is not None:
            return pulumi.Output.from_input(args.address)
        return gcp.compute.Address(
            f"{name}-address",
            name=name,
            region=args.region,
            network_tier=args.balancing.network_tier,
            opts=pulumi.ResourceOptions(parent=self),
        ).address

    def _make_rules(
        self, name: str, args: NetworkLoadBalancerArgs, service: gcp.compute.RegionBackendService
    ) -> None:
        for key, frontend in sorted(args.balancing.frontends.items()):
            gcp.compute.ForwardingRule(
                f"{name}-{key}",
                name=f"{name}-{key}",
                region=args.region,
                ip_address=self.address,
                load_balancing_scheme="EXTERNAL",
                backend_service=service.id,
                network_tier=args.balancing.network_tier,
                **frontend.forwarding_rule_arguments(),
                # Two rules may not share an address, protocol and port, so the old one has to go first; the address stays.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )


def _optional_arguments(balancing: Balancing) -> dict[str, Any]:
    """Return the backend service's arguments that are Google's defaults where nothing is said, and what is always chosen."""
    failover = balancing.failover
    failover_policy: dict[str, Any] = {"drop_traffic_if_unhealthy": failover.drop_traffic_if_unhealthy}
    if failover.ratio:
        failover_policy["failover_ratio"] = failover.ratio
    if failover.disable_connection_drain:
        failover_policy["disable_connection_drain_on_failover"] = True
    arguments: dict[str, Any] = {"failover_policy": failover_policy}
    if (
        balancing.tracking_mode != "PER_CONNECTION"
        or balancing.persistence_on_unhealthy != "DEFAULT_FOR_PROTOCOL"
    ):
        arguments["connection_tracking_policy"] = {
            "tracking_mode": balancing.tracking_mode,
            "connection_persistence_on_unhealthy_backends": balancing.persistence_on_unhealthy,
        }
    if balancing.weighted:
        arguments["locality_lb_policy"] = "WEIGHTED_MAGLEV"
    if balancing.log_sample_rate:
        arguments["log_config"] = {"enable": True, "sample_rate": balancing.log_sample_rate}
    return arguments
