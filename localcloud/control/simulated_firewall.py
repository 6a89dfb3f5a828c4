"""What the network's firewall rules let in: the simulation's stand-in for the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control import firewall

if TYPE_CHECKING:
    from localcloud.plans.network import NetworkInterface, NetworkPlan


def admits(plan: NetworkPlan, interface: NetworkInterface, source: str, protocol: str, port: int) -> bool:
    """Say whether the firewall lets this in."""
    rule = firewall.deciding(
        plan.firewall,
        "INGRESS",
        network=interface.network,
        tags=interface.tags,
        service_account=interface.service_account,
        peer=source,
        protocol=protocol,
        port=port,
    )
    return rule is not None and rule.action == "allow"
