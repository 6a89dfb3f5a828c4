"""Who serves what: forwarding rules joined with their backend services and groups, read from the store. Shared by probing and balancing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any

from localcloud.control import ipv6
from localcloud.control.links import relname
from localcloud.control.managed import members_of
from localcloud.control.member import Member
from localcloud.store import Document, Store


@dataclass(frozen=True, kw_only=True)
class Service:
    """A region backend service: its check and its groups (True: failover). Times in cloud seconds."""

    key: str
    check: str
    groups: tuple[tuple[str, bool], ...]
    affinity: str
    drain: float
    tracking: Mapping[str, Any] = field(default_factory=dict)
    failover: Mapping[str, Any] = field(default_factory=dict)
    weighted: bool = False  # by what the instances answer the probes


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A forwarding rule of a passthrough balancer. `address`: a range, of IPv6. `ports`: inclusive ranges; empty for all.

    `sources`: whose packets alone it takes; empty for everyone's that no other rule takes.
    """

    key: str
    name: str
    address: str
    protocol: str
    ports: tuple[tuple[int, int], ...]
    service: Service
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Serving:
    """An instance behind a group: its record, its document and what is wanted of its machine."""

    member: Member
    document: Document
    intent: Document

    @property
    def key(self) -> str:
        """The instance's key in the store."""
        return self.member.instance

    @property
    def address(self) -> str:
        """Its primary internal address."""
        return str(self.document["networkInterfaces"][0]["networkIP"])

    @property
    def address_ipv6(self) -> str:
        """Its external IPv6 address; empty if it has none."""
        return ipv6.external_address_of(self.document["networkInterfaces"][0])

    def takes_packets_of(self, rule: Rule) -> bool:
        """Say whether it has an address of the rule's family: packets of an IPv6 rule go to no other instances."""
        return ":" not in rule.address or bool(self.address_ipv6)

    @property
    def running(self) -> bool:
        """Its status is RUNNING."""
        return bool(self.document["status"] == "RUNNING")

    @property
    def leaving(self) -> bool:
        """It is being deleted or stopped: no new connections, those it has may end."""
        return (
            self.member.leaving
            or self.intent.get("intent", "run") != "run"
            or self.member.action == "RECREATING"
        )


def rules(store: Store) -> Iterator[Rule]:
    """Yield the forwarding rules that have a backend service and an address, in key order."""
    for key, document in store.scan("compute/projects/"):
        if key.split("/")[-2] != "forwardingRules" or not document.get("backendService"):
            continue
        name = key.removeprefix("compute/")
        address = str(document.get("IPAddress") or "")
        service = store.get("compute/" + relname(document["backendService"], name))
        if service is None or not _is_address(address):
            continue
        yield Rule(
            key=name,
            name=document["name"],
            address=address,
            protocol=document.get("IPProtocol") or "TCP",
            ports=_ports(document),
            service=_service(relname(document["backendService"], name), service),
            sources=tuple(document.get("sourceIpRanges") or ()),
        )


def services(store: Store) -> Iterator[Service]:
    """Yield the backend services, in key order."""
    for key, document in store.scan("compute/projects/"):
        if key.split("/")[-2] == "backendServices":
            yield _service(key.removeprefix("compute/"), document)


def drain_time(store: Store, group: str) -> float:
    """Return how long leaving instances of a group may finish their connections (the longest of the services it is behind)."""
    _, project, kind, location = group.split("/")[:4]
    region = location if kind == "regions" else location.rpartition("-")[0]
    found = store.scan(f"compute/projects/{project}/regions/{region}/backendServices/")
    behind = [_service(key.removeprefix("compute/"), document) for key, document in found]
    return max(
        (service.drain for service in behind if any(group == each for each, _ in service.groups)), default=0.0
    )


def serving(store: Store, group: str) -> list[Serving]:
    """Return the instances of a group that have a document, by name."""
    found = []
    for member in members_of(store, group):
        document = store.get(member.instance)
        if document is not None:
            intent = store.get(f"control/machines/{document['id']}") or {}
            found.append(Serving(member=member, document=document, intent=intent))
    return found


def _service(key: str, document: Document) -> Service:
    checks = document.get("healthChecks") or []
    return Service(
        key=key,
        check=relname(checks[0], key) if checks else "",
        groups=tuple(
            (_manager(relname(backend["group"], key)), bool(backend.get("failover")))
            for backend in document.get("backends") or []
        ),
        affinity=document.get("sessionAffinity") or "NONE",
        drain=float((document.get("connectionDraining") or {}).get("drainingTimeoutSec") or 0),
        tracking=document.get("connectionTrackingPolicy") or {},
        failover=document.get("failoverPolicy") or {},
        weighted=document.get("localityLbPolicy") == "WEIGHTED_MAGLEV",
    )


def _manager(instance_group: str) -> str:
    """A managed group owns the instance group of the same name."""
    return instance_group.replace("/instanceGroups/", "/instanceGroupManagers/")


def _ports(document: Document) -> tuple[tuple[int, int], ...]:
    if document.get("allPorts"):
        return ()
    listed = (
        [str(port) for port in document.get("ports") or []] or [str(document["portRange"])]
        if document.get("portRange") or document.get("ports")
        else []
    )
    ranges = []
    for entry in listed:
        first, _, last = entry.partition("-")
        ranges.append((int(first), int(last or first)))
    return tuple(ranges)


def _is_address(text: str) -> bool:
    try:
        ip_interface(text)
    except ValueError:
        return False
    return True
