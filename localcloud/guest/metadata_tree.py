"""The metadata of one instance as a tree, made from the store's documents each time it is asked for.

Keys are in kebab-case, as in the server's paths. A leaf is a string, number or list (a tuple: shown as
JSON); a directory is a mapping.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.store import Document

Tree = Mapping[str, Any]


def last(url: str) -> str:
    """Return the last part of a URL or relative name."""
    return url.rpartition("/")[2]


def build(instance: Document, project: Document, *, project_number: str, forwarded: Sequence[str], subnet_mask: str, gateway: str,
          guest_attributes: Mapping[str, Mapping[str, str]]) -> Tree:  # fmt: skip
    """Return everything below ``/computeMetadata/v1/``, but for tokens, which are minted when asked for by name."""
    project_id = project_of(instance)
    zone = last(instance["zone"])
    return {
        "instance": {
            "attributes": attributes(instance.get("metadata", {})),
            "cpu-platform": instance.get("cpuPlatform", "Unknown CPU Platform"),
            "description": instance.get("description", ""),
            "disks": {str(index): _disk(disk, index) for index, disk in enumerate(instance.get("disks", []))},
            "guest-attributes": {space: dict(values) for space, values in guest_attributes.items()},
            "hostname": instance.get("hostname") or f"{instance['name']}.{zone}.c.{project_id}.internal",
            "id": int(instance["id"]),
            "image": _image(instance),
            "legacy-endpoint-access": {"0.1": 0, "v1beta1": 0},
            "licenses": {},
            "machine-type": f"projects/{project_number}/machineTypes/{last(instance['machineType'])}",
            "maintenance-event": "NONE",
            "name": instance["name"],
            "network-interfaces": {
                str(index): _interface(
                    nic, project_number, forwarded if index == 0 else (), subnet_mask, gateway
                )
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
            "attributes": attributes(project.get("commonInstanceMetadata", {})),
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


def _numbered(items: Sequence[str]) -> dict[str, str]:
    return {str(index): item for index, item in enumerate(items)}


def _disk(disk: Mapping[str, Any], index: int) -> dict[str, Any]:
    return {
        "device-name": disk.get("deviceName", f"persistent-disk-{index}"),
        "index": disk.get("index", index),
        "interface": disk.get("interface", "SCSI"),
        "mode": disk.get("mode", "READ_WRITE"),
        "type": "PERSISTENT-BALANCED" if disk.get("type", "PERSISTENT") == "PERSISTENT" else "LOCAL-SSD",
    }


def _image(instance: Document) -> str:
    for disk in instance.get("disks", []):
        image = disk.get("initializeParams", {}).get("sourceImage", "")
        if disk.get("boot") and image:
            return str(image).partition("/compute/v1/")[2] or str(image)
    return ""


def _interface(
    nic: Mapping[str, Any], project_number: str, forwarded: Sequence[str], subnet_mask: str, gateway: str
) -> dict[str, Any]:
    address = nic.get("networkIP", "")
    packed = ipaddress.IPv4Address(address).packed if address else bytes(4)
    return {
        "access-configs": {
            str(index): {"external-ip": access.get("natIP", ""), "type": access.get("type", "ONE_TO_ONE_NAT")}
            for index, access in enumerate(nic.get("accessConfigs", []))
        },
        "dns-servers": {"0": "169.254.169.254"},
        "forwarded-ips": _numbered([each for each in forwarded if ":" not in each]),
        "gateway": gateway,
        "ip": address,
        "ip-aliases": _numbered([entry["ipCidrRange"] for entry in nic.get("aliasIpRanges", [])]),
        "mac": "42:01:" + ":".join(f"{byte:02x}" for byte in packed),
        "mtu": 1460,
        "network": f"projects/{project_number}/networks/{last(nic.get('network', ''))}",
        "subnetmask": subnet_mask,
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
