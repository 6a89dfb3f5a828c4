"""From an instance template to an instance's document, as Google would answer it; and what it takes to get from one to another."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from localcloud.clock import rfc3339
from localcloud.control import ipv6
from localcloud.control.links import key, last, project_of, relname, url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.control.addresses import AddressBook
    from localcloud.store import Document, Store


class TemplateError(ValueError):
    """An instance cannot be made from this template: it, its subnetwork or its machine type is not there."""


def properties(store: Store, template: str) -> Document:
    """Return a template's properties; TemplateError if it does not exist."""
    document = store.get(key(template))
    if document is None:
        msg = f"The resource '{template}' was not found: the group needs this instance template; create it or update the group"
        raise TemplateError(msg)
    found: Document = document.get("properties") or {}
    return found


def instance(
    store: Store,
    book: AddressBook,
    *,
    name: str,
    numeric_id: str,
    zone: str,
    template: str,
    group: str,
    overrides: Document,
    now: float,
    kept: Mapping[str, str] | None = None,
    machine_type: str = "",
) -> dict[str, Any]:
    """Return the document of a new instance (status PROVISIONING, an address of its own, or the one `kept` for the interface).

    Raises TemplateError or SubnetworkFullError with Google's words where it can not be made.
    """
    made_from = properties(store, template)
    project = project_of(group)
    path = f"projects/{project}/zones/{zone}"
    return {
        "kind": "compute#instance",
        "id": numeric_id,
        "creationTimestamp": rfc3339(now),
        "name": name,
        "zone": url(path),
        "machineType": url(
            f"{path}/machineTypes/{last(machine_type or made_from.get('machineType', 'e2-medium'))}"
        ),
        "status": "PROVISIONING",
        "cpuPlatform": made_from.get("minCpuPlatform") or "Unknown CPU Platform",
        "canIpForward": bool(made_from.get("canIpForward", False)),
        "networkInterfaces": [
            _interface(store, book, wanted, index, path, kept=(kept or {}).get(f"nic{index}", ""))
            for index, wanted in enumerate(made_from.get("networkInterfaces") or [{}])
        ],
        "disks": [
            _disk(disk, index, f"{path}/disks/{name}")
            for index, disk in enumerate(made_from.get("disks") or [])
        ],
        "scheduling": {
            "onHostMaintenance": "MIGRATE",
            "automaticRestart": True,
            "preemptible": False,
            "provisioningModel": "STANDARD",
            **{
                field: value
                for field, value in (made_from.get("scheduling") or {}).items()
                if value not in (None, "")
            },
        },
        "serviceAccounts": list(made_from.get("serviceAccounts") or []),
        "shieldedInstanceConfig": dict(made_from.get("shieldedInstanceConfig") or {}),
        "selfLink": url(f"{path}/instances/{name}"),
        "startRestricted": False,
        "deletionProtection": False,
        **configuration(made_from, template, group, overrides),
    }


def configuration(made_from: Document, template: str, group: str, overrides: Document) -> dict[str, Any]:
    """Return the fields that a refresh changes: metadata (the template's, the group's own, its overrides), labels and tags."""
    items = {
        item["key"]: item.get("value", "") for item in (made_from.get("metadata") or {}).get("items") or []
    }
    items.update(overrides.get("metadata") or {})
    items["instance-template"] = relname(template)
    items["created-by"] = relname(group)
    metadata = [{"key": name, "value": value} for name, value in items.items()]
    labels = {**(made_from.get("labels") or {}), **(overrides.get("labels") or {})}
    tags = list((made_from.get("tags") or {}).get("items") or [])
    fields: dict[str, Any] = {
        "metadata": {"kind": "compute#metadata", "fingerprint": _fingerprint(metadata), "items": metadata},
        "tags": {"fingerprint": _fingerprint(tags), **({"items": tags} if tags else {})},
        "labelFingerprint": _fingerprint(labels),
        "fingerprint": _fingerprint([metadata, tags, labels]),
    }
    if labels:
        fields["labels"] = labels
    if made_from.get("description"):
        fields["description"] = made_from["description"]
    return fields


def metadata_value(document: Document, name: str) -> str:
    """Return a metadata value of an instance; empty if it has none of that name."""
    for item in (document.get("metadata") or {}).get("items") or []:
        if item["key"] == name:
            return str(item.get("value", ""))
    return ""


def member_key(document: Document) -> str:
    """Return the key of the record that an instance's group keeps of it, if it is in one."""
    return f"control/managed/{relname(metadata_value(document, 'created-by'))}/{document['name']}"


def subnetwork_of(store: Store, wanted: Document, zone: str, project: str) -> Document:
    """Return the subnetwork that an interface asks for by name, or the one that its network has in the zone's region."""
    region = zone.rpartition("-")[0]
    if wanted.get("subnetwork"):
        link = relname(wanted["subnetwork"], f"projects/{project}")
        found = store.get(key(link))
        if found is None:
            msg = f"The resource '{link}' was not found: the template's subnetwork does not exist"
            raise TemplateError(msg)
        return found
    network = relname(wanted.get("network") or "global/networks/default", f"projects/{project}")
    for _, candidate in store.scan(f"compute/projects/{project}/regions/{region}/subnetworks/"):
        if relname(candidate.get("network", "")) == network:
            return candidate
    msg = f"Network '{network}' has no subnetwork in region {region}; name one in the template's networkInterfaces"
    raise TemplateError(msg)


def _interface(
    store: Store, book: AddressBook, wanted: Document, index: int, zone_path: str, *, kept: str
) -> dict[str, Any]:
    _, project, _, zone = zone_path.split("/")
    subnetwork = subnetwork_of(store, wanted, zone, project)
    region = zone.rpartition("-")[0]
    name = f"projects/{project}/regions/{region}/subnetworks/{subnetwork['name']}"
    interface: dict[str, Any] = {
        "kind": "compute#networkInterface",
        "name": f"nic{index}",
        "network": url(relname(subnetwork["network"])),
        "subnetwork": url(name),
        "networkIP": book.allocate(name, subnetwork["ipCidrRange"], kept=kept),
    }
    try:
        interface |= ipv6.interface_fields(wanted, subnetwork, interface["networkIP"])
    except ValueError as error:
        raise TemplateError(str(error)) from error
    if wanted.get("accessConfigs"):
        interface["accessConfigs"] = [
            {
                "kind": "compute#accessConfig",
                "type": "ONE_TO_ONE_NAT",
                "name": "external-nat",
                "networkTier": "PREMIUM",
                **access,
            }
            for access in wanted["accessConfigs"]
        ]
    interface["fingerprint"] = _fingerprint(interface)
    return interface


def _disk(disk: Document, index: int, name: str) -> dict[str, Any]:
    return {
        "kind": "compute#attachedDisk",
        "type": disk.get("type", "PERSISTENT"),
        "mode": disk.get("mode", "READ_WRITE"),
        "deviceName": disk.get("deviceName") or f"persistent-disk-{index}",
        "index": index,
        "boot": bool(disk.get("boot", False)),
        "autoDelete": bool(disk.get("autoDelete", False)),
        "diskSizeGb": str(
            disk.get("diskSizeGb") or (disk.get("initializeParams") or {}).get("diskSizeGb") or "10"
        ),
        "interface": disk.get("interface", "SCSI"),
        "source": url(name if index == 0 else f"{name}-{index}"),
    }


def _fingerprint(value: object) -> str:
    return base64.urlsafe_b64encode(
        hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:8]
    ).decode()
