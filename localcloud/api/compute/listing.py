"""Pages of resources: filtered, ordered and cut as Compute's lists are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from localcloud.api import errors
from localcloud.api.compute.filters import compile_filter
from localcloud.api.compute.unreachable import unreachable_scopes, warning_of
from localcloud.api.compute.versions import for_version
from localcloud.api.links import link
from localcloud.api.page_tokens import BadTokenError, start_of, token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from localcloud.api.call import Call
    from localcloud.store import Document

_PAGE = 500
_NEWEST_FIRST = "creationTimestamp desc"
_Entry = TypeVar("_Entry")


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
    return cut(call, chosen(call, documents))


def cut(call: Call, found: list[_Entry]) -> tuple[list[_Entry], str]:
    """Return the part of a list that is the page asked for, and the token of the next or an empty string."""
    start, end, token = page_of(call, len(found))
    return found[start:end], token


def chosen(call: Call, documents: Iterable[Document], *, time: str = "creationTimestamp") -> list[Document]:
    """Return the documents that pass the filter, in the order asked for: by name unless said. `time` is the field of their age."""
    found = _matching(call, documents, lambda document: document)
    if not _newest_first(call):
        return sorted(found, key=_name)
    return sorted(found, key=lambda document: (str(document.get(time, "")), _name(document)), reverse=True)


def _matching(
    call: Call, entries: Iterable[_Entry], document_of: Callable[[_Entry], Document]
) -> list[_Entry]:
    if not call.query.get("filter"):
        return list(entries)
    matches = compile_filter(call.query["filter"])
    return [entry for entry in entries if matches(document_of(entry))]


def _newest_first(call: Call) -> bool:
    """Tell which of the two orders is asked for; refuses every other."""
    order = call.query.get("orderBy") or "name"
    if order not in ("name", _NEWEST_FIRST):
        raise errors.invalid("orderBy", order, f"Must be 'name' or '{_NEWEST_FIRST}'.")
    return bool(order == _NEWEST_FIRST)


def _name(document: Document) -> str:
    return str(document.get("name", ""))


def page_of(call: Call, total: int) -> tuple[int, int, str]:
    """Return where the page asked for begins and ends in a list of so many, and the token of the next or an empty string."""
    try:
        start = start_of(call)
    except BadTokenError as error:
        raise errors.invalid("pageToken", str(call.query["pageToken"]), str(error)) from error
    end = start + _limit(call)
    return start, end, token_of(call, end, total)


def _limit(call: Call) -> int:
    limit = call.query.get("maxResults")
    if limit is not None and not 0 <= limit <= _PAGE:
        raise errors.invalid("maxResults", str(limit), f"Values must be within the range: [0, {_PAGE}]")
    return limit or _PAGE


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
    unreachable = unreachable_scopes(call, segment)
    reachable = [member for member in found if member[0] not in unreachable]
    matching = _matching(call, reachable, lambda member: member[1])
    if _newest_first(call):
        matching.sort(
            key=lambda member: (member[1].get("creationTimestamp", ""), member[1]["name"]), reverse=True
        )
    page, token = cut(call, matching)
    scopes = ["global", *(f"regions/{name}" for name in call.cloud.settings.regions)]
    scopes += [f"zones/{name}" for name in call.cloud.settings.zones]
    by_scope: dict[str, list[Document]] = {}
    for scope, document in page:
        by_scope.setdefault(scope, []).append(document)
    items: dict[str, Any] = {}
    for scope in scopes:
        if scope in by_scope:
            items[scope] = {segment: by_scope[scope]}
        elif scope in unreachable:
            items[scope] = {"warning": warning_of(scope)}
        elif not call.query.get("returnPartialSuccess"):
            items[scope] = {"warning": _nothing_here(scope)}
    self_link = link(f"projects/{call.path['project']}/aggregated/{segment}")
    result: dict[str, Any] = {
        "kind": kind,
        "id": self_link.partition("/v1/")[2],
        "items": items,
        "selfLink": self_link,
    }
    if unreachable:
        result["unreachables"] = sorted(unreachable)
    if token:
        result["nextPageToken"] = token
    return result


def _nothing_here(scope: str) -> dict[str, Any]:
    return {
        "code": "NO_RESULTS_ON_PAGE",
        "message": f"There are no results for scope '{scope}' on this page.",
        "data": [{"key": "scope", "value": scope}],
    }
