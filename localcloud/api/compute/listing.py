"""Pages of resources: filtered, ordered and cut as Compute's lists are."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.filters import compile_filter
from localcloud.api.compute.versions import for_version
from localcloud.api.links import link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.api.call import Call
    from localcloud.store import Document

_PAGE = 500


def listed(
    call: Call, documents: Iterable[Document], *, kind: str, self_link: str, items: str = "items"
) -> dict[str, Any]:
    """Return the page that the query asks for (filter, orderBy, maxResults, pageToken)."""
    page, token = paged(call, documents)
    result: dict[str, Any] = {"kind": kind, "id": self_link.partition("/v1/")[2], "selfLink": self_link}
    if page:
        result[items] = page
    if token:
        result["nextPageToken"] = token
    return result


def paged(call: Call, documents: Iterable[Document]) -> tuple[list[Document], str]:
    """Return the documents of the page asked for, and the token of the next or an empty string."""
    query = call.query
    expression = query.get("filter")
    chosen = list(documents)
    if expression:
        matches = compile_filter(expression)
        chosen = [document for document in chosen if matches(document)]
    order = query.get("orderBy") or "name"
    if order == "creationTimestamp desc":
        chosen.sort(
            key=lambda document: (document.get("creationTimestamp", ""), document["name"]), reverse=True
        )
    elif order != "name":
        raise errors.invalid("orderBy", order, "Must be 'name' or 'creationTimestamp desc'.")
    start, end, token = page_of(call, len(chosen))
    return chosen[start:end], token


def page_of(call: Call, total: int) -> tuple[int, int, str]:
    """Return where the page asked for begins and ends in a list of so many, and the token of the next or an empty string."""
    start = _offset(call.query.get("pageToken"))
    end = start + _limit(call)
    token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < total else ""
    return start, end, token


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        offset = int(base64.urlsafe_b64decode(token.encode()).decode())
    except (ValueError, UnicodeError):
        offset = -1
    if offset < 0:
        raise errors.invalid("pageToken", token, "The page token is not one that this API gave.")
    return offset


def aggregated(call: Call, segment: str, kind: str, schema: str) -> dict[str, Any]:
    """Return a project's resources by location; a location without any carries Google's warning."""
    found: list[tuple[str, Document]] = []
    for key, stored in call.cloud.store.scan(f"compute/projects/{call.path['project']}/"):
        parts = key.split("/")
        if parts[-2] == segment:
            found.append(("/".join(parts[3:-2]), for_version(stored, schema, call.method.api.version)))
    return aggregated_of(call, found, segment, kind)


def aggregated_of(
    call: Call, found: Iterable[tuple[str, Document]], segment: str, kind: str
) -> dict[str, Any]:
    """Return documents by their location (``global``, ``regions/R``, ``zones/Z``), a page of them as the query asks."""
    page, token = _paged_members(call, found)
    scopes = ["global", *(f"regions/{name}" for name in call.cloud.settings.regions)]
    scopes += [f"zones/{name}" for name in call.cloud.settings.zones]
    by_scope: dict[str, list[Document]] = {}
    for scope, document in page:
        by_scope.setdefault(scope, []).append(document)
    items: dict[str, Any] = {}
    for scope in scopes:
        if scope in by_scope:
            items[scope] = {segment: by_scope[scope]}
        elif not call.query.get("returnPartialSuccess"):
            items[scope] = {"warning": _nothing_here(scope)}
    self_link = link(f"projects/{call.path['project']}/aggregated/{segment}")
    result: dict[str, Any] = {
        "kind": kind,
        "id": self_link.partition("/v1/")[2],
        "items": items,
        "selfLink": self_link,
    }
    if token:
        result["nextPageToken"] = token
    return result


def _paged_members(
    call: Call, found: Iterable[tuple[str, Document]]
) -> tuple[list[tuple[str, Document]], str]:
    matches = compile_filter(call.query["filter"]) if call.query.get("filter") else None
    chosen = [member for member in found if matches is None or matches(member[1])]
    start = _offset(call.query.get("pageToken"))
    end = start + _limit(call)
    token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(chosen) else ""
    return chosen[start:end], token


def _limit(call: Call) -> int:
    limit = call.query.get("maxResults")
    if limit is not None and not 0 <= limit <= _PAGE:
        raise errors.invalid("maxResults", str(limit), f"Values must be within the range: [0, {_PAGE}]")
    return limit or _PAGE


def _nothing_here(scope: str) -> dict[str, Any]:
    return {
        "code": "NO_RESULTS_ON_PAGE",
        "message": f"There are no results for scope '{scope}' on this page.",
        "data": [{"key": "scope", "value": scope}],
    }
