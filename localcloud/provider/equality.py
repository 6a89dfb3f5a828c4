"""When two property values mean the same thing, though they are written differently."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.provider.values import Value

_API = re.compile(r"^https?://[^/]+/(?:compute/)?(?:v1|beta|alpha)/")
_PARAMETERS = re.compile(r"\?.*$")


def relative_link(text: str) -> str:
    """Strip what differs between a full link and a relative one: ``projects/p/global/networks/n`` is left."""
    link = _API.sub("", text)
    at = link.find("projects/")
    return _PARAMETERS.sub("", link[at:] if at > 0 and link[at - 1] == "/" else link)


def last_segment(text: str) -> str:
    """Return the name at the end of a link."""
    return _PARAMETERS.sub("", text).rsplit("/", 1)[-1]


def _links(old: str, new: str) -> bool:
    return relative_link(old) == relative_link(new)


def _links_or_name(old: str, new: str) -> bool:
    if "/" in old and "/" in new:
        return _links(old, new)
    return last_segment(old) == last_segment(new)


def _port_range(old: str, new: str) -> bool:
    def span(text: str) -> tuple[str, str]:
        first, _, last = text.partition("-")
        return first, last or first

    return span(old) == span(new)


def _address(old: str, new: str) -> bool:
    # A rule given an address by name or link is read back with the number itself; a given number is compared as it is.
    number = old.split("/", maxsplit=1)[0]  # an IPv6 rule's address is read back as a range
    return number == new or (
        "/" in new and _is_number(number) and not _is_number(new.split("/", maxsplit=1)[0])
    )


def _is_number(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_SCOPES = "https://www.googleapis.com/auth/"
_SCOPE_ALIASES = {
    "compute-ro": "compute.readonly",
    "compute-rw": "compute",
    "logging-write": "logging.write",
    "monitoring-write": "monitoring.write",
    "service-control": "servicecontrol",
    "service-management": "service.management.readonly",
    "storage-full": "devstorage.full_control",
    "storage-ro": "devstorage.read_only",
    "storage-rw": "devstorage.read_write",
    "trace": "trace.append",
    "userinfo-email": "userinfo.email",
}


def canonical_scope(scope: str) -> str:
    """Return the full form of an OAuth scope's alias (``cloud-platform``)."""
    return scope if "/" in scope else _SCOPES + _SCOPE_ALIASES.get(scope, scope)


def _scope(old: str, new: str) -> bool:
    return canonical_scope(old) == canonical_scope(new)


def _dashboard(old: str, new: str) -> bool:
    """Compare JSON, leaving aside what only Google says at the top: name and etag."""
    try:
        there, wanted = json.loads(old), json.loads(new)
    except ValueError:
        return False
    if not isinstance(there, dict) or not isinstance(wanted, dict):
        return False
    added = {"name", "etag"} - set(wanted)
    return bool(wanted == {key: value for key, value in there.items() if key not in added})


_RULES: dict[str, Callable[[str, str], bool]] = {
    "link": _links,
    "link-or-name": _links_or_name,
    "case": lambda old, new: old.casefold() == new.casefold(),
    "port-range": _port_range,
    "address": _address,
    "scope": _scope,
    "dashboard": _dashboard,
}


def same_text(rule: str, old: str, new: str) -> bool:
    """Compare two strings under a field's rule; no rule is plain equality."""
    if old == new:
        return True
    if rule.startswith("empty:"):
        default = rule.removeprefix("empty:")
        return (old or default) == (new or default)
    compare = _RULES.get(rule)
    return compare is not None and bool(old) and bool(new) and compare(old, new)


def is_empty(value: Value) -> bool:
    """Tell whether a value is what an unset property reads as."""
    return value is None or value in ("", 0, False) or value in ([], {})
