"""What an instance of a stateful group keeps: disks, internal addresses and metadata, by the group's policy and its own configuration.

A member's record has them as ``preserved``: {"disks": {device: {"source", "mode", "autoDelete", "from"}}, "internalIPs": {interface:
{"ipAddress": {"literal", "address"}, "autoDelete", "from", "subnetwork"}}}; `from` is policy or config. Kept disks are attached without
autoDelete, and kept addresses are reserved, as Google does. Once the instance has left for good, autoDelete decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.clock import rfc3339
from localcloud.control import disks
from localcloud.control.links import last, location_of, project_of, relname, url
from localcloud.control.template import TemplateError, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.control.group import Group
    from localcloud.control.member import Member
    from localcloud.store import Document, Store, Transaction

_GOES = "ON_PERMANENT_INSTANCE_DELETION"


def addresses(store: Store, group: Group, member: Member) -> dict[str, str]:
    """Return the addresses that an instance is to have, by interface: those that it is given, or had.

    Raises:
        TemplateError: a reservation that it is given does not exist.
    """
    before: Mapping[str, Any] = member.preserved.get("internalIPs") or {}
    found = {}
    for interface, kept in group.keeps(member.name)["internalIPs"].items():
        address = _configured(store, kept) or (before.get(interface) or {}).get("ipAddress", {}).get(
            "literal"
        )
        if address:
            found[interface] = address
    return found


def furnish(
    store: Store, change: Transaction, group: Group, member: Member, instance: Document, *, now: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give an instance its disks and reservations; returns its document with them, and what is preserved of it.

    A new instance's entries of `disks` are its template's; those of one that exists may already be attached.

    Raises:
        TemplateError: a disk that it is given cannot be attached.
    """
    keeps = group.keeps(member.name)
    had: Mapping[str, Any] = member.preserved.get("disks") or {}
    made_from = {
        entry.get("deviceName") or f"persistent-disk-{index}": entry
        for index, entry in enumerate(properties(store, member.version.template).get("disks") or [])
    }
    entries, preserved = [], {}
    given: list[Document] = list(instance["disks"])
    devices = {entry["deviceName"] for entry in given}
    given += [
        _entry(device, kept, len(given) + number)
        for number, (device, kept) in enumerate(sorted(keeps["disks"].items()))
        if device not in devices and kept.get("source")
    ]
    for each in given:
        entry, device = dict(each), each["deviceName"]
        kept = keeps["disks"].get(device)
        source = kept and (kept.get("source") or (had.get(device) or {}).get("source"))
        mine = _attached(store, instance, entry)
        if (
            mine
            and kept is None
            and (had.get(device) or {}).get("from") == "config"
            and device not in made_from
        ):
            disks.detach(store, change, instance, [entry], now=now)
            continue
        if source and not (mine and relname(source) == relname(entry["source"])):
            if mine:
                disks.detach(store, change, instance, [entry], now=now)
            entry["source"] = url(relname(source))
            disks.attach(store, change, instance, entry, now=now)
        elif not mine:
            image = (made_from.get(device) or {}).get("initializeParams", {}).get("sourceImage", "")
            entry = disks.create(store, change, instance, entry, image=image, now=now)
        if kept is not None:
            entry["autoDelete"] = False
            preserved[device] = {
                "source": entry["source"],
                "mode": entry["mode"],
                "autoDelete": kept["autoDelete"],
                "from": kept["from"],
            }
        elif device in had:
            entry["autoDelete"] = bool((made_from.get(device) or {}).get("autoDelete", False))
        entries.append(entry)
    _drop_all(store, change, had, entries)
    state: dict[str, Any] = {"disks": preserved} if preserved else {}
    if reserved := _reserve(store, change, keeps["internalIPs"], instance, now):
        state["internalIPs"] = reserved
    for interface, before in (member.preserved.get("internalIPs") or {}).items():
        if reserved.get(interface, {}).get("ipAddress") != before["ipAddress"]:
            _release(store, change, before)
    return {**instance, "disks": entries}, state


def give_up(store: Store, change: Transaction, member: Member) -> None:
    """Delete, of what was kept for an instance that has left for good, what goes with it; the rest is free for others."""
    for kept in (member.preserved.get("disks") or {}).values():
        _drop(store, change, kept)
    for kept in (member.preserved.get("internalIPs") or {}).values():
        _release(store, change, kept)


def free_addresses(store: Store, change: Transaction, instance_key: str) -> None:
    """Free what is reserved for an instance that is no more and that no group makes again: an abandoned one, say."""
    name = relname(instance_key)
    region = location_of(name).rpartition("-")[0]
    for key, document in store.scan(f"compute/projects/{project_of(name)}/regions/{region}/addresses/"):
        if url(name) in (document.get("users") or ()):
            change.put(key, _unused(document))


def _unused(reservation: Document) -> dict[str, Any]:
    free = {name: value for name, value in reservation.items() if name != "users"}
    return {**free, "status": "RESERVED"}


def _drop_all(store: Store, change: Transaction, had: Mapping[str, Any], entries: Iterable[Document]) -> None:
    """Do without the disks that an instance had and has no more."""
    mounted = {entry["source"] for entry in entries}
    for before in had.values():
        if before["source"] not in mounted:
            _drop(store, change, before)


