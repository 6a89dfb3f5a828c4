"""Where the metadata server of one instance takes its answers from: the store, the identity book, the instance's machine."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcloud.guest import metadata_tree
from localcloud.guest.resolver import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from localcloud.clock import Clock
    from localcloud.guest.identity_token import IdentitySigner
    from localcloud.identity import Identities
    from localcloud.plans.machine import MachineSpec
    from localcloud.store import Document, Store

ATTRIBUTES_LIMIT = (
    1 << 20
)  # bytes of an instance's guest attributes, keys included: they are kept with the cloud's own state
GUEST_ATTRIBUTES = "guest/attributes/"  # + instance id -> {namespace: {key: value}}


class MetadataSource:
    """What one instance may know of itself."""

    def __init__(
        self,
        spec: MachineSpec,
        store: Store,
        clock: Clock,
        identities: Identities,
        *,
        signer: IdentitySigner,
        project_number: str,
    ) -> None:
        self._spec, self._store, self._clock, self._identities, self._signer = (
            spec,
            store,
            clock,
            identities,
            signer,
        )
        self._project_number = project_number
        self._listeners: list[Callable[[], None]] = []
        self.forwarded: tuple[str, ...] = spec.forwarded_addresses

    def names(self) -> Names:
        """Return the names that the instance can look up."""
        return Names(self._store, self._spec)

    def tree(self) -> metadata_tree.Tree:
        """Return the whole tree; empty for an instance that is no longer in the store."""
        instance = self._store.get(self._spec.key)
        if instance is None:
            return {}
        around = metadata_tree.Surroundings(
            project=self._store.get(f"compute/projects/{metadata_tree.project_of(instance)}") or {},
            project_number=self._project_number,
            disks=self._disks(instance),
            forwarded=self.forwarded,
            subnet_mask=self._subnet_mask(),
            gateway=self._spec.gateway,
            mtu=self._spec.interface.mtu,
            guest_attributes=self._guest_attributes() if self.guest_attributes_enabled() else {},
        )
        return metadata_tree.build(instance, around)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever the tree may have; returns the function that ends it."""
        keys = {self._spec.key, "/".join(self._spec.key.split("/")[:3]), GUEST_ATTRIBUTES + self._spec.id}
        unwatch = self._store.watch(lambda touched, _: changed() if touched & keys else None)
        self._listeners.append(changed)

        def end() -> None:
            unwatch()
            self._listeners.remove(changed)

        return end

    def set_forwarded(self, addresses: tuple[str, ...]) -> None:
        """Show other forwarding rules' addresses from now on."""
        self.forwarded = addresses
        for changed in tuple(self._listeners):
            changed()

    # Credentials.

    def account(self, name: str) -> tuple[str, list[str]] | None:
        """Return email and scopes of one of the instance's service accounts, by email or as `default`."""
        found = metadata_tree.service_accounts(self._instance()).get(name)
        return None if found is None else (found["email"], found["scopes"])

    def token(self, email: str, scopes: Sequence[str]) -> Mapping[str, object]:
        """Mint an access token, in the metadata server's form."""
        token = self._identities.mint(email, scopes=scopes, instance_key=self._spec.key)
        return {
            "access_token": token.access_token,
            "expires_in": token.expires_in,
            "token_type": token.token_type,
        }

    def identity_token(self, email: str, audience: str, *, full: bool, licenses: bool) -> str:
        """Sign who this instance is, for an audience; `licenses` count in the full format only."""
        instance = self._instance()
        machine: dict[str, Any] = {
            "project_id": metadata_tree.project_of(instance),
            "project_number": int(self._project_number),
            "zone": self._spec.zone,
            "instance_id": str(instance["id"]),
            "instance_name": instance["name"],
        }
        if instance.get("creationTimestamp"):
            machine["instance_creation_timestamp"] = _seconds(instance["creationTimestamp"])
        if licenses:
            machine["license_id"] = metadata_tree.license_ids(instance, self._disks(instance))
        return self._signer.sign(email, audience, now=self._clock.now(), machine=machine if full else None)

    # Guest attributes.

    def guest_attributes_enabled(self) -> bool:
        """Whether the instance's (or the project's) metadata allows guest attributes."""
        instance = self._instance()
        project = self._store.get(f"compute/projects/{metadata_tree.project_of(instance)}") or {}
        values = {
            **metadata_tree.attributes(project.get("commonInstanceMetadata", {})),
            **metadata_tree.attributes(instance.get("metadata", {})),
        }
        return values.get("enable-guest-attributes", "").upper() == "TRUE"

    def has_room_for(self, namespace: str, key: str, value: str) -> bool:
        """Whether an instance may have this attribute beside those it has."""
        spaces = {space: dict(values) for space, values in self._guest_attributes().items()}
        spaces.setdefault(namespace, {})[key] = value
        texts = [
            text for space, values in spaces.items() for pair in values.items() for text in (space, *pair)
        ]
        return sum(len(text.encode("utf-8", "surrogateescape")) for text in texts) <= ATTRIBUTES_LIMIT

    def set_guest_attribute(self, namespace: str, key: str, value: str | None) -> bool:
        """Set an attribute, or remove it (None); whether it was there before."""
        spaces = {space: dict(values) for space, values in self._guest_attributes().items()}
        before = spaces.get(namespace, {}).pop(key, None)
        if value is not None:
            spaces.setdefault(namespace, {})[key] = value
        with self._store.transaction() as change:
            change.put(
                GUEST_ATTRIBUTES + self._spec.id,
                {space: values for space, values in spaces.items() if values},
            )
        return before is not None

    def _guest_attributes(self) -> Mapping[str, Mapping[str, str]]:
        return self._store.get(GUEST_ATTRIBUTES + self._spec.id) or {}

    def _disks(self, instance: Document) -> dict[str, Document]:
        """Return the documents of an instance's disks, by their links in the instance's own."""
        links = [disk["source"] for disk in instance.get("disks", []) if disk.get("source")]
        found = {link: self._store.get("compute/" + link.partition("/compute/v1/")[2]) for link in links}
        return {link: disk for link, disk in found.items() if disk is not None}

    def _subnet_mask(self) -> str:
        """Return the subnetwork's mask, as Google Cloud tells it; the interface itself is a /32 towards its gateway, there as here."""
        subnetwork = self._store.get("compute/" + self._spec.interface.subnetwork) or {}
        return str(ipaddress.IPv4Network(subnetwork.get("ipCidrRange", "0.0.0.0/32")).netmask)

    def _instance(self) -> Document:
        found = self._store.get(self._spec.key)
        return (
            {"selfLink": self._spec.key, "name": self._spec.name, "id": self._spec.id}
            if found is None
            else found
        )


def _seconds(timestamp: str) -> int:
    """Return a timestamp of the API's as whole seconds since the epoch."""
    return int(datetime.fromisoformat(timestamp).timestamp())
