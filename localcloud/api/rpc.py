"""What Google's newer APIs have in common: the project in the path, update masks, pages, their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def page(call: Call, found: list[Document], field: str, *, largest: int, size: int) -> dict[str, Any]:
    """Return one page of a list under `field`. Filters and orders are refused: none of them is evaluated here."""
    for name in ("filter", "orderBy"):
        if call.query.get(name):
            raise bad_request(
                f"{name} '{call.query[name]}' is not evaluated by the local cloud: leave it out."
            )
    token = str(call.query.get("pageToken") or "0")
    if not token.isdigit():
        raise bad_request(f"Invalid page token '{token}'.")
    start = int(token)
    end = start + min(int(call.query.get("pageSize") or size), largest)
    result: dict[str, Any] = {field: found[start:end]} if found[start:end] else {}
    return {**result, "nextPageToken": str(end)} if end < len(found) else result
