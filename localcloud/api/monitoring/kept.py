"""What Monitoring's resources have in common: each kind is kept under its project, written with a line in the story, read and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.api.effects import tell

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_LARGEST_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One kind of resource: its `collection` in paths (``alertPolicies``), its `schema`, and what is said where there is none.

    `counted`: its list says how many there are in all.
    """

    collection: str
    schema: str
    missing: str
    counted: bool = True

    def key(self, call: Call, name: str) -> str:
        """Return the store key of one, by the last segment of its name; with an empty one, of all."""
        return f"monitoring/projects/{rpc.project(call)}/{self.collection}/{name}"

    def existing(self, call: Call) -> tuple[str, Document]:
        """Return the key and the document that the path names; 404 where there is none."""
        name = call.path[f"{self.collection}Id"]
        place = self.key(call, name)
        found = call.cloud.store.get(place) if "/" not in name else None
        if found is None:
            raise rpc.not_found(self.missing.format(place.removeprefix("monitoring/")))
        return place, found

    def write(self, call: Call, place: str, document: dict[str, Any]) -> Result:
        """Keep a document, telling what of it has no effect; returns it."""
        old, name = call.cloud.store.get(place), document["name"]
        with call.cloud.store.transaction() as change:
            change.put(place, document)
            tell(call.cloud, change, self.schema, name, document=document, old=old)
        return document

    def get(self, call: Call) -> Result:
        """Return one."""
        return self.existing(call)[1]

    def list(self, call: Call) -> Result:
        """Return a page of all."""
        found = [document for _, document in call.cloud.store.scan(self.key(call, ""))]
        size = _LARGEST_PAGE
        return rpc.page(call, found, self.collection, largest=size, size=size, counted=self.counted)

    def delete(self, call: Call) -> Result:
        """Delete one."""
        place, _ = self.existing(call)
        with call.cloud.store.transaction() as change:
            change.delete(place)
        return {}

    def handlers(self, **own: Handler) -> dict[str, Handler]:
        """Return the handlers by method id: a kind's `own` (``create``, ``patch``), and these where it has none."""
        verbs = {"get": self.get, "list": self.list, "delete": self.delete, **own}
        return {f"monitoring.projects.{self.collection}.{verb}": handler for verb, handler in verbs.items()}
