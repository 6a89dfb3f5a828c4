"""Disks: made with their instances, deleted with them where autoDelete says so, else left for whoever attaches them next.

A disk is a folder on this machine: the boot disk's holds what an instance may write to, any other is mounted in it at /mnt/disks/DEVICE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.clock import rfc3339
from localcloud.control.links import last, relname, url
from localcloud.control.template import TemplateError
from localcloud.plans.machine import AttachedDisk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.store import Document, Store, Transaction

FIRST_ID = 1_000_000_000_000_000_001  # the counter is shared with every other resource


def key_of(entry: Document) -> str:
    """Return the store key of the disk that an entry of an instance's `disks` is."""
    return "compute/" + relname(entry["source"])


def create(
    store: Store, change: Transaction, instance: Document, entry: Mapping[str, Any], *, image: str, now: float
) -> dict[str, Any]:
    """Make the disk of an entry, with another name if its own is taken; returns the entry with the disk's link."""
    wanted = name = relname(entry["source"])
    number = 1
    while (change.writes.get("compute/" + name) or store.get("compute/" + name)) is not None:
        number += 1
        name = f"{wanted}-{number}"
    zone = relname(instance["zone"])
    change.put(
        "compute/" + name,
        {
            "kind": "compute#disk",
            "id": str(store.next_number("id", FIRST_ID)),
            "creationTimestamp": rfc3339(now),
            "name": last(name),
            "sizeGb": entry["diskSizeGb"],
            "zone": url(zone),
            "status": "READY",
            "type": url(f"{zone}/diskTypes/pd-standard"),
            **({"sourceImage": image} if image else {}),
            "physicalBlockSizeBytes": "4096",
            "labelFingerprint": "42WmSpB8rSM=",  # of no labels
            "selfLink": url(name),
            "users": [instance["selfLink"]],
            "lastAttachTimestamp": rfc3339(now),
        },
    )
    return {**entry, "source": url(name)}


def attach(
    store: Store, change: Transaction, instance: Document, entry: Mapping[str, Any], *, now: float
) -> None:
    """Note that an instance has this disk, which exists.

    Raises:
        TemplateError: it does not exist, is in another zone, or is attached to another instance for writing.
    """
    key = key_of(entry)
    disk = change.writes.get(key) or store.get(key)
    if disk is None or disk["zone"] != instance["zone"]:
        msg = f"The resource '{relname(entry['source'])}' was not found in zone {last(instance['zone'])}"
        raise TemplateError(msg)
    users: list[str] = disk.get("users") or []
    if instance["selfLink"] in users:
        return
    if users and entry["mode"] != "READ_ONLY":
        msg = f"The disk resource '{relname(entry['source'])}' is already being used by '{relname(users[0])}'"
        raise TemplateError(msg)
    change.put(key, {**disk, "users": [*users, instance["selfLink"]], "lastAttachTimestamp": rfc3339(now)})


def detach(
    store: Store, change: Transaction, instance: Document, entries: Iterable[Document], *, now: float
) -> None:
    """Note that an instance has these disks no more; those that go with it are deleted."""
    for entry in entries:
        key = key_of(entry)
        disk = change.writes.get(key) or store.get(key)
        if disk is None or instance["selfLink"] not in (disk.get("users") or []):
            continue
        if entry["autoDelete"]:
            change.delete(key)
            continue
        rest = [user for user in disk["users"] if user != instance["selfLink"]]
        left = {name: value for name, value in disk.items() if name != "users"}
        change.put(key, {**left, **({"users": rest} if rest else {}), "lastDetachTimestamp": rfc3339(now)})


def fields(store: Store, instance: Document) -> dict[str, Any]:
    """Return what of a machine's spec tells of its disks."""
    found = [(entry, store.get(key_of(entry))) for entry in instance.get("disks") or []]
    boot = next((str(disk["id"]) for entry, disk in found if entry["boot"] and disk), "")
    others = tuple(
        AttachedDisk(id=str(disk["id"]), device=entry["deviceName"], read_only=entry["mode"] == "READ_ONLY")
        for entry, disk in found
        if disk is not None and not entry["boot"]
    )
    return {"boot_disk": boot, "disks": others}
