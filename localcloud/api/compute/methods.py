"""The methods that every compute collection has in common: insert, get, list, patch, update, delete, setLabels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.collection import Collection
from localcloud.api.compute.draft import Draft, fingerprint, merged, pruned, tidy
from localcloud.api.compute.listing import aggregated
from localcloud.api.compute.references import find, resolve_all, user_of
from localcloud.api.compute.request_ids import repeated
from localcloud.api.compute.stored_list import StoredList
from localcloud.api.compute.versions import for_version
from localcloud.api.effective import tell_unheeded
from localcloud.api.effects import tell
from localcloud.api.links import link
from localcloud.api.unsupported import unsupported

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.cloud import Cloud
    from localcloud.api.operations import Until
    from localcloud.store import Document

Collections = Mapping[tuple[str, str], Collection]  # by (scope, segment)


class CollectionMethods:
    """One collection's methods; `every` is all collections, for who-uses-whom."""

    def __init__(self, collection: Collection, every: Collections) -> None:
        self.collection = collection
        self._every = every
        self._stored = StoredList(collection.schema)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        prefix = f"compute.{self.collection.resource}"
        table: dict[str, Handler] = {
            f"{prefix}.insert": self.insert,
            f"{prefix}.get": self.get,
            f"{prefix}.list": self.list,
            f"{prefix}.patch": self.patch,
            f"{prefix}.update": self.update,
            f"{prefix}.delete": self.delete,
            f"{prefix}.setLabels": self.set_labels,
        }
        if self.collection.scope != "regions" or not self.collection.resource.startswith("region"):
            table[f"{prefix}.aggregatedList"] = self.aggregated_list
        return table

    def insert(self, call: Call) -> Result:
        """Create a resource. 409 where there is one of its name."""
        repeat = repeated(call)
        if repeat is not None:
            return repeat
        name = call.body.get("name")
        if not name:
            raise errors.required("resource.name")
        draft = self._draft(call, self._relname(call, name), dict(call.body))
        if call.cloud.store.get(f"compute/{draft.relname}") is not None:
            raise errors.already_exists(draft.relname)
        return self.create(call, draft)

    def create(self, call: Call, draft: Draft, *, kind: str = "insert") -> Result:
        """Finish a new document and write it."""
        resolve_all(draft)
        self.collection.complete(draft)
        stamp(draft)
        call.cloud.quotas.check(f"compute/{draft.relname}", draft.document)
        return commit(call, draft, kind)

    def get(self, call: Call) -> Result:
        """Return one resource, by name or numeric id."""
        return for_version(self._existing(call)[1], self.collection.schema, call.method.api.version)

    def list(self, call: Call) -> Result:
        """Return a page of a location's resources."""
        prefix = self._relname(call, "")
        return self._stored.answer(
            call,
            f"compute/{prefix}",
            kind=f"{self.collection.kind}List",
            self_link=link(prefix.rstrip("/")),
        )

    def aggregated_list(self, call: Call) -> Result:
        """Return the project's resources of this kind, by location."""
        return aggregated(
            call, self.collection.segment, f"{self.collection.kind}AggregatedList", self.collection.schema
        )

    def patch(self, call: Call) -> Result:
        """Merge the body into the resource."""
        return self.change(call, "patch", lambda old: merged(old, call.body))

    def update(self, call: Call) -> Result:
        """Replace the resource by the body, save what the server fills."""
        kept = self._server_fields(call)
        return self.change(
            call, "update", lambda old: {**{k: v for k, v in old.items() if k in kept}, **call.body}
        )

    def _server_fields(self, call: Call) -> frozenset[str]:
        properties = call.method.api.schema(self.collection.schema)["properties"]
        read_only = {name for name, child in properties.items() if child.get("readOnly")}
        return frozenset(read_only | self.collection.filled | {"name"})

    def change(self, call: Call, kind: str, apply: Callable[[dict[str, Any]], dict[str, Any]]) -> Result:
        """Make a new document of the old one, check it as a whole, and write it."""
        repeat = repeated(call)
        if repeat is not None:
            return repeat
        relname, old = self._existing(call)
        self._check_fingerprint(call, old)
        document = apply(dict(old))  # shares its parts with the store's until `pruned` has copied them
        document["name"] = (
            call.body.get("name") or old["name"]
        )  # null takes nothing away: every resource has a name
        draft = self._draft(call, relname, pruned(document), old)
        resolve_all(draft)
        self.collection.complete(draft)
        for name in (*self.collection.immutable, "name"):
            if draft.changed(name):
                raise draft.refuse(name, "The field is immutable: delete the resource and create it anew.")
        stamp(draft)
        return commit(call, draft, kind)

    def _check_fingerprint(self, call: Call, old: Document) -> None:
        rule = self.collection.fingerprint
        given = call.body.get("fingerprint")
        if rule == "none":
            return
        if not given:
            if rule == "required" and call.method.http == "PUT":
                raise errors.required("resource.fingerprint")
            return
        if given != old["fingerprint"]:
            raise errors.stale_fingerprint()

    def delete(self, call: Call) -> Result:
        """Delete a resource that nothing else holds."""
        repeat = repeated(call)
        if repeat is not None:
            return repeat
        relname, old = self._existing(call)
        self.refuse_if_used(call.cloud, relname)
        draft = self._draft(call, relname, dict(old), old)
        self.collection.removed(draft)
        draft.writes[f"compute/{relname}"] = None
        return commit(call, draft, "delete")

    def refuse_if_used(self, cloud: Cloud, relname: str) -> None:
        """Raise Google's refusal where another resource refers to this one."""
        user = user_of(cloud.store, self._every, cloud.settings.project, relname)
        if user is not None:
            raise errors.in_use(self.collection.noun, relname, user)

    def set_labels(self, call: Call) -> Result:
        """Replace the labels."""
        repeat = repeated(call)
        if repeat is not None:
            return repeat
        relname, old = self._existing(call)
        given = call.body.get("labelFingerprint")
        if given and given != old.get("labelFingerprint"):
            raise errors.stale_fingerprint("labels")
        document = {**old, "labels": call.body.get("labels", {})}
        draft = self._draft(call, relname, pruned(document), old)
        stamp(draft)
        return commit(call, draft, "setLabels")

    def existing(self, call: Call) -> Draft:
        """Return the resource that the path names, as a draft to be changed by one of its own methods."""
        relname, old = self._existing(call)
        return self._draft(call, relname, copy.deepcopy(dict(old)), old)

    def _existing(self, call: Call) -> tuple[str, Document]:
        parameter = self.collection.parameter
        name = (
            call.path.get(parameter)
            or call.path.get("resource")
            or call.query.get(parameter)
            or call.body.get("name")
        )
        if not name:
            raise errors.required(parameter)
        wanted = self._relname(call, name)
        relname = find(call.cloud.store, wanted)
        document = None if relname is None else call.cloud.store.get(f"compute/{relname}")
        if relname is None or document is None:
            raise errors.not_found(wanted)
        return relname, document

    def _relname(self, call: Call, name: str) -> str:
        return self.collection.relname(call.path["project"], location_of(call), name)

    def _draft(
        self, call: Call, relname: str, document: dict[str, Any], old: Document | None = None
    ) -> Draft:
        return Draft(
            cloud=call.cloud,
            collection=self.collection,
            project=call.path["project"],
            location=location_of(call),
            relname=relname,
            document=document,
            old=old,
        )


