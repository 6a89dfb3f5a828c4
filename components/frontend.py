"""What clients connect to: one forwarding rule's protocol and ports, which the firewall for clients follows too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from components.invalid_argument import InvalidArgumentError, require_choice, require_range

FrontendProtocol = Literal["TCP", "UDP", "L3_DEFAULT"]
MAX_PORTS = 5  # of one forwarding rule, by the API
DEFAULT_PORTS = (8080,)


@dataclass(frozen=True, kw_only=True)
class Frontend:
    """One forwarding rule's protocol and ports.

    Attributes:
        protocol: TCP, UDP, or L3_DEFAULT (every protocol; needs `all_ports`).
        ports: up to five ports; 8080 where neither a range nor all ports are asked for.
        port_range: "FIRST-LAST", in place of `ports`.
        all_ports: every port, in place of both.
        ip_version: IPV4, or IPV6 (PREMIUM tier only; instances get external IPv6 addresses of their own, as the API demands).

    Raises:
        InvalidArgumentError: a combination the API refuses.
    """

    protocol: FrontendProtocol = "TCP"
    ports: tuple[int, ...] | None = None
    port_range: str | None = None
    all_ports: bool = False
    ip_version: Literal["IPV4", "IPV6"] = "IPV4"

    def __post_init__(self) -> None:
        """Refuse combinations the API would refuse at apply, when half of the stack exists."""
        require_choice("protocol", self.protocol, get_args(FrontendProtocol))
        require_choice("ip_version", self.ip_version, ("IPV4", "IPV6"))
        chosen = [
            name
            for name, on in (
                ("ports", self.ports),
                ("port_range", self.port_range),
                ("all_ports", self.all_ports),
            )
            if on
        ]
        if len(chosen) > 1:
            raise InvalidArgumentError(
                chosen[0], getattr(self, chosen[0]), f"a forwarding rule has ports, a range or all ports; {' and '.join(chosen)} are set",
                f"keep one of {', '.join(chosen)}",
            )  # fmt: skip
        if self.protocol == "L3_DEFAULT" and not self.all_ports:
            raise InvalidArgumentError(
                "protocol",
                self.protocol,
                "an L3_DEFAULT rule forwards every port",
                "set all_ports: true, or use TCP or UDP with ports",
            )
        if self.ports is not None and not 1 <= len(self.ports) <= MAX_PORTS:
            raise InvalidArgumentError(
                "ports",
                list(self.ports),
                f"a forwarding rule takes 1 to {MAX_PORTS} ports",
                "use port_range, all_ports or a second frontend",
            )
        for port in self.ports or ():
            require_range("ports", port, 1, 65535)
        if len(set(self.ports or ())) != len(self.ports or ()):
            raise InvalidArgumentError(
                "ports", list(self.ports or ()), "a port is named twice", "name each port once"
            )
        if self.port_range is not None:
            self._bounds(self.port_range)

    @staticmethod
    def _bounds(text: str) -> tuple[int, int]:
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
        if match is None:
            raise InvalidArgumentError("port_range", text, "not FIRST-LAST", "write for instance 9000-9010")
        first, last = int(match[1]), int(match[2])
        require_range("port_range", first, 1, 65535)
        require_range("port_range", last, 1, 65535)
        if first > last:
            raise InvalidArgumentError(
                "port_range", text, "the first port is above the last", f"write {last}-{first}"
            )
        return first, last

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The ports as inclusive ranges; empty means every port."""
        if self.all_ports:
            return ()
        if self.port_range is not None:
            return (self._bounds(self.port_range),)
        return tuple((port, port) for port in self.ports or DEFAULT_PORTS)

    def overlaps(self, other: Frontend) -> bool:
        """Whether two rules on one address would conflict: same protocol and a port in common."""
        if self.ip_version != other.ip_version:
            return False
        if self.protocol != other.protocol and "L3_DEFAULT" not in {self.protocol, other.protocol}:
            return False
        mine, theirs = self.ranges or ((1, 65535),), other.ranges or ((1, 65535),)
        return any(low <= high2 and low2 <= high for low, high in mine for low2, high2 in theirs)

    def forwarding_rule_arguments(self) -> dict[str, Any]:
        """Return the arguments that `gcp.compute.ForwardingRule` takes for it."""
        arguments: dict[str, Any] = {"ip_protocol": self.protocol}
        if self.ip_version == "IPV6":
            arguments["ip_version"] = "IPV6"
        if self.all_ports:
            return arguments | {"all_ports": True}
        if self.port_range is not None:
            return arguments | {"port_range": self.port_range}
        return arguments | {"ports": [str(port) for port in self.ports or DEFAULT_PORTS]}

    def firewall_allow(self) -> dict[str, Any]:
        """Return the entry of a firewall rule's `allows` that lets clients through to it."""
        if self.protocol == "L3_DEFAULT":
            return {"protocol": "all"}
        allow: dict[str, Any] = {"protocol": self.protocol.lower()}
        if self.ranges:
            allow["ports"] = [str(low) if low == high else f"{low}-{high}" for low, high in self.ranges]
        return allow
