"""Internal addresses: the next free one of a subnetwork, never Google's reserved four."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from localcloud.control.links import last, relname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.store import Document, Store


class SubnetworkFullError(ValueError):
    """No address is left; Google's code for it is IP_SPACE_EXHAUSTED."""


class AddressInUseError(ValueError):
    """Another instance has the address; Google's code for it is IP_IN_USE_BY_ANOTHER_RESOURCE."""


class AddressBook:
    """Which addresses are taken: by instances, by reserved addresses, and kept for instances that are being made anew.

    It is told what changed. What it hands out is taken until `begin`; by then whoever asked has it in the store, or does not want it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: dict[str, Counter[int]] = {}  # by subnetwork
        self._held: dict[str, list[tuple[str, int]]] = {}  # by the key of the document that says so
        self._lowest: dict[str, int] = {}  # below this none is free
        self._handed_out: list[tuple[str, int]] = []
        self._changed: dict[str, None] = {}
        self._all = True

    def touch(self, key: str) -> None:
        """Note that an instance, a reserved address or a managed instance's record changed."""
        self._changed[key] = None

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._all = True

    def begin(self) -> None:
        """Bring the book up to date with the store."""
        if self._all:
            self._taken, self._held, self._lowest, self._handed_out = {}, {}, {}, []
            self._changed = dict.fromkeys(
                key
                for prefix in ("compute/projects/", "control/managed/")
                for key in self._store.keys(prefix)
            )
            self._all = False
        for key in self._changed:
            for subnetwork, number in self._held.pop(key, ()):
                self._free(subnetwork, number)
            held = list(_held(key, self._store.get(key)))
            for subnetwork, number in held:
                self._take(subnetwork, number)
            if held:
                self._held[key] = held
        self._changed.clear()
        for subnetwork, number in self._handed_out:
            self._free(subnetwork, number)
        self._handed_out.clear()

    def allocate(self, subnetwork: str, cidr: str, *, kept: str = "") -> str:
        """Return the lowest free address of this subnetwork, or the one that was kept, and take it.

        Reserved are the network's, the gateway (first), the second-to-last and the broadcast address (last).
        Raises SubnetworkFullError when all are taken.
        """
        network = IPv4Network(cidr)
        first, last = int(network.network_address) + 2, int(network.broadcast_address) - 2
        if kept:
            number = int(IPv4Address(kept))
        else:
            taken = self._taken.setdefault(subnetwork, Counter())
            number = max(first, self._lowest.get(subnetwork, first))
            while taken[number] > 0:
                number += 1
            if number > last:
                room = max(0, last - first + 1)
                msg = f"IP space of '{subnetwork}' is exhausted. ({cidr} has room for {room} instances; use a larger range)"
                raise SubnetworkFullError(msg)
            self._lowest[subnetwork] = number
        self._take(subnetwork, number)
        self._handed_out.append((subnetwork, number))
        return str(IPv4Address(number))

    def check(self, address: str, instance: str) -> None:
        """Refuse an address that this instance (by its bare name) does not have and another does, or has it reserved.

        Raises:
            AddressInUseError: so it is.
        """
        number = int(IPv4Address(address))
        for key, held in self._held.items():
            if any(each == number for _, each in held) and key.rpartition("/")[2] != instance:
                reservation = self._store.get(key) if "/addresses/" in key else None
                if reservation is None or any(
                    last(user) != instance for user in reservation.get("users") or ()
                ):
                    msg = f"IP '{address}' is already being used by another resource."
                    raise AddressInUseError(msg)
        if any(each == number for _, each in self._handed_out):
            msg = f"IP '{address}' is already being used by another resource."
            raise AddressInUseError(msg)

    def _take(self, subnetwork: str, number: int) -> None:
        self._taken.setdefault(subnetwork, Counter())[number] += 1

    def _free(self, subnetwork: str, number: int) -> None:
        taken = self._taken[subnetwork]
        taken[number] -= 1
        if taken[number] <= 0:
            del taken[number]
            self._lowest[subnetwork] = min(number, self._lowest.get(subnetwork, number))


def _held(key: str, document: Document | None) -> Iterator[tuple[str, int]]:
    """Yield the addresses that a document takes, with their subnetworks."""
    if document is None:
        return
    if key.startswith("control/managed/"):
        for kept in (document.get("preserved") or {}).get("internalIPs", {}).values():
            yield kept["subnetwork"], int(IPv4Address(kept["ipAddress"]["literal"]))
        return
    collection = key.split("/")[-2]
    if collection == "instances":
        for interface in document.get("networkInterfaces") or []:
            if interface.get("subnetwork") and interface.get("networkIP"):
                yield relname(interface["subnetwork"]), int(IPv4Address(interface["networkIP"]))
    elif collection == "addresses" and document.get("addressType") == "INTERNAL":
        taken = [(document["subnetwork"], document["address"])] if document.get("subnetwork") else []
        yield from (
            (relname(subnetwork), int(IPv4Address(address))) for subnetwork, address in taken if address
        )
