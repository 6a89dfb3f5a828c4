"""Faults that the operator asked for: records under ``control/faults/{name}``, and what they mean for links and zones. Pure over the store.

``{"name": "fault-1", "kind": K, "since": t, "until": t or None, "inForceAt": t or absent, ...}``, times of the cloud's clock, and

- loss: ``between`` [party, party], ``share``, ``burst``, ``seed``; partition: ``between``
- delay: ``between``, ``delaySeconds``, ``jitterSeconds``, ``seed``
- slow: ``instance``, ``port`` (0: any), ``delaySeconds``
- zone-outage: ``zone``

A party is an instance's name, "all" (instances), "zone:Z" (the instances in it), or one of `OTHERS`.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import TYPE_CHECKING, Any

from localcloud.control import ipv6
from localcloud.control.links import last
from localcloud.plans.fault import PEERS, LinkFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.store import Document, Store

PREFIX = "control/faults/"
KINDS = ("loss", "partition", "delay", "slow", "zone-outage")
_EVERY = ("all", "zone:")
_DAY = 86_400.0
_FIELDS: Mapping[str, frozenset[str]] = {
    "loss": frozenset({"between", "share", "burst", "seed"}),
    "partition": frozenset({"between"}),
    "delay": frozenset({"between", "delaySeconds", "jitterSeconds", "seed"}),
    "slow": frozenset({"instance", "port", "delaySeconds"}),
    "zone-outage": frozenset({"zone"}),
}
_GENERAL = frozenset({"kind", "seconds"})


class FaultError(ValueError):
    """A fault that cannot be; the message names the field, its value, the rule and the fix."""


class ZoneOutageError(Exception):
    """An instance that cannot be created because its zone is out."""


def parse(store: Store, body: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the record of the fault that is asked for, without its name. Raises FaultError."""
    kind = body.get("kind")
    if kind not in KINDS:
        msg = f"kind {kind!r}: must be one of {', '.join(KINDS)}"
        raise FaultError(msg)
    known = _FIELDS[kind] | _GENERAL
    if unknown := sorted(body.keys() - known):
        msg = f"{unknown[0]} {body[unknown[0]]!r}: a {kind} has no such field; it has {', '.join(sorted(known))}"
        raise FaultError(msg)
    seconds = body.get("seconds")
    if seconds is not None:
        _number("seconds", seconds, above=0.0, most=365 * _DAY)
    record: dict[str, Any] = {
        "kind": kind,
        "since": now,
        "until": None if seconds is None else now + float(seconds),
    }
    if kind in {"loss", "partition", "delay"}:
        record["between"] = _between(store, body.get("between"))
    if kind == "loss":
        record["share"] = _number("share", body.get("share"), above=0.0, most=1.0)
        record["burst"] = _number("burst", body.get("burst", 1.0), above=0.999, most=100.0)
    if kind in {"delay", "slow"}:
        record["delaySeconds"] = _number("delaySeconds", body.get("delaySeconds"), above=0.0, most=600.0)
    if kind == "delay":
        record["jitterSeconds"] = _number(
            "jitterSeconds", body.get("jitterSeconds", 0.0), above=-1e-9, most=600.0
        )
    if kind in {"loss", "delay"}:
        record["seed"] = int(_number("seed", body.get("seed", 0), above=-1.0, most=2.0**53))
    if kind == "slow":
        record["instance"] = _party(store, "instance", body.get("instance"))
        if record["instance"] in PEERS:
            msg = f"instance {record['instance']!r}: a service runs on an instance; name one, or all, or zone:ZONE"
            raise FaultError(msg)
        record["port"] = int(_number("port", body.get("port", 0), above=-1.0, most=65_535.0))
    if kind == "zone-outage":
        record["zone"] = _zone(store, str(body.get("zone") or ""))
    return record


def links(store: Store) -> tuple[LinkFault, ...]:
    """Return what the faults mean for each instance's link, in the order of instances."""
    found = []
    for key, record in store.scan(PREFIX):
        name = key.removeprefix(PREFIX)
        match record["kind"]:
            case "slow":
                for instance, _ in _members(store, record["instance"]):
                    found.append(_link(name, record, instance, ("0.0.0.0/0", "::/0")))
            case "loss" | "partition" | "delay":
                found += _between_links(store, name, record)
            case _:
                pass
    return tuple(sorted(found, key=lambda each: (each.instance, each.name, each.peers)))


def is_out(store: Store, zone: str) -> bool:
    """Say whether an outage of this zone is going on."""
    return zone in outages(store)


def check_zone(store: Store, project: str, zone: str) -> None:
    """Raise ZoneOutageError, in Google's words, if nothing can be created in this zone."""
    if is_out(store, zone):
        msg = (
            f"The zone 'projects/{project}/zones/{zone}' does not have enough resources available to fulfill the request. Try a "
            "different zone, or try again later."
        )
        raise ZoneOutageError(msg)


def outages(store: Store) -> frozenset[str]:
    """Return the zones that are out."""
    return frozenset(record["zone"] for _, record in store.scan(PREFIX) if record["kind"] == "zone-outage")


