"""Disks: made by hand, or with instances by the controllers; read, resized, labelled and deleted here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.methods import CollectionMethods, commit, stamp
from localcloud.api.compute.request_ids import once
from localcloud.api.links import last, link

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.compute.draft import Draft

_TYPES = (
    "pd-standard",
    "pd-balanced",
    "pd-ssd",
    "pd-extreme",
    "hyperdisk-balanced",
    "hyperdisk-extreme",
    "hyperdisk-throughput",
)
_DEFAULT_GB, _IMAGE_GB, _MOST_GB = 500, 10, 65536
# What a disk might be made from that the local cloud has none of.
_SOURCES = ("sourceDisk", "sourceInstantSnapshot", "sourceSnapshot", "sourceStorageObject")


def _complete(draft: Draft) -> None:
    document = draft.document
    for name in _SOURCES:
        if document.get(name):
            rule = "The local cloud has no snapshots, and a new disk is empty: leave out every source but sourceImage."
            raise draft.refuse(name, rule)
    if document.get("replicaZones"):
        raise draft.refuse("replicaZones", "The local cloud's disks are in one zone each: leave it out.")
    kind = last(document.get("type") or "pd-standard")
    if kind not in _TYPES:
        raise draft.refuse("type", f"Disk type must be one of {', '.join(_TYPES)}.")
    zone = f"projects/{draft.project}/zones/{draft.location}"
    document["type"] = link(f"{zone}/diskTypes/{kind}")
    document["sizeGb"] = _size(draft, document.get("sizeGb"))
    if draft.old is None:
        draft.default("physicalBlockSizeBytes", "4096")
        document["status"] = "READY"


def _size(draft: Draft, given: str | None) -> str:
    least = _IMAGE_GB if draft.get("sourceImage") else 1
    size = int(given) if given else (_IMAGE_GB if draft.get("sourceImage") else _DEFAULT_GB)
    if not least <= size <= _MOST_GB:
        raise draft.refuse("sizeGb", f"Disk size must be between {least} GB and {_MOST_GB} GB.")
    return str(size)


def _removed(draft: Draft) -> None:
    for user in draft.document.get("users", []):
        raise errors.in_use("disk", draft.relname, user.partition("/v1/")[2])


DISKS = Collection(
    resource="disks",
    segment="disks",
    scope="zones",
    parameter="disk",
    kind="compute#disk",
    noun="disk",
    schema="Disk",
    links=(Link(path="sourceImage", to=("images", "family"), known=False),),
    complete=_complete,
    removed=_removed,
)


class DiskMethods(CollectionMethods):
    """Methods of disks. `instances.attachDisk` and per-instance configurations give them to instances."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        table = super().handlers()
        kept = ("insert", "get", "list", "aggregatedList", "delete", "setLabels")
        own: dict[str, Handler] = {f"compute.disks.{verb}": table[f"compute.disks.{verb}"] for verb in kept}
        return {**own, "compute.disks.resize": once(self.resize)}

    def insert(self, call: Call) -> Result:
        """Make an empty disk; an image may be named in the query too, as Google has it."""
        image = call.query.get("sourceImage")
        if image:
            call.body.setdefault("sourceImage", image)
        return super().insert(call)

    def resize(self, call: Call) -> Result:
        """Make a disk larger; the folder that it is has no size of its own."""
        draft = self.existing(call)
        given = call.body.get("sizeGb")
        if not given:
            raise errors.required("sizeGb")
        if int(given) < int(draft.document["sizeGb"]):
            rule = f"Disk size cannot be reduced from {draft.document['sizeGb']} GB."
            raise errors.invalid("sizeGb", given, rule)
        draft.document["sizeGb"] = _size(draft, given)
        stamp(draft)
        return commit(call, draft, "resizeDisk")
