"""Google's resource links: full URLs, relative names and the store's keys.

A relative name starts at ``projects/``: ``projects/P/zones/Z/instances/I``. Documents hold full URLs; keys and the controllers'
own records hold relative names.
"""

from __future__ import annotations

_ROOT = "https://www.googleapis.com/compute/v1/"


def relname(link: str, near: str = "") -> str:
    """Return the relative name behind a full URL, a relative name or a partial one (``zones/Z``, resolved in `near`'s project)."""
    start = link.find("projects/")
    if start >= 0:
        return link[start:]
    if near and link.startswith(("zones/", "regions/", "global/")):
        return f"projects/{project_of(near)}/{link}"
    return link


def url(name: str) -> str:
    """Return the full URL of a relative name, as Google writes it whichever host was called."""
    return _ROOT + name


def key(link: str, near: str = "") -> str:
    """Return the store's key of a compute resource."""
    return "compute/" + relname(link, near)


def last(link: str) -> str:
    """Return the last segment: a resource's own name."""
    return link.rstrip("/").rpartition("/")[2]


def project_of(name: str) -> str:
    """Return the project of a relative name."""
    return name.split("/")[1]


def location_of(name: str) -> str:
    """Return the region or zone of a relative name; empty for a global one."""
    parts = name.split("/")
    return parts[3] if len(parts) > 3 and parts[2] in {"zones", "regions"} else ""
