"""Internal addresses: the next free one of a subnetwork, never Google's reserved four."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from localcloud.control.links import relname

if TYPE_CHECKING:
    from localcloud.store import Store


class SubnetworkFullError(ValueError):
    """No address is left; Google's code for it is IP_SPACE_EXHAUSTED."""


class AddressBook:
    """Which addresses are taken, as of its making; those it hands out are taken too. Make one per transaction."""

    def __init__(self, store: Store, project: str) -> None:
        self._taken: dict[str, set[IPv4Address]] = {}
        for key, document in store.scan(f"compute/projects/{project}/zones/"):
            if key.split("/")[-2] == "instances":
                for interface in document.get("networkInterfaces") or []:
                    self._take(interface.get("subnetwork", ""), interface.get("networkIP"))
        for key, document in store.scan(f"compute/projects/{project}/regions/"):
            if key.split("/")[-2] == "addresses" and document.get("addressType") == "INTERNAL":
                self._take(document.get("subnetwork", ""), document.get("address"))

    def _take(self, subnetwork: str, address: str | None) -> None:
        if subnetwork and address:
            self._taken.setdefault(relname(subnetwork), set()).add(IPv4Address(address))

    def allocate(self, subnetwork: str, cidr: str) -> str:
        """Return the lowest free address of this subnetwork and take it.

        Reserved are the network's, the gateway (first), the second-to-last and the broadcast address (last).
        Raises SubnetworkFullError when all are taken.
        """
        network = IPv4Network(cidr)
        taken = self._taken.setdefault(subnetwork, set())
        first, last = int(network.network_address) + 2, int(network.broadcast_address) - 2
        for number in range(first, last + 1):
            address = IPv4Address(number)
            if address not in taken:
                taken.add(address)
                return str(address)
        msg = f"IP space of '{subnetwork}' is exhausted. ({cidr} has room for {max(0, last - first + 1)} instances; use a larger range)"
        raise SubnetworkFullError(msg)
