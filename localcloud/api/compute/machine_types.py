"""Machine types that instances may have, as Google sizes them: name -> virtual CPUs and memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class MachineType:
    """`vcpus` as the guest sees them; `memory_mib`; `shared`: it gets only a part of its CPUs' time."""

    name: str
    vcpus: int
    memory_mib: int
    shared: bool = False


_CUSTOM = re.compile(r"(?:(?:e2|n1|n2|n2d|n4)-)?custom-([0-9]{1,3})-([0-9]{3,7})(?:-ext)?")
_SHARED = (
    MachineType("f1-micro", 1, 614, shared=True),
    MachineType("g1-small", 1, 1740, shared=True),
    MachineType("e2-micro", 2, 1024, shared=True),
    MachineType("e2-small", 2, 2048, shared=True),
    MachineType("e2-medium", 2, 4096, shared=True),
)
# Family -> sizes, and MiB of memory per CPU of standard, highmem and highcpu.
_FAMILIES: dict[str, tuple[tuple[int, ...], tuple[int, int, int]]] = {
    "e2": ((2, 4, 8, 16, 32), (4096, 8192, 1024)),
    "n1": ((1, 2, 4, 8, 16, 32, 64, 96), (3840, 6656, 922)),
    "n2": ((2, 4, 8, 16, 32, 48, 64, 80, 96, 128), (4096, 8192, 1024)),
    "n2d": ((2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224), (4096, 8192, 1024)),
    "c2": ((4, 8, 16, 30, 60), (4096, 0, 0)),
    "c3": ((4, 8, 22, 44, 88, 176), (4096, 8192, 2048)),
    "t2d": ((1, 2, 4, 8, 16, 32, 48, 60), (4096, 0, 0)),
    "n4": ((2, 4, 8, 16, 32, 48, 64, 80), (4096, 8192, 2048)),
}


@cache
def machine_types() -> dict[str, MachineType]:
    """Return every machine type by name."""
    found = {kind.name: kind for kind in _SHARED}
    for family, (sizes, memory) in _FAMILIES.items():
        for shape, per_cpu in zip(("standard", "highmem", "highcpu"), memory, strict=True):
            for size in sizes if per_cpu else ():
                name = f"{family}-{shape}-{size}"
                found[name] = MachineType(name, size, size * per_cpu)
    return found


def machine_type(name: str) -> MachineType | None:
    """Return the machine type of this name (``e2-small``, ``n2-custom-4-8192``), or None if there is none."""
    found = machine_types().get(name)
    custom = _CUSTOM.fullmatch(name)
    if found is None and custom is not None and 1 <= int(custom[1]) <= 224 and int(custom[2]) % 256 == 0:
        return MachineType(name, int(custom[1]), int(custom[2]))
    return found
