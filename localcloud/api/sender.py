"""Whose request this can be: a program's on this machine, or one that a web page, a proxy or a smuggler had a hand in.

A token alone would not tell: a page in the owner's browser, a tunnel somebody left open or a client that was talked into a foreign
name may well carry one. What they cannot do is look like a plain client that speaks to a name of this cloud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from localcloud.api import errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# Said once or not at all: of two, one part of a chain believes the first and another the second.
_SINGLE = frozenset(
    {"host", "authorization", "content-type", "content-length", "origin", "transfer-encoding"}
)
_LARGEST = 64 << 10  # bytes of all names and values together
# The API is on loopback, where there is no proxy; and nobody may say one method or path and mean another.
_NEVER = frozenset({
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-server", "x-real-ip",
    "x-host", "x-original-host", "x-original-url", "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override",
})  # fmt: skip


def check_sender(headers: Iterable[tuple[bytes, bytes]], hosts: Collection[str]) -> dict[str, str]:
    """Return a request's headers by lower-case name, if a plain client of this cloud can have sent them.

    `hosts` are the names, without port, that are answered to; one that begins with a dot stands for every name below it.

    Raises:
        ApiError: a foreign or unreadable name, a web page's origin, a proxy's or an override's header, one that stands twice, or too
            much of them.
    """
    found: dict[str, str] = {}
    size = 0
    for raw, content in headers:
        size += len(raw) + len(content)
        if size > _LARGEST:
            raise errors.headers_too_large(_LARGEST)
        name, value = raw.decode("latin-1").lower(), content.decode("latin-1")
        if name in _NEVER:
            raise errors.header_refused(name, "this API takes requests as they are, from this machine only")
        if name in found and name in _SINGLE:
            raise errors.header_refused(name, "it stands there more than once")
        found[name] = value
    host = found.get("host", "")
    name, colon, port = host.partition(":")
    known = name.lower() in hosts or any(
        name.lower().endswith(domain) for domain in hosts if domain.startswith(".")
    )
    if not known or (colon and not (port.isascii() and port.isdigit())):
        raise errors.foreign_host(host)
    for field in ("origin", "referer"):
        if field in found and _place(found[field]) != host:
            raise errors.foreign_origin(found[field])
    if found.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise errors.foreign_origin(found["sec-fetch-site"])
    return found


def _place(url: str) -> str:
    """Return the host and port of a URL; "" if it has none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""
