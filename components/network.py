"""The network the instances stand in: VPC, subnetwork, and the firewall rules that follow from what the service is.

Owns the rules for the probers (both families, on the real ports of both checks) and for clients (only the ranges that are named:
a passthrough load balancer keeps client addresses, so it is the clients themselves that the firewall must let in). Leaves out
peering, VPN and routes: a user who has those has a network to point this at.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_gcp as gcp

from components.fixed_names import FixedNames
from components.frontend import Frontend
from components.health_check_pair import HealthCheckPair
from components.invalid_argument import InvalidArgumentError
from components.prober_ranges import ALL_PROBERS, PASSTHROUGH_PROBERS_IPV6
from components.resource_name import require_resource_name

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class NewVpc:
    """A subnetwork of this stack's own, in a VPC of its own unless said.

    Attributes:
        existing_network: id of a network to make the subnetwork in ("projects/P/global/networks/N").
        cidr: the subnetwork's IPv4 range, a /29 or larger.
        nat: let instances without an address reach the internet (Google's services they reach without).
        flow_logs: log a sample of the subnetwork's connections.
    """

    existing_network: pulumi.Input[str] | None = None
    cidr: str = "10.128.0.0/20"
    nat: bool = False
    flow_logs: bool = True

    def __post_init__(self) -> None:
        """Refuse a range the API would refuse."""
        network = _network("cidr", self.cidr)
        if network.version == 6:
            raise InvalidArgumentError(
                "cidr",
                self.cidr,
                "a subnetwork's own range is IPv4, and Google chooses its IPv6 range",
                "write for instance 10.128.0.0/20; a frontend with ip_version: IPV6 switches IPv6 on",
            )
        if network.prefixlen > 29:
            raise InvalidArgumentError(
                "cidr", self.cidr, "a subnetwork has at least eight addresses", "use a /29 or larger"
            )


@dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """A network and subnetwork that somebody else keeps.

    Attributes:
        network: id of the network ("projects/P/global/networks/N").
        subnetwork: id of the subnetwork; Private Google Access, NAT, and external IPv6 for frontends over it are its keeper's to switch on.
    """

    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class FirewallPolicy:
    """Who may reach the instances besides the probers.

    Attributes:
        client_ranges: whose connections the service takes, in CIDR notation. Nobody's unless said; "0.0.0.0/0" is everybody and has to
            be written.
        ssh_ranges: from where SSH is let in; "35.235.240.0/20" is Google's Identity-Aware Proxy, which needs no address on instances.
        logging: log every connection the rules let through.
        managed: make firewall rules; false where the network's keeper lets probers and clients in, as with a shared VPC.
    """

    client_ranges: tuple[str, ...] = ()
    ssh_ranges: tuple[str, ...] = ()
    logging: bool = False
    managed: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no range, SSH from everywhere, and ranges for rules that are not made."""
        for key in ("client_ranges", "ssh_ranges", "logging"):
            if not self.managed and getattr(self, key):
                raise InvalidArgumentError(
                    key, getattr(self, key), "no firewall rule is made that could have it (managed is false)",
                    "leave it out and have the network's keeper see to it, or remove managed: false",
                )  # fmt: skip
        for key in ("client_ranges", "ssh_ranges"):
            for text in getattr(self, key):
                _network(key, text)
        for text in self.ssh_ranges:
            if _network("ssh_ranges", text).prefixlen == 0:
                raise InvalidArgumentError(
                    "ssh_ranges",
                    text,
                    "this opens SSH to the whole internet",
                    "use 35.235.240.0/20 (Identity-Aware Proxy) or your own range",
                )

    def require_frontends(self, frontends: Sequence[Frontend]) -> None:
        """Refuse clients over IPv6 where no frontend is.

        Raises:
            InvalidArgumentError: naming the range.
        """
        if any(frontend.ip_version == "IPV6" for frontend in frontends):
            return
        for text in self.client_ranges:
            if _version(text) == 6:
                raise InvalidArgumentError(
                    "client_ranges", text, "no frontend is reached over IPv6",
                    "add a frontend with ip_version: IPV6, or remove the range",
                )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What the network is made from.

    Attributes:
        region: of the subnetwork.
        vpc: a new one, or an existing one to stand in.
        health_checks: whose ports the probers are let in on.
        frontends: whose ports clients are let in on.
        firewall: clients and administrators.
        service_account: e-mail of the instances' identity, which is what the rules apply to: unlike a tag, it cannot be put on an
            instance by whoever may edit instances.
        names: names that what is made has already, for taking it over by import.
    """

    region: str
    vpc: NewVpc | ExistingVpc
    health_checks: HealthCheckPair
    frontends: tuple[Frontend, ...]
    firewall: FirewallPolicy
    service_account: pulumi.Input[str]
    names: FixedNames = field(default_factory=FixedNames)

    def __post_init__(self) -> None:
        """Refuse clients that no frontend could hear."""
        self.firewall.require_frontends(self.frontends)


class Network(pulumi.ComponentResource):
    """VPC, subnetwork and firewall rules.

    Attributes:
        network: id of the VPC.
        subnetwork: id of the subnetwork.
        firewalls: the rules, for others to wait for.
    """

    network: pulumi.Output[str]
    subnetwork: pulumi.Output[str]
    firewalls: tuple[gcp.compute.Firewall, ...]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        require_resource_name("service", name, suffix="-clients-v6")
        super().__init__("mig-nlb:compute:Network", name, None, opts)
        if isinstance(args.vpc, ExistingVpc):
            self.network = pulumi.Output.from_input(args.vpc.network)
            self.subnetwork = pulumi.Output.from_input(args.vpc.subnetwork)
        else:
            ipv6 = any(frontend.ip_version == "IPV6" for frontend in args.frontends)
            self._make_vpc(name, args, args.vpc, ipv6=ipv6)
        self.firewalls = self._make_firewalls(name, args) if args.firewall.managed else ()
        self.register_outputs({"network": self.network, "subnetwork": self.subnetwork})

    def _make_vpc(self, name: str, args: NetworkArgs, vpc: NewVpc, *, ipv6: bool) -> None:
        region, names = args.region, args.names
        opts = pulumi.ResourceOptions(parent=self)
        if vpc.existing_network is not None:
            self.network = pulumi.Output.from_input(vpc.existing_network)
        else:
            self.network = gcp.compute.Network(
                f"{name}-network", name=names.network or name, auto_create_subnetworks=False, opts=opts
            ).id
        subnetwork = gcp.compute.Subnetwork(
            f"{name}-subnetwork",
            name=names.subnetwork or name,
            network=self.network,
            region=region,
            ip_cidr_range=vpc.cidr,
            # Instances have no address of their own; this is how they reach Cloud Storage for their start-up script.
            private_ip_google_access=True,
            stack_type="IPV4_IPV6" if ipv6 else None,
            ipv6_access_type="EXTERNAL" if ipv6 else None,
            log_config={
                "aggregation_interval": "INTERVAL_5_SEC",
                "flow_sampling": 0.5,
                "metadata": "INCLUDE_ALL_METADATA",
            }
            if vpc.flow_logs
            else None,
            opts=opts,
        )
        if vpc.nat:
            router = gcp.compute.Router(
                f"{name}-router", name=names.router or name, network=self.network, region=region, opts=opts
            )
            gcp.compute.RouterNat(
                f"{name}-nat",
                name=names.nat or name,
                router=router.name,
                region=region,
                nat_ip_allocate_option="AUTO_ONLY",
                source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
                log_config={"enable": True, "filter": "ERRORS_ONLY"},
                opts=opts,
            )
        self.subnetwork = subnetwork.id

    def _make_firewalls(self, name: str, args: NetworkArgs) -> tuple[gcp.compute.Firewall, ...]:
        probed = {args.health_checks.autohealing.port, args.health_checks.balancer.port}
        probes = {"protocol": "tcp", "ports": [str(port) for port in sorted(probed)]}
        rules: dict[str, tuple[Sequence[str], list[dict[str, Any]]]] = {"probes": (ALL_PROBERS, [probes])}
        if any(frontend.ip_version == "IPV6" for frontend in args.frontends):
            rules["probes-v6"] = (PASSTHROUGH_PROBERS_IPV6, [probes])
        # One rule has ranges of one family only.
        for version, suffix in ((4, ""), (6, "-v6")):
            rules[f"clients{suffix}"] = (
                [text for text in args.firewall.client_ranges if _version(text) == version],
                [
                    frontend.firewall_allow()
                    for frontend in args.frontends
                    if frontend.ip_version == f"IPV{version}"
                ],
            )
            rules[f"ssh{suffix}"] = (
                [text for text in args.firewall.ssh_ranges if _version(text) == version],
                [{"protocol": "tcp", "ports": ["22"]}],
            )
        return tuple(
            gcp.compute.Firewall(
                f"{name}-{purpose}",
                name=args.names.firewalls.get(purpose, f"{name}-{purpose}"),
                network=self.network,
                source_ranges=list(ranges),
                allows=[gcp.compute.FirewallAllowArgs(**allow) for allow in allows],
                target_service_accounts=[args.service_account],
                log_config={"metadata": "INCLUDE_ALL_METADATA"} if args.firewall.logging else None,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for purpose, (ranges, allows) in rules.items()
            if ranges and allows  # a rule without sources would apply to every source
        )


def _version(text: str) -> int:
    return ipaddress.ip_network(text).version


def _network(field: str, text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidArgumentError(
            field, text, f"not a range in CIDR notation ({error})", f"write {_range_around(text)}"
        ) from error


def _range_around(text: str) -> str:
    """Return the range that an address with a prefix length is of, or an example where there is none."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return "for instance 10.0.0.0/8"
