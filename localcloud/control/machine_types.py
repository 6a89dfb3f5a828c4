"""What a machine type is allotted: vCPUs and memory.

Shared-core types may burst to all the vCPUs that their guests see (two, of f1-micro and g1-small one), but Google's cpu/utilization is
relative to what they are *allotted*, so it may exceed 1.0: an e2-small that burns one whole vCPU reads 2.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHARED = {
    "e2-micro": (0.25, 1024),
    "e2-small": (0.5, 2048),
    "e2-medium": (1.0, 4096),
    "f1-micro": (0.2, 614),
    "g1-small": (0.5, 1740),
}
_BURST = {"f1-micro": 1.0, "g1-small": 1.0}
# MiB per vCPU: by family where it differs, else by shape.
_MEMORY = {"standard": 4096, "highmem": 8192, "highcpu": 2048, "megamem": 14848, "ultramem": 24576}
_LESS = {**_MEMORY, "highcpu": 1024}
_N1 = {"standard": 3840, "highmem": 6656, "highcpu": 922}
_TABLES = {"n1": _N1, "e2": _LESS, "n2": _LESS, "n2d": _LESS}
_SHARED_EXTENDED = re.compile(
    r"^(?:(?P<family>[a-z0-9]+)-)?custom-(?:(?P<shared>micro|small|medium)|(?P<cpus>\d+))-(?P<memory>\d+)(?:-ext)?$"
)
_PREDEFINED = re.compile(r"^(?P<family>[a-z]\d[a-z]?)-(?P<shape>[a-z]+)-(?P<cpus>\d+)(?:-.*)?$")


@dataclass(frozen=True, kw_only=True)
class Allotment:
    """vCPUs (a fraction for shared-core types), what it may use of more while nobody else wants it, and memory in MiB."""

    vcpus: float
    burst_vcpus: float
    memory_mib: int


def allotment(machine_type: str) -> Allotment:
    """Return what a machine type (its bare name) is allotted; ValueError if the name follows none of Google's patterns."""
    if machine_type in _SHARED:
        vcpus, memory = _SHARED[machine_type]
        return Allotment(vcpus=vcpus, burst_vcpus=_BURST.get(machine_type, 2.0), memory_mib=memory)
    if custom := _SHARED_EXTENDED.match(machine_type):
        shared = custom["shared"]
        vcpus = {"micro": 0.25, "small": 0.5, "medium": 1.0}[shared] if shared else float(custom["cpus"])
        return Allotment(vcpus=vcpus, burst_vcpus=2.0 if shared else vcpus, memory_mib=int(custom["memory"]))
    if predefined := _PREDEFINED.match(machine_type):
        cpus = int(predefined["cpus"])
        table = _TABLES.get(predefined["family"], _MEMORY)
        memory = cpus * table.get(predefined["shape"], 4096)
        return Allotment(vcpus=float(cpus), burst_vcpus=float(cpus), memory_mib=memory)
    msg = f"machine type {machine_type!r}: not one of Google's; use for instance e2-small or n2-standard-2"
    raise ValueError(msg)