def _drop(store: Store, change: Transaction, kept: Document) -> None:
    """Delete a disk that was kept for an instance that has it no more, if it is to go with that."""
    key = disks.key_of(kept)
    disk = change.writes.get(key) or store.get(key)
    if disk is not None and kept["autoDelete"] == _GOES and not disk.get("users"):
        change.delete(key)


def from_policy(preserved: Document) -> dict[str, Any]:
    """Return what is preserved by the group's policy, as Google lists it."""
    own = {"from", "subnetwork"}
    return {
        field: found
        for field, items in preserved.items()
        if (
            found := {
                name: {key: value for key, value in item.items() if key not in own}
                for name, item in items.items()
                if item["from"] == "policy"
            }
        )
    }


def needed(group: Group, member: Member) -> str:
    """Return the least action that gives an instance the disks and addresses that it is to have.

    Google attaches a disk to a running instance; a folder cannot be mounted in a sandbox that runs, so here it takes a restart.
    """
    keeps = group.keeps(member.name)
    had: Mapping[str, Any] = member.preserved.get("internalIPs") or {}
    for interface, kept in keeps["internalIPs"].items():
        wanted = kept.get("ipAddress") or {}
        before = (had.get(interface) or {}).get("ipAddress", {})
        if any(
            wanted.get(name) and not _same(wanted[name], before.get(name)) for name in ("literal", "address")
        ):
            return "REPLACE"
    had = member.preserved.get("disks") or {}
    for device, kept in keeps["disks"].items():
        if kept.get("source") and not _same(kept["source"], (had.get(device) or {}).get("source")):
            return "RESTART"
    if any(each["from"] == "config" and device not in keeps["disks"] for device, each in had.items()):
        return "RESTART"
    return "NONE"


def _same(one: str, other: str | None) -> bool:
    return other is not None and (one == other or relname(one) == relname(other))


def _configured(store: Store, kept: Document) -> str:
    """Return the address that a configuration names; empty if it names none."""
    given: Mapping[str, str] = kept.get("ipAddress") or {}
    if given.get("literal"):
        return given["literal"]
    if not given.get("address"):
        return ""
    name = relname(given["address"])
    document = store.get("compute/" + name)
    if document is None:
        msg = f"The resource '{name}' was not found: the instance's configuration needs this address"
        raise TemplateError(msg)
    return str(document["address"])


def _entry(device: str, kept: Document, index: int) -> dict[str, Any]:
    return {
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": kept.get("mode") or "READ_WRITE",
        "deviceName": device,
        "index": index,
        "boot": False,
        "autoDelete": False,
        "diskSizeGb": "10",
        "interface": "SCSI",
        "source": kept["source"],
    }


def _attached(store: Store, instance: Document, entry: Document) -> bool:
    disk = store.get(disks.key_of(entry))
    return disk is not None and instance["selfLink"] in (disk.get("users") or [])


def _reserve(
    store: Store, change: Transaction, keeps: Mapping[str, Any], instance: Document, now: float
) -> dict[str, Any]:
    """Have a reservation for each kept address; returns what is preserved of them."""
    found = {}
    for interface in instance["networkInterfaces"]:
        kept = keeps.get(interface["name"])
        if kept is None:
            continue
        subnetwork = relname(interface["subnetwork"])
        region = "/".join(subnetwork.split("/")[:4])
        literal = interface["networkIP"]
        key = _reservation(store, f"compute/{region}/addresses/", literal)
        document = store.get(key) if key else None
        if document is None:
            name = f"{instance['name']}-{interface['name']}"
            key = f"compute/{region}/addresses/{name}"
            while store.get(key) is not None or key in change.writes:
                key += "-x"
            document = {
                "kind": "compute#address",
                "id": str(store.next_number("id", disks.FIRST_ID)),
                "creationTimestamp": rfc3339(now),
                "name": last(key),
                "description": "",
                "address": literal,
                "addressType": "INTERNAL",
                "purpose": "GCE_ENDPOINT",
                "networkTier": "PREMIUM",
                "subnetwork": interface["subnetwork"],
                "region": url(region),
                "labelFingerprint": "42WmSpB8rSM=",
                "selfLink": url(key.removeprefix("compute/")),
            }
        users = [instance["selfLink"]]
        if document.get("users") != users or document.get("status") != "IN_USE":
            change.put(key, {**document, "status": "IN_USE", "users": users})
        found[interface["name"]] = {
            "ipAddress": {"literal": literal, "address": document["selfLink"]},
            "autoDelete": kept["autoDelete"],
            "from": kept["from"],
            "subnetwork": subnetwork,
        }
    return found


def _reservation(store: Store, prefix: str, literal: str) -> str:
    """Return the key of the reservation of an internal address; empty if there is none."""
    for key, document in store.scan(prefix):
        if document.get("address") == literal and document.get("addressType") == "INTERNAL":
            return key
    return ""


def _release(store: Store, change: Transaction, kept: Document) -> None:
    key = "compute/" + relname(kept["ipAddress"]["address"])
    document = store.get(key)
    if document is None:
        return
    if kept["autoDelete"] == _GOES:
        change.delete(key)
    else:
        change.put(key, _unused(document))
