"""Disks: made and deleted with instances by the controllers; those that outlive them are read and deleted here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.collection import Collection
from localcloud.api.compute.methods import CollectionMethods

if TYPE_CHECKING:
    from localcloud.api.call import Handler
    from localcloud.api.compute.draft import Draft


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
    removed=_removed,
)


class DiskMethods(CollectionMethods):
    """Methods of disks. There is no insert: a disk is of use only to an instance that is made with it."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        table = super().handlers()
        names = [f"compute.disks.{verb}" for verb in ("get", "list", "aggregatedList", "delete")]
        return {name: table[name] for name in names}
