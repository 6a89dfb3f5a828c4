"""What every cloud has without anyone making it: zones, regions, machine types, and the public images."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.listing import aggregated_of, listed
from localcloud.api.compute.machine_types import MachineType, machine_type, machine_types
from localcloud.api.compute.unreachable import zones_out
from localcloud.api.links import link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.api.call import Call, Handler, Result

_SINCE = "2024-01-01T00:00:00.000+00:00"  # the catalog is as old as the cloud; clients want a date
_IMAGE_DATE = "20250610"
# Public image projects that instances' templates may name; the instances run this machine's own system.
_IMAGES: dict[str, tuple[str, ...]] = {"debian-cloud": ("debian-12", "debian-13", "debian-11")}
_CODE_NAMES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie"}


def _id(name: str) -> str:
    """A number that is the same in every cloud, as a catalog entry's is."""
    return str(2_000_000_000 + zlib.crc32(name.encode()))


def _region(call: Call, name: str) -> dict[str, Any]:
    project = call.path["project"]
    zones = call.cloud.settings.regions[name]
    quotas = call.cloud.quotas.answer(name)
    return {
        **({"quotas": quotas} if quotas else {}),
        "kind": "compute#region",
        "id": _id(name),
        "creationTimestamp": _SINCE,
        "name": name,
        "description": name,
        "status": "UP",
        "zones": [link(f"projects/{project}/zones/{zone}") for zone in zones],
        "selfLink": link(f"projects/{project}/regions/{name}"),
    }


def _zone(call: Call, name: str, out: frozenset[str]) -> dict[str, Any]:
    project = call.path["project"]
    return {
        "kind": "compute#zone",
        "id": _id(name),
        "creationTimestamp": _SINCE,
        "name": name,
        "description": name,
        "status": "DOWN" if name in out else "UP",
        "region": link(f"projects/{project}/regions/{call.cloud.settings.zones[name]}"),
        "selfLink": link(f"projects/{project}/zones/{name}"),
    }


def _machine_type(call: Call, zone: str, kind: MachineType) -> dict[str, Any]:
    project = call.path["project"]
    return {
        "kind": "compute#machineType",
        "id": _id(kind.name),
        "creationTimestamp": _SINCE,
        "name": kind.name,
        "description": f"{kind.vcpus} vCPUs, {kind.memory_mib} MiB RAM",
        "guestCpus": kind.vcpus,
        "memoryMb": kind.memory_mib,
        "isSharedCpu": kind.shared,
        "maximumPersistentDisks": 16 if kind.shared else 128,
        "maximumPersistentDisksSizeGb": "3072" if kind.shared else "263168",
        "zone": zone,
        "selfLink": link(f"projects/{project}/zones/{zone}/machineTypes/{kind.name}"),
    }


def _image(project: str, family: str) -> dict[str, Any]:
    name = f"{family}-{_CODE_NAMES[family]}-v{_IMAGE_DATE}"
    return {
        "kind": "compute#image",
        "id": _id(name),
        "creationTimestamp": _SINCE,
        "name": name,
        "family": family,
        "description": f"Debian, {_CODE_NAMES[family]}: on the local cloud, the system of the machine it runs on",
        "status": "READY",
        "sourceType": "RAW",
        "archiveSizeBytes": "1",
        "diskSizeGb": "10",
        "architecture": "X86_64",
        "labelFingerprint": "42WmSpB8rSM=",  # of no labels
        "selfLink": link(f"projects/{project}/global/images/{name}"),
    }


def _regions(call: Call) -> Result:
    found = [_region(call, name) for name in sorted(call.cloud.settings.regions)]
    return listed(
        call, found, kind="compute#regionList", self_link=link(f"projects/{call.path['project']}/regions")
    )


def _zones(call: Call) -> Result:
    out = zones_out(call)
    found = [_zone(call, name, out) for name in sorted(call.cloud.settings.zones)]
    return listed(
        call, found, kind="compute#zoneList", self_link=link(f"projects/{call.path['project']}/zones")
    )


def _machine_types(call: Call) -> Result:
    zone = call.path["zone"]
    kinds = sorted(machine_types().values(), key=lambda kind: kind.name)
    found = [_machine_type(call, zone, kind) for kind in kinds]
    self_link = link(f"projects/{call.path['project']}/zones/{zone}/machineTypes")
    return listed(call, found, kind="compute#machineTypeList", self_link=self_link)


def _all_machine_types(call: Call) -> Result:
    kinds = sorted(machine_types().values(), key=lambda kind: kind.name)
    found = [
        (f"zones/{zone}", _machine_type(call, zone, kind))
        for zone in sorted(call.cloud.settings.zones)
        for kind in kinds
    ]
    return aggregated_of(call, found, "machineTypes", "compute#machineTypeAggregatedList")


def _get_machine_type(call: Call) -> Result:
    name, zone = call.path["machineType"], call.path["zone"]
    kind = machine_type(name)
    if kind is None:
        raise errors.not_found(f"projects/{call.path['project']}/zones/{zone}/machineTypes/{name}")
    return _machine_type(call, zone, kind)


def _images(call: Call) -> Result:
    project = call.path["project"]
    found: Iterable[dict[str, Any]] = (_image(project, family) for family in _IMAGES.get(project, ()))
    return listed(call, found, kind="compute#imageList", self_link=link(f"projects/{project}/global/images"))


def _get_image(call: Call) -> Result:
    project, name = call.path["project"], call.path["image"]
    for family in _IMAGES.get(project, ()):
        image = _image(project, family)
        if name in (image["name"], image["id"]):
            return image
    raise errors.not_found(f"projects/{project}/global/images/{name}")


def _image_from_family(call: Call) -> Result:
    project, family = call.path["project"], call.path["family"]
    if family not in _IMAGES.get(project, ()):
        raise errors.not_found(f"projects/{project}/global/images/family/{family}")
    return _image(project, family)


def image_projects() -> frozenset[str]:
    """Return the projects that exist only for their images."""
    return frozenset(_IMAGES)


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "compute.regions.list": _regions,
        "compute.regions.get": lambda call: _region(call, call.path["region"]),
        "compute.zones.list": _zones,
        "compute.zones.get": lambda call: _zone(call, call.path["zone"], zones_out(call)),
        "compute.machineTypes.list": _machine_types,
        "compute.machineTypes.aggregatedList": _all_machine_types,
        "compute.machineTypes.get": _get_machine_type,
        "compute.images.list": _images,
        "compute.images.get": _get_image,
        "compute.images.getFromFamily": _image_from_family,
    }
