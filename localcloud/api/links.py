"""Compute's names for resources: relative names, links, and what clients write instead of them."""

from __future__ import annotations

import re
from functools import lru_cache

BASE = "https://www.googleapis.com/compute/v1/"
_URL = re.compile(r"https?://[^/]+/(?:compute/)?(?:v1|beta|alpha|compute/v1|compute/beta)/")
_SCOPED = re.compile(r"(global|aggregated|regions/[^/]+|zones/[^/]+)/")
_GLOBAL_SCOPE = re.compile(r"^(projects/[^/]+)/global/((?:regions|zones)/)")


def link(relname: str) -> str:
    """Return the link of a relative name, as the API answers it."""
    return BASE + relname


def key_of(link: str) -> str:
    """Return the store key of a link that the API made."""
    return "compute/" + link.removeprefix(BASE)


def last(link: str) -> str:
    """Return a link's last segment: the resource's name."""
    return link.rpartition("/")[2]


@lru_cache(2048)
def parse(value: str, project: str) -> str | None:
    """Return the relative name that a client's reference means, or None if it is none.

    Full URLs of any host and version, ``projects/P/...`` and partial ones (``regions/R/...``, ``global/...``) are accepted, as
    Google does; a query (``?uniqueId=``) is dropped, and so is the stray ``global/`` that some clients write before a region.
    """
    text = value.partition("?")[0].strip("/")
    if "://" in text:
        url = _URL.match(text)
        if url is None:
            return None
        text = text[url.end() :]
    if _SCOPED.match(text):
        text = f"projects/{project}/{text}"
    if not text.startswith("projects/") or text.count("/") < 2 or "//" in text:
        return None
    return _GLOBAL_SCOPE.sub(r"\1/\2", text)
