"""Lists of a bucket's objects: by prefix, between offsets, folded at a delimiter, in pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.api.storage import buckets, errors
from localcloud.api.storage.links import rendered
from localcloud.api.storage.objects import key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_PAGE = 1000
_GLOB = re.compile(r"\*\*/?|\*|\?|\[[^\]]+\]|\{[^{}]*\}")


def _list(call: Call) -> Result:
    bucket, query = call.path["bucket"], call.query
    buckets.existing(call, bucket)
    if query.get("filter"):
        raise errors.invalid(
            f"Invalid filter '{query['filter']}': objects here have no contexts to filter by."
        )
    if query.get("softDeleted"):
        raise errors.invalid("softDeleted is not served by the local cloud: what is deleted is gone.")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    token, limit = query.get("pageToken", ""), min(query.get("maxResults") or _PAGE, _PAGE)
    items: list[dict[str, Any]] = []
    prefixes: list[str] = []
    next_token = ""
    for name, document in _found(call):
        place = f"{name}#{document['generation']}"
        if token and place <= token:
            continue
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        group = name[: cut + len(delimiter)] if cut >= 0 else ""
        # An object that ends with the delimiter, as folders' marks do, may be asked for beside its prefix.
        both = group == name and bool(query.get("includeTrailingDelimiter"))
        known = group in prefixes or (token and group and token.startswith(group))
        if known and not both:
            continue
        if len(items) + len(prefixes) >= limit:
            break
        next_token = place
        if group and not known:
            prefixes.append(group)
        if not group or both:
            items.append(rendered(call, document))
    else:
        next_token = ""
    result: dict[str, Any] = {"kind": "storage#objects"}
    found_all = {"items": items, "prefixes": prefixes, "nextPageToken": next_token}
    return result | {name: value for name, value in found_all.items() if value}


def _found(call: Call) -> Iterator[tuple[str, Document]]:
    """Yield the names and documents that the query is about, in the order of names and generations."""
    bucket, query = call.path["bucket"], call.query
    prefix, base = query.get("prefix", ""), key(bucket, "")
    found = [(name.removeprefix(base), document) for name, document in call.cloud.store.scan(base + prefix)]
    if query.get("versions"):
        old = call.cloud.store.scan(f"storage/noncurrent/{bucket}/{prefix}")
        found += [(document["name"], document) for _, document in old]
        found.sort(key=lambda entry: (entry[0], int(entry[1]["generation"])))
    first, end = query.get("startOffset", ""), query.get("endOffset")
    matches = _glob(query["matchGlob"]) if query.get("matchGlob") else None
    for name, document in found:
        if name >= first and (not end or name < end) and (matches is None or matches(name)):
            yield name, document


def _glob(text: str) -> Callable[[str], bool]:
    """Return what tells whether a name matches: ``*`` and ``?`` stop at slashes, ``**`` does not, ``[a-z]`` and ``{a,b}`` are choices."""
    parts, at = [], 0
    for found in _GLOB.finditer(text):
        parts.append(re.escape(text[at : found.start()]))
        parts.append(_translated(found[0]))
        at = found.end()
    try:
        pattern = re.compile("".join([*parts, re.escape(text[at:])]), re.DOTALL)
    except re.error as error:
        raise errors.invalid(f"Invalid matchGlob '{text[:100]}': {error}.") from error
    return lambda name: pattern.fullmatch(name) is not None


def _translated(wildcard: str) -> str:
    fixed = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if wildcard in fixed:
        return fixed[wildcard]
    inner = wildcard[1:-1]
    if wildcard[0] == "{":
        return f"(?:{'|'.join(map(re.escape, inner.split(',')))})"
    negated = inner[0] in "!^"
    return f"[{'^' if negated else ''}{inner[negated:].replace(chr(92), chr(92) * 2)}]"


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {"storage.objects.list": _list}