def describe(record: Mapping[str, Any]) -> str:
    """Say in a few words what a fault does."""
    match record["kind"]:
        case "zone-outage":
            return f"zone {record['zone']} is out"
        case "slow":
            port = f" on port {record['port']}" if record["port"] else ""
            return f"{record['instance']} answers{port} {record['delaySeconds']:g} s late"
        case kind:
            one, other = record["between"]
            what = {
                "partition": "nothing passes",
                "loss": f"{record.get('share', 1):.2%} of packets are lost"
                + (f", {record['burst']:g} in a row" if record.get("burst", 1) > 1 else ""),
                "delay": f"packets take {record.get('delaySeconds', 0):g} s more"
                + (f", give or take {record['jitterSeconds']:g} s" if record.get("jitterSeconds") else ""),
            }[kind]
            return f"{what} between {one} and {other}"


def _number(field: str, value: object, *, above: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
        least = {0.0: "above 0", 0.999: "at least 1"}.get(above, "at least 0")
        msg = f"{field} {value!r}: must be a number {least} and at most {most:g}"
        raise FaultError(msg)
    return float(value)


def _between(store: Store, given: object) -> list[str]:
    if not isinstance(given, list) or len(given) != 2:
        msg = f"between {given!r}: must name two parties, for instance an instance and client"
        raise FaultError(msg)
    parties = [_party(store, "between", each) for each in given]
    if all(_is_peer(each) for each in parties):
        msg = (
            f"between {parties[0]} and {parties[1]}: packets pass between an instance and somebody; name an instance, all, or zone:ZONE as "
            "one of them"
        )
        raise FaultError(msg)
    if parties[0] == parties[1] and not parties[0].startswith(_EVERY):
        msg = f"between {parties[0]} and itself: an instance's packets to itself never leave it; name another party"
        raise FaultError(msg)
    return parties


def _is_peer(party: str) -> bool:
    return party in PEERS or "/" in party


def _party(store: Store, field: str, given: object) -> str:
    party = str(given or "")
    if party in PEERS or party == "all":
        return party
    if party.startswith("zone:"):
        return "zone:" + _zone(store, party.removeprefix("zone:"))
    if "/" in party:
        try:
            return str(IPv4Network(party))
        except (AddressValueError, NetmaskValueError, ValueError) as error:
            msg = f"{field} {party!r}: {error}; give an IPv4 range such as 10.132.0.0/20"
            raise FaultError(msg) from error
    known = sorted(name for name, _ in _instances(store))
    if party not in known:
        msg = (
            f"{field} {party!r}: no such instance; instances are {', '.join(known) or 'none'}, and parties beside them all, zone:ZONE, "
            f"{', '.join(sorted(PEERS))} or an IPv4 range"
        )
        raise FaultError(msg)
    return party


def _zone(store: Store, zone: str) -> str:
    zones = set()
    for key, document in store.scan("compute/projects/"):
        parts = key.split("/")
        if parts[3] == "zones":
            zones.add(parts[4])
        policy = document.get("distributionPolicy") or {}
        zones.update(last(each["zone"]) for each in policy.get("zones") or [] if each.get("zone"))
    if zone not in zones:
        msg = f"zone {zone!r}: nothing is or can be there; zones of groups and instances are {', '.join(sorted(zones)) or 'none'}"
        raise FaultError(msg)
    return zone


def _instances(store: Store) -> Iterator[tuple[str, Document]]:
    for key, document in store.scan("compute/projects/"):
        if key.split("/")[-2] == "instances":
            yield str(document["name"]), document


def _members(store: Store, party: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the instances of a party: name, and its addresses as ranges."""
    return [
        (name, _ranges(document["networkInterfaces"][0]))
        for name, document in _instances(store)
        if party in {"all", name, "zone:" + last(str(document["zone"]))}
    ]


def _ranges(interface: Document) -> tuple[str, ...]:
    sixth = ipv6.address_of(interface)
    return (f"{interface['networkIP']}/32", *((f"{sixth}/128",) if sixth else ()))


def _between_links(store: Store, name: str, record: Document) -> list[LinkFault]:
    one, other = record["between"]
    if _is_peer(one):
        one, other = other, one
    if _is_peer(other):
        return [_link(name, record, instance, (other,)) for instance, _ in _members(store, one)]
    first, second = _members(store, one), _members(store, other)
    found = []
    pairs = set()
    for instance, _ in first:
        peers: list[str] = []
        for peer, each in second:
            pair = frozenset({instance, peer})
            if len(pair) == 2 and pair not in pairs:  # of "all" with "all", each pair once
                pairs.add(pair)
                peers += each
        if peers:
            found.append(_link(name, record, instance, tuple(peers)))
    # what the other one serves at a forwarding rule's address is caught at its own link
    for instance, addresses in second:
        peers = [each for _, others in first if others != addresses for each in others]
        if peers and (instance, addresses) not in first:
            found.append(_link(name, record, instance, tuple(peers), forwarded=True))
    return found


def _link(
    name: str, record: Document, instance: str, peers: tuple[str, ...], *, forwarded: bool = False
) -> LinkFault:
    return LinkFault(
        name=name,
        instance=instance,
        kind="loss" if record["kind"] == "partition" else record["kind"],
        peers=peers,
        share=float(record.get("share", 1.0)),
        burst=float(record.get("burst", 1.0)),
        seed=int(record.get("seed", 0)),
        delay=float(record.get("delaySeconds", 0.0)),
        jitter=float(record.get("jitterSeconds", 0.0)),
        port=int(record.get("port", 0)),
        forwarded=forwarded,
    )
