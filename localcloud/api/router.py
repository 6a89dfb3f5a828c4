"""Finds the method that a request means: one table per mounted path prefix, made at start-up from the discovery documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from localcloud.discovery.document import Method

if TYPE_CHECKING:
    from collections.abc import Iterable

_MATCHES_KEPT = 1024


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    methods: dict[tuple[str, str], Method] = field(default_factory=dict)  # (HTTP verb, verb after the colon)


@dataclass(frozen=True, slots=True)
class Match:
    """A method with the values of its path's parameters, in the path's order."""

    method: Method
    values: tuple[str, ...]


class Router:
    """One mounted prefix. `verbs`: a colon in the last segment separates a custom verb (``projects/p:getIamPolicy``)."""

    def __init__(self, methods: Iterable[Method], *, verbs: bool) -> None:
        self._root = _Node()
        self._verbs = verbs
        self._known = lru_cache(_MATCHES_KEPT)(
            self._match
        )  # clients ask for the same few paths again and again
        for method in methods:
            node = self._root
            for segment in method.segments:
                if segment.startswith("{"):
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literals.setdefault(segment, _Node())
            node.methods[method.http, method.verb] = method

    def match(self, http: str, segments: tuple[str, ...]) -> Match | None:
        """Return the method for these decoded path segments, or None where the API has none."""
        return self._known(http, segments)

    def _match(self, http: str, segments: tuple[str, ...]) -> Match | None:
        verb = ""
        if self._verbs and ":" in segments[-1]:
            head, _, verb = segments[-1].rpartition(":")
            segments = (*segments[:-1], head)
        return _find(self._root, segments, 0, (http, verb), ())


def _find(
    node: _Node, segments: tuple[str, ...], at: int, wanted: tuple[str, str], values: tuple[str, ...]
) -> Match | None:
    if at == len(segments):
        method = node.methods.get(wanted)
        return None if method is None else Match(method, values)
    child = node.literals.get(segments[at])
    if child is not None:
        found = _find(child, segments, at + 1, wanted, values)
        if found is not None:
            return found
    if node.parameter is not None and segments[at]:
        return _find(node.parameter, segments, at + 1, wanted, (*values, segments[at]))
    return None
