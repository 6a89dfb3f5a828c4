"""Instance templates, global and regional: what instances are made from. Never changed, only replaced."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.draft import Draft, fingerprint
from localcloud.api.compute.machine_types import machine_type
from localcloud.api.compute.references import referenced

if TYPE_CHECKING:
    from localcloud.store import Document

_METADATA_KEY = re.compile(r"[a-zA-Z0-9-_]{1,128}")
_METADATA_VALUE = 256 * 1024  # bytes
_METADATA_TOTAL = 512 * 1024


def _complete(draft: Draft) -> None:
    draft.require("properties")
    properties = draft.document["properties"]
    _machine_type(draft, properties)
    _disks(draft, properties)
    _interfaces(draft, properties)
    _metadata(properties)
    confidential = properties.get("confidentialInstanceConfig")
    if confidential is not None:
        confidential.setdefault("enableConfidentialCompute", False)
    tags = properties.get("tags")
    if tags is not None:
        tags["fingerprint"] = fingerprint(tags.get("items", []))
    scheduling = properties.setdefault("scheduling", {})
    spot = scheduling.get("preemptible", False) or scheduling.get("provisioningModel") == "SPOT"
    scheduling.setdefault("onHostMaintenance", "TERMINATE" if spot else "MIGRATE")
    scheduling.setdefault("automaticRestart", not spot)
    scheduling.setdefault("preemptible", spot)
    scheduling.setdefault("provisioningModel", "SPOT" if spot else "STANDARD")
    if spot and scheduling["automaticRestart"]:
        raise draft.refuse(
            "properties.scheduling.automaticRestart",
            "Spot and preemptible instances cannot restart automatically.",
        )
    accounts = properties.get("serviceAccounts", [])
    if len(accounts) > 1:
        raise draft.refuse("properties.serviceAccounts", "At most one service account can be specified.")


def _machine_type(draft: Draft, properties: dict[str, Any]) -> None:
    name = properties.get("machineType")
    if not name:
        raise errors.required("resource.properties.machineType")
    if "/" in name:
        rule = "Templates name a machine type without a zone: give for instance 'e2-small'."
        raise draft.refuse("properties.machineType", rule)
    if machine_type(name) is None:
        raise draft.refuse("properties.machineType", f"Machine type with name '{name}' does not exist.")


def _disks(draft: Draft, properties: dict[str, Any]) -> None:
    disks = properties.get("disks")
    if not disks:
        raise errors.required("resource.properties.disks")
    boots = sum(1 for disk in disks if disk.get("boot"))
    if boots != 1:
        raise draft.refuse("properties.disks", f"Exactly one boot disk must be specified, not {boots}.")
    for index, disk in enumerate(disks):
        disk["kind"] = "compute#attachedDisk"
        disk["index"] = index
        disk.setdefault("type", "PERSISTENT")
        disk.setdefault("mode", "READ_WRITE")
        disk.setdefault("deviceName", f"persistent-disk-{index}")
        disk.setdefault("boot", False)
        disk.setdefault("autoDelete", False)
        if disk["boot"] and not (disk.get("initializeParams", {}).get("sourceImage") or disk.get("source")):
            raise errors.required(f"resource.properties.disks[{index}].initializeParams.sourceImage")


def _interfaces(draft: Draft, properties: dict[str, Any]) -> None:
    interfaces = properties.get("networkInterfaces")
    if not interfaces:
        raise errors.required("resource.properties.networkInterfaces")
    if len(interfaces) > 1:
        raise draft.refuse(
            "properties.networkInterfaces", "The local cloud gives an instance one network interface."
        )
    for index, interface in enumerate(interfaces):
        where = f"resource.properties.networkInterfaces[{index}]"
        if interface.get("stackType") == "IPV6_ONLY":
            rule = "The local cloud's instances need IPv4: use IPV4_IPV6 or IPV4_ONLY."
            raise errors.invalid(f"{where}.stackType", "IPV6_ONLY", rule)
        subnetwork = (
            referenced(draft.cloud.store, interface["subnetwork"]) if "subnetwork" in interface else None
        )
        if subnetwork is not None:
            if interface.setdefault("network", subnetwork["network"]) != subnetwork["network"]:
                rule = "The subnetwork is not part of the network."
                raise errors.invalid(f"{where}.subnetwork", interface["subnetwork"], rule)
        elif "network" not in interface:
            raise errors.required(f"{where}.network")
        interface["kind"] = "compute#networkInterface"
        interface.setdefault("name", f"nic{index}")
        for access in interface.get("accessConfigs", []):
            access["kind"] = "compute#accessConfig"
            access.setdefault("type", "ONE_TO_ONE_NAT")
            access.setdefault("name", "External NAT")
            access.setdefault("networkTier", "PREMIUM")
        _ipv6(where, interface, subnetwork)


def _ipv6(where: str, interface: dict[str, Any], subnetwork: Document | None) -> None:
    """Check that what is wanted of IPv6 goes together, and with the subnetwork."""
    configs = interface.get("ipv6AccessConfigs", [])
    dual = interface.get("stackType") == "IPV4_IPV6"
    if configs and not dual:
        rule = "Only a dual-stack interface has them: set stackType to IPV4_IPV6."
        raise errors.invalid(f"{where}.ipv6AccessConfigs", configs, rule)
    if dual and subnetwork is not None and not subnetwork.get("ipv6CidrRange"):
        rule = f"Subnetwork '{subnetwork['name']}' has no IPv6 range: set its stackType to IPV4_IPV6."
        raise errors.invalid(f"{where}.stackType", "IPV4_IPV6", rule)
    if len(configs) > 1:
        raise errors.invalid(f"{where}.ipv6AccessConfigs", configs, "At most one can be specified.")
    for config in configs:
        if config.get("networkTier", "PREMIUM") != "PREMIUM":
            rule = "IPv6 addresses are of the PREMIUM tier."
            raise errors.invalid(f"{where}.ipv6AccessConfigs[0].networkTier", config["networkTier"], rule)
        if subnetwork is not None and subnetwork.get("ipv6AccessType") == "INTERNAL":
            rule = f"The IPv6 range of subnetwork '{subnetwork['name']}' is internal: leave them out."
            raise errors.invalid(f"{where}.ipv6AccessConfigs", configs, rule)


def _metadata(properties: dict[str, Any]) -> None:
    metadata = properties.setdefault("metadata", {})
    metadata["kind"] = "compute#metadata"
    check_metadata(metadata, "resource.properties.metadata")
    metadata["fingerprint"] = fingerprint(metadata.get("items", []))


def check_metadata(metadata: dict[str, Any], where: str) -> None:
    """Refuse metadata with bad or repeated keys, or more than Google keeps."""
    seen = set()
    total = 0
    for index, item in enumerate(metadata.get("items", [])):
        key, value = item.get("key", ""), item.get("value", "")
        if not _METADATA_KEY.fullmatch(key):
            raise errors.invalid(
                f"{where}.items[{index}].key", key, "Must be a match of regex '[a-zA-Z0-9-_]{1,128}'"
            )
        if key in seen:
            raise errors.invalid(f"{where}.items[{index}].key", key, "Metadata has duplicate keys.")
        seen.add(key)
        size = len(value.encode())
        total += len(key) + size
        if size > _METADATA_VALUE or total > _METADATA_TOTAL:
            rule = "A value must be at most 262144 bytes, and all metadata at most 524288."
            raise errors.invalid(f"{where}.items[{index}].value", f"{value[:40]}...", rule)


INSTANCE_TEMPLATES = Collection(
    resource="instanceTemplates",
    segment="instanceTemplates",
    scope="global",
    parameter="instanceTemplate",
    kind="compute#instanceTemplate",
    noun="instance_template",
    schema="InstanceTemplate",
    links=(
        Link(path="properties.networkInterfaces[].network", to=("networks",), held=False),
        Link(path="properties.networkInterfaces[].subnetwork", to=("subnetworks",), held=False),
        Link(path="properties.disks[].initializeParams.sourceImage", to=("images", "family"), known=False),
    ),
    complete=_complete,
)
REGION_INSTANCE_TEMPLATES = replace(INSTANCE_TEMPLATES, resource="regionInstanceTemplates", scope="regions")
