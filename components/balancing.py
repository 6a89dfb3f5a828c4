"""How connections reach instances: frontends, affinity, draining, tracking, and what happens when instances fail."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pulumi

from components.frontend import Frontend
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
        groups: addresses of instance groups to fail over to, in the same region, kept by somebody else.
    """

    ratio: float = 0.0
    drop_traffic_if_unhealthy: bool = False
    disable_connection_drain: bool = False
    groups: tuple[pulumi.Input[str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        require_range("ratio", self.ratio, 0, 1)
        if self.ratio and not self.groups:
            raise InvalidArgumentError(
                "ratio",
                self.ratio,
                "there is nothing to fail over to",
                "name instance groups, or leave it out",
            )


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

    refused: ClassVar[Mapping[str, str]] = {
        "protocol": "the backend service's protocol follows from the frontends' (L3_DEFAULT needs UNSPECIFIED, never TCP); say it in "
        "frontends.NAME.protocol"
    }

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
        if self.persistence_on_unhealthy == "ALWAYS_PERSIST" and self.tracking_mode == "PER_SESSION":
            raise InvalidArgumentError(
                "persistence_on_unhealthy", self.persistence_on_unhealthy, "it does not go with PER_SESSION tracking",
                "set tracking_mode: PER_CONNECTION, or leave it at DEFAULT_FOR_PROTOCOL",
            )  # fmt: skip
        self._validate_frontends()
        if self.uses_ipv6 and self.network_tier != "PREMIUM":
            raise InvalidArgumentError(
                "network_tier", self.network_tier, "IPv6 is forwarded in the PREMIUM tier only",
                "set network_tier: PREMIUM, or leave out the IPV6 frontends",
            )  # fmt: skip

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

    def require_check(self, protocol: str) -> None:
        """Refuse weights without a health check that can carry them.

        Raises:
            InvalidArgumentError: the balancer's check speaks another protocol than HTTP.
        """
        if self.weighted and protocol not in HTTP_FAMILY:
            raise InvalidArgumentError(
                "weighted", True, f"weights come in the answers of an HTTP check; balancer_check speaks {protocol}",
                "set balancer_check protocol: HTTP",
            )  # fmt: skip

    def require_names(self, service: str) -> None:
        """Refuse frontends whose forwarding rules Google would refuse for their names.

        Raises:
            InvalidArgumentError: a key, or the service's name with it, is no name, or too long.
        """
        for key in self.frontends:
            require_resource_name("frontends", key)
            require_resource_name("frontends", f"{service}-{key}")

    @property
    def uses_ipv6(self) -> bool:
        """Whether some frontend is reached over IPv6."""
        return any(frontend.ip_version == "IPV6" for frontend in self.frontends.values())

    def require_ipv4(self) -> None:
        """Refuse frontends none of which could use an IPv4 address.

        Raises:
            InvalidArgumentError: all are over IPv6.
        """
        if all(frontend.ip_version == "IPV6" for frontend in self.frontends.values()):
            raise InvalidArgumentError(
                "frontends", sorted(self.frontends), "none of them is reached over IPv4, and the address given is",
                "remove mig-nlb:address, or add an IPV4 frontend",
            )  # fmt: skip

    @property
    def backend_protocol(self) -> Literal["TCP", "UDP", "UNSPECIFIED"]:
        """The backend service's protocol: its rules', and UNSPECIFIED for L3_DEFAULT."""
        protocol = next(iter(self.frontends.values())).protocol
        return "UNSPECIFIED" if protocol == "L3_DEFAULT" else protocol

    def resource_arguments(self) -> dict[str, Any]:
        """Return the backend service's arguments that are Google's defaults where nothing is said, and what is always chosen."""
        failover = self.failover
        failover_policy: dict[str, Any] = {"drop_traffic_if_unhealthy": failover.drop_traffic_if_unhealthy}
        if failover.ratio:
            failover_policy["failover_ratio"] = failover.ratio
        if failover.disable_connection_drain:
            failover_policy["disable_connection_drain_on_failover"] = True
        arguments: dict[str, Any] = {"failover_policy": failover_policy}
        if self.tracking_mode != "PER_CONNECTION" or self.persistence_on_unhealthy != "DEFAULT_FOR_PROTOCOL":
            arguments["connection_tracking_policy"] = {
                "tracking_mode": self.tracking_mode,
                "connection_persistence_on_unhealthy_backends": self.persistence_on_unhealthy,
            }
        if self.weighted:
            arguments["locality_lb_policy"] = "WEIGHTED_MAGLEV"
        if self.log_sample_rate:
            arguments["log_config"] = {"enable": True, "sample_rate": self.log_sample_rate}
        return arguments
