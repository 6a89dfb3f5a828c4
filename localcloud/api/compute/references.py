"""References between compute resources: written out by name, checked, and asked for when something is to be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link, names_at, values_at
from localcloud.api.links import key_of, link, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document, Store


def resolve_all(draft: Draft) -> None:
    """Replace every reference of the document by its full link by name; refuse what is not there."""
    for spec in draft.collection.links:
        for position, (container, key) in enumerate(values_at(draft.document, spec.path)):
            container[key] = _resolve(draft, spec, container[key], position)


def _resolve(draft: Draft, spec: Link, value: str, position: int) -> str:
    relname = parse(value, draft.project)
    parts = [] if relname is None else relname.split("/")
    if relname is None or parts[-2] not in spec.to:
        kinds = " or ".join(spec.to)
        where = names_at(draft.document, spec.path)[position]
        raise errors.invalid(where, value, f"The URL is malformed: must be a link to one of {kinds}.")
    if not spec.known:
        return link(relname)
    if parts[1] == draft.cloud.settings.project_number:
        relname = "/".join(["projects", draft.project, *parts[2:]])
    found = find(draft.cloud.store, relname)
    if found is None:
        raise errors.not_found(relname)
    return link(found)


def find(store: Store, relname: str) -> str | None:
    """Return the relative name of a resource that is given by name or by numeric id, or None if there is none.

    An instance group stands for the group manager that owns it: it is there when its manager is.
    """
    head, _, name = relname.rpartition("/")
    stored = (
        head.removesuffix("instanceGroups") + "instanceGroupManagers"
        if head.endswith("/instanceGroups")
        else head
    )
    if store.get(f"compute/{stored}/{name}") is not None:
        return relname
    if name.isdigit():
        for key, document in store.scan(f"compute/{stored}/"):
            if document["id"] == name:
                return f"{head}/{key.rpartition('/')[2]}"
    return None


def user_of(
    store: Store, collections: Mapping[tuple[str, str], Collection], project: str, relname: str
) -> str | None:
    """Return the relative name of a resource whose reference keeps this one from being deleted, or None."""
    wanted = {link(relname)}
    if "/instanceGroupManagers/" in relname:
        wanted.add(link(relname.replace("/instanceGroupManagers/", "/instanceGroups/")))
    for key, document in store.scan(f"compute/projects/{project}/"):
        collection = collections.get(scope_and_segment(key))
        if collection is None or key == f"compute/{relname}":
            continue
        if any(target in wanted for target in held(collection, document)):
            return key.removeprefix("compute/")
    return _managed_user(store, relname)


def held(collection: Collection, document: Document) -> Iterator[str]:
    """Yield the links by which this document holds others."""
    for spec in collection.links:
        if spec.held:
            for container, key in values_at(document, spec.path):
                yield container[key]


def _managed_user(store: Store, relname: str) -> str | None:
    """A template stays in use while an instance made from it is left, although its group has moved on to another."""
    for key, record in store.scan("control/managed/"):
        version: Mapping[str, Any] = record.get("version") or {}
        if version.get("instanceTemplate") in (relname, link(relname)):
            return key.removeprefix("control/managed/").rpartition("/")[0]
    return None


def scope_and_segment(key: str) -> tuple[str, str]:
    """Return ("regions", "addresses") of ``compute/projects/P/regions/R/addresses/A``."""
    parts = key.split("/")
    return parts[3], parts[-2]


def referenced(store: Store, reference: str) -> Document | None:
    """Return the document behind a link that has been resolved."""
    return store.get(key_of(reference))
