"""What makes one kind of compute resource different from the others; the methods themselves are the same for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.api.compute.draft import Draft
    from localcloud.discovery.json_value import JsonValue

Scope = Literal["global", "regions", "zones"]
Step: TypeAlias = "Callable[[Draft], None]"  # of a write; a draft knows its collection, so the name is quoted


@dataclass(frozen=True, kw_only=True)
class Link:
    """A field that refers to other resources: `path` dotted, ``[]`` after a list (``versions[].instanceTemplate``).

    `to` are the collections it may point to. `held`: what it points to cannot be deleted while the reference stands.
    `known`: it points to what is in the store; others (images) are only written out in full.
    """

    path: str
    to: tuple[str, ...]
    held: bool = True
    known: bool = True


def _nothing(_draft: Draft) -> None:
    return


@dataclass(frozen=True, kw_only=True)
class Collection:
    """One kind of resource in one scope.

    Attributes:
        resource: its name in the discovery document (``regionHealthChecks``).
        segment: its name in paths (``healthChecks``).
        scope: where it lives.
        parameter: the path parameter that names one (``healthCheck``).
        kind: the value of its documents' ``kind``.
        noun: how Google's messages call it (``health_check``).
        schema: its discovery schema.
        links: its references.
        complete: fills defaults and refuses what does not fit together; runs on insert and on every change.
        removed: what else changes when one is deleted.
        immutable: fields that cannot change; ``name`` never does.
        fingerprint: whether changes carry a fingerprint, and whether they must.
        filled: fields that the server fills and a PUT therefore keeps, beside those that the schema calls read-only.
    """

    resource: str
    segment: str
    scope: Scope
    parameter: str
    kind: str
    noun: str
    schema: str
    links: tuple[Link, ...] = ()
    complete: Step = _nothing
    removed: Step = _nothing
    immutable: frozenset[str] = field(default_factory=frozenset)
    fingerprint: Literal["none", "optional", "required"] = "none"
    filled: frozenset[str] = field(default_factory=frozenset)

    def relname(self, project: str, location: str, name: str) -> str:
        """Return the relative name of one of these; `location` is a region, a zone or empty."""
        scope = "global" if self.scope == "global" else f"{self.scope}/{location}"
        return f"projects/{project}/{scope}/{self.segment}/{name}"


def values_at(document: JsonValue, path: str) -> list[tuple[JsonValue, JsonValue]]:
    """Return (container, key) of every value at a link's path."""
    nodes = [document]
    parents, last, last_many = _way(path)
    for name, many in parents:
        below: list[Any] = []
        for node in nodes:
            if isinstance(node, dict) and name in node:
                if many:
                    below += node[name]
                else:
                    below.append(node[name])
        if not below:
            return below
        nodes = below
    holders = [node for node in nodes if isinstance(node, dict) and last in node]
    if last_many:
        return [(node[last], index) for node in holders for index in range(len(node[last]))]
    return [(node, last) for node in holders]


def names_at(document: JsonValue, path: str) -> list[str]:
    """Return the names, for messages, of the places that `values_at` returns: ``resource.versions[1].instanceTemplate``."""
    found: list[str] = []
    _collect(document, _steps(path), "resource", found)
    return found


_Steps: TypeAlias = tuple[tuple[str, bool], ...]  # names, each with whether a list is there


@cache
def _steps(path: str) -> _Steps:
    return tuple((name.removesuffix("[]"), name.endswith("[]")) for name in path.split("."))


@cache
def _way(path: str) -> tuple[_Steps, str, bool]:
    """Return the steps above a path's last, and that one."""
    *parents, (last, many) = _steps(path)
    return tuple(parents), last, many


def _collect(node: JsonValue, path: _Steps, field_name: str, found: list[str]) -> None:
    (key, many), *rest = path
    if not isinstance(node, dict) or key not in node:
        return
    where = f"{field_name}.{key}"
    if many:
        for index, member in enumerate(node[key]):
            if rest:
                _collect(member, path[1:], f"{where}[{index}]", found)
            else:
                found.append(f"{where}[{index}]")
    elif rest:
        _collect(node[key], path[1:], where, found)
    else:
        found.append(where)