def location_of(call: Call) -> str:
    """Return the region or zone of the path, or an empty string."""
    return call.path.get("region") or call.path.get("zone") or ""


def stamp(draft: Draft) -> None:
    """Fill what every resource carries; fingerprints follow the content."""
    collection, document = draft.collection, draft.document
    old = draft.old or {}
    document["kind"] = collection.kind
    document["id"] = old.get("id") or document.get("id") or draft.cloud.new_id()
    document["creationTimestamp"] = old.get("creationTimestamp") or draft.cloud.timestamp()
    document["selfLink"] = link(draft.relname)
    if draft.location:
        place = "zone" if collection.scope == "zones" else "region"
        document[place] = link(f"projects/{draft.project}/{collection.scope}/{draft.location}")
    if "labels" in document or "labelFingerprint" in document or collection.segment in _LABELLED:
        document["labelFingerprint"] = fingerprint(document.get("labels", {}))
    draft.document = document if tidy(document) else pruned(document)
    if collection.fingerprint != "none":
        volatile = {"fingerprint", "status", "currentActions"}
        content = {key: value for key, value in draft.document.items() if key not in volatile}
        draft.document["fingerprint"] = fingerprint(content)


_LABELLED = frozenset({"addresses", "forwardingRules"})


def commit(
    call: Call,
    draft: Draft,
    kind: str,
    *,
    until: Sequence[Until] = (),
    ignored: Iterable[tuple[str, str]] = (),
) -> Document:
    """Write the draft, what goes with it and the operation together; returns the operation.

    `until`: when it is done; `ignored`: parameters that have no effect here, each with what happens instead, to be told.
    """
    key = f"compute/{draft.relname}"
    with call.cloud.store.transaction() as tx:
        if key not in draft.writes and draft.document != draft.old:
            tx.put(key, draft.document)
        for other, document in draft.writes.items():
            if document is None:
                tx.delete(other)
            else:
                tx.put(other, document)
        if kind != "delete":
            tell(
                call.cloud, tx, draft.collection.schema, draft.relname, document=draft.document, old=draft.old
            )
        if call.method.request is not None:
            tell_unheeded(call.cloud, tx, call.method.request, draft.relname, body=call.body, old=draft.old)
        for parameter, consequence in ignored:
            unsupported(call.cloud, tx, draft.relname, parameter, consequence)
        return call.cloud.operations.begin(
            tx,
            kind=kind,
            target=draft.relname,
            target_id=draft.document["id"],
            user=call.principal.email if call.principal else "",
            until=until,
            request_id=call.identify(),
            request=call.fingerprint,
        )
