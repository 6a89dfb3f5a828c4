"""What Google's newer APIs have in common: the project in the path, update masks, pages, their errors."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from localcloud.api.compute.filters import compile_filter
from localcloud.api.errors import ApiError
from localcloud.api.page_tokens import BadTokenError, start_of, token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from localcloud.api.call import Call
    from localcloud.store import Document


def project(call: Call) -> str:
    """Return the project's id; 403 if the path names another project, by id or by number."""
    given = call.path["projectsId"]
    settings = call.cloud.settings
    if given not in (settings.project, settings.project_number):
        message = f"Permission denied on resource project {given} (or it may not exist)."
        raise ApiError(403, "forbidden", message)
    return settings.project


def bad_request(message: str) -> ApiError:
    """What is wrong with a request's content."""
    return ApiError(400, "badRequest", message)


def precondition(message: str) -> ApiError:
    """Something that cannot be done as things are."""
    return ApiError(400, "failedPrecondition", message, status="FAILED_PRECONDITION")


def not_found(message: str) -> ApiError:
    """What is not there."""
    return ApiError(404, "notFound", message)


def already_exists(message: str) -> ApiError:
    """What is there already."""
    return ApiError(409, "alreadyExists", message)


def stale_etag() -> ApiError:
    """An etag that is not the present one."""
    message = "The etag does not match the current etag: read the resource again and retry."
    return ApiError(409, "aborted", message, status="ABORTED")


def mask(call: Call, changeable: frozenset[str], *, otherwise: Iterable[str] = ()) -> list[str]:
    """Return the top-level fields that an update is about: those of its mask, else `otherwise`; 400 for what never changes."""
    given = str(call.query.get("updateMask") or "")
    names = [_camel(name.strip().partition(".")[0]) for name in given.split(",") if name.strip()]
    chosen = names or list(otherwise)
    for name in chosen:
        if name not in changeable:
            known = ", ".join(sorted(changeable))
            raise bad_request(f"The update mask names '{name}', which cannot be updated: {known} can.")
    if not chosen:
        raise bad_request("The update mask is empty: name the fields to update.")
    return chosen


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def updated(old: Mapping[str, Any], body: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the document with these fields as the body has them; what the body leaves out goes."""
    document = {name: value for name, value in old.items() if name not in set(names)}
    document.update({name: body[name] for name in names if body.get(name) not in (None, {}, [], "")})
    return document


def page(
    call: Call,
    found: list[Document],
    field: str,
    *,
    largest: int,
    size: int,
    aliases: Mapping[str, str] = MappingProxyType({}),
    counted: bool = False,
) -> dict[str, Any]:
    """Return one page of a list under `field`, filtered and ordered as the query asks.

    Args:
        call: what is asked: filter (AIP-160), orderBy (fields joined by commas, ``-`` or `` desc`` for descending), pageSize, pageToken.
        found: the whole list.
        field: the list's name in the answer.
        largest: the most that a page has.
        size: what it has unless said.
        aliases: fields that filters call otherwise than documents do.
        counted: add how many there are on all pages.
    """

    def spelled(name: str) -> str:
        first, dot, rest = name.partition(".")
        return aliases.get(first, _camel(first)) + dot + rest

    if call.query.get("filter"):
        matches = compile_filter(str(call.query["filter"]), spelled)
        found = [document for document in found if matches(document)]
    for term in reversed([term.strip() for term in str(call.query.get("orderBy") or "").split(",")]):
        if term:
            found = _ordered(found, term, spelled)
    return cut(call, found, field, largest=largest, size=size, counted=counted)


def cut(
    call: Call, found: list[Document], field: str, *, largest: int, size: int, counted: bool = False
) -> dict[str, Any]:
    """Return one page of a list as it stands (pageSize, pageToken); see `page`."""
    try:
        start = start_of(call)
    except BadTokenError as error:
        raise bad_request(f"Invalid page token '{call.query['pageToken']}': {error}") from error
    given = int(call.query.get("pageSize") or 0)
    if given < 0:
        raise bad_request(f"Invalid pageSize {given}: must not be negative.")
    end = start + min(given or size, largest)
    result: dict[str, Any] = {field: found[start:end]} if found[start:end] else {}
    if counted:
        result["totalSize"] = len(found)
    token = token_of(call, end, len(found))
    return {**result, "nextPageToken": token} if token else result


def _ordered(found: list[Document], term: str, spelled: Callable[[str], str]) -> list[Document]:
    name, _, direction = term.removeprefix("-").partition(" ")
    if not name or direction.strip() not in ("", "asc", "desc"):
        raise bad_request(
            f"Invalid orderBy term '{term}': must be a field, with '-' before or ' desc' after it."
        )
    path = spelled(name).split(".")

    def value(document: Document) -> str:
        node: Any = document
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        return "" if node is None else str(node)

    return sorted(found, key=value, reverse=term.startswith("-") or direction.strip() == "desc")
