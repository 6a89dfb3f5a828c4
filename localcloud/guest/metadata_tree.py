"""The metadata of one instance as a tree, made from the store's documents each time it is asked for.

Keys are in kebab-case, as in the server's paths. A leaf is a string, number or list (a tuple: shown as
JSON); a directory is a mapping. Names and values as Google's documentation and recorded answers have them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.store import Document

Tree = Mapping[str, Any]
_DISK_TYPES = {"pd-balanced": "PERSISTENT-BALANCED", "pd-ssd": "PERSISTENT-SSD"}  # others are PERSISTENT


def last(url: str) -> str:
    """Return the last part of a URL or relative name."""
    return url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of an instance outside of its own document.

    `disks` are disks' own documents, by their link in the instance's; `forwarded` the addresses of its forwarding rules, both families';
    `subnet_mask` its subnetwork's ("255.255.240.0"), `mtu` its interface's in bytes, `guest_attributes` values by namespace and key.
    """

    project: Document
    project_number: str
    disks: Mapping[str, Document]
    forwarded: Sequence[str]
    subnet_mask: str
    gateway: str
    mtu: int
    guest_attributes: Mapping[str, Mapping[str, str]]


def build(instance: Document, around: Surroundings) -> Tree:
    """Return everything below ``/computeMetadata/v1/``, but for what is made when it is asked for by name."""
    project_number = around.project_number
    project_id = project_of(instance)
    zone = last(instance["zone"])
    return {
        "instance": {
            "attributes": attributes(instance.get("metadata", {})),
            "cpu-platform": instance.get("cpuPlatform", "Unknown CPU Platform"),
            "description": instance.get("description", ""),
            "disks": {
                str(index): _disk(disk, index, around.disks.get(disk.get("source", ""), {}))
                for index, disk in enumerate(instance.get("disks", []))
            },
            "guest-attributes": {space: dict(values) for space, values in around.guest_attributes.items()},
            "hostname": instance.get("hostname") or f"{instance['name']}.{zone}.c.{project_id}.internal",
            "id": int(instance["id"]),
            "image": _image(instance, around.disks),
            "licenses": _numbered([{"id": each} for each in license_ids(instance, around.disks)]),
            "machine-type": f"projects/{project_number}/machineTypes/{last(instance['machineType'])}",
            "maintenance-event": "NONE",
            "name": instance["name"],
            "network-interfaces": {
                str(index): _interface(nic, around, around.forwarded if index == 0 else ())
                for index, nic in enumerate(instance.get("networkInterfaces", []))
            },
            "partner-attributes": {},
            "preempted": "FALSE",
            "remaining-cpu-time": -1,
            "scheduling": _scheduling(instance.get("scheduling", {})),
            "service-accounts": service_accounts(instance),
            "tags": tuple(instance.get("tags", {}).get("items", [])),
            "virtual-clock": {"drift-token": "0"},
            "zone": f"projects/{project_number}/zones/{zone}",
        },
        "oslogin": {"authenticate": {"sessions": {}}},
        "project": {
            "attributes": attributes(around.project.get("commonInstanceMetadata", {})),
            "numeric-project-id": int(project_number),
            "project-id": project_id,
        },
        "universe": {"universe-domain": "googleapis.com"},
    }


def attributes(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return a metadata resource's items by key."""
    return {item["key"]: item.get("value", "") for item in metadata.get("items", [])}


def project_of(instance: Document) -> str:
    """Return the id of the project that an instance is in, from its own link."""
    parts = str(instance["selfLink"]).split("/")
    return parts[parts.index("projects") + 1]


def service_accounts(instance: Document) -> dict[str, dict[str, Any]]:
    """Return the accounts by email, and the first one as `default` too."""
    found: dict[str, dict[str, Any]] = {}
    for index, account in enumerate(instance.get("serviceAccounts", [])):
        entry = {
            "aliases": ["default"] if index == 0 else [],
            "email": account["email"],
            "scopes": list(account.get("scopes", [])),
        }
        found[account["email"]] = entry
        if index == 0:
            found["default"] = entry
    return found


def license_ids(instance: Document, disks: Mapping[str, Document]) -> list[str]:
    """Return the numbers of the licenses that an instance's disks carry, each once, in the disks' order."""
    codes = [
        str(code)
        for disk in instance.get("disks", [])
        for code in disks.get(disk.get("source", ""), {}).get("licenseCodes", [])
    ]
    return list(dict.fromkeys(codes))


def _numbered(items: Sequence[Any]) -> dict[str, Any]:
    return {str(index): item for index, item in enumerate(items)}


def _disk(attached: Mapping[str, Any], index: int, disk: Document) -> dict[str, Any]:
    persistent = _DISK_TYPES.get(last(disk.get("type", "")), "PERSISTENT")
    return {
        "device-name": attached.get("deviceName", f"persistent-disk-{index}"),
        "index": attached.get("index", index),
        "interface": attached.get("interface", "SCSI"),
        "mode": attached.get("mode", "READ_WRITE"),
        "type": "LOCAL-SSD" if attached.get("type") == "SCRATCH" else persistent,
    }


def _image(instance: Document, disks: Mapping[str, Document]) -> str:
    """Return what the boot disk was made from, as ``projects/...``; empty for a disk that was made from nothing."""
    for disk in instance.get("disks", []):
        if disk.get("boot"):
            image = str(disks.get(disk.get("source", ""), {}).get("sourceImage", ""))
            return image.partition("/compute/v1/")[2] or image
    return ""


def _interface(nic: Mapping[str, Any], around: Surroundings, forwarded: Sequence[str]) -> dict[str, Any]:
    address = nic.get("networkIP", "")
    packed = ipaddress.IPv4Address(address).packed if address else bytes(4)
    return {
        "access-configs": {
            str(index): {"external-ip": access.get("natIP", ""), "type": access.get("type", "ONE_TO_ONE_NAT")}
            for index, access in enumerate(nic.get("accessConfigs", []))
        },
        "dns-servers": ["169.254.169.254"],
        "forwarded-ips": _numbered([each for each in forwarded if ":" not in each]),
        "gateway": around.gateway,
        "ip": address,
        "ip-aliases": _numbered([entry["ipCidrRange"] for entry in nic.get("aliasIpRanges", [])]),
        "mac": "42:01:" + ":".join(f"{byte:02x}" for byte in packed),
        "mtu": around.mtu,
        "network": f"projects/{around.project_number}/networks/{last(nic.get('network', ''))}",
        "subnetmask": around.subnet_mask,
        "target-instance-ips": {},
        **_ipv6(nic, forwarded),
    }


def _ipv6(nic: Mapping[str, Any], forwarded: Sequence[str]) -> dict[str, Any]:
    """Return what the interface of a dual-stack instance has beside; others have none of it."""
    configs = nic.get("ipv6AccessConfigs") or [{}]
    address = nic.get("ipv6Address") or configs[0].get("externalIpv6")
    if not address:
        return {}
    return {"forwarded-ipv6s": _numbered([each for each in forwarded if ":" in each]), "ipv6s": address}


def _scheduling(scheduling: Mapping[str, Any]) -> dict[str, str]:
    return {
        "automatic-restart": str(scheduling.get("automaticRestart", True)).upper(),
        "on-host-maintenance": scheduling.get("onHostMaintenance", "MIGRATE"),
        "preemptible": str(scheduling.get("preemptible", False)).upper(),
    }
