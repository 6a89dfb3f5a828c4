"""Which instances can be suspended and stopped, and what must be said about their local SSDs.

By Google's documentation, "Suspend or resume a Compute Engine instance: Limitations" (at most 208 GB of memory, no GPUs, no bare metal,
of which there is none here) and "Troubleshooting suspend and resume: Invalid VM configurations" (no Confidential VM); E2 is no exception.
`instances.stop` and `.suspend` need `discardLocalSsd` where there is a local SSD, as the discovery document says of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.machine_types import machine_type
from localcloud.api.compute.references import referenced
from localcloud.api.links import last, link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.store import Document, Store

_MOST_MIB = 208 * 1024
LOCAL_SSD_KEPT = "what local SSDs hold is kept: it goes with the instance"


def check_suspendable(store: Store, relname: str, instance: Document) -> None:
    """Refuse to suspend an instance that Google cannot suspend."""
    made_from = {**_template(store, instance), "machineType": last(instance.get("machineType", ""))}
    for reason in hindrances(made_from):
        raise errors.ApiError(
            400, "unsupportedOperation", f"Cannot suspend the instance '{relname}': {reason}."
        )


def hindrances(properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield why instances with a template's properties cannot be suspended."""
    kind = machine_type(properties.get("machineType", ""))
    if kind is not None and kind.memory_mib > _MOST_MIB:
        yield f"machine type {kind.name} has {kind.memory_mib / 1024:g} GB of memory, and at most 208 GB can be suspended"
    if properties.get("guestAccelerators"):
        yield "instances with GPUs cannot be suspended"
    if (properties.get("confidentialInstanceConfig") or {}).get("enableConfidentialCompute"):
        yield "Confidential VM is not supported"


def check_local_ssd(instance: Document, verb: str, query: Mapping[str, Any]) -> None:
    """Refuse to stop or suspend an instance with local SSDs without a word about what they hold."""
    if has_local_ssd(instance) and query.get("discardLocalSsd") is None:
        message = (
            f"The instance '{instance['name']}' has local SSDs attached: to {verb} it, specify whether to discard what they hold "
            "(discardLocalSsd; --discard-local-ssd)."
        )
        raise errors.ApiError(400, "required", message)


def has_local_ssd(instance: Document) -> bool:
    """Tell whether an instance has disks of its host's."""
    return any(disk["type"] == "SCRATCH" for disk in instance.get("disks") or ())


def _template(store: Store, instance: Document) -> Mapping[str, Any]:
    """Return the properties of the template that an instance was made from, which its metadata names."""
    for item in (instance.get("metadata") or {}).get("items") or ():
        if item["key"] == "instance-template":
            found: Mapping[str, Any] = (referenced(store, link(item["value"])) or {}).get("properties", {})
            return found
    return {}
