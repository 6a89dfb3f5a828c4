"""Which API a path belongs to: Google's hosts are paths here, each with the discovery documents behind it."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote

from localcloud.api.router import Router
from localcloud.discovery.document import load

if TYPE_CHECKING:
    from localcloud.discovery.document import ApiName

Style = Literal["compute", "storage", "rpc"]
"""How an API words its errors."""

# Path prefix -> the documents behind it. Storage's and IAM's own hosts have the same paths.
MOUNTS: Final[dict[tuple[str, ...], tuple[ApiName, ...]]] = {
    ("compute", "v1"): ("compute.v1",),
    ("compute", "beta"): ("compute.beta",),
    ("storage", "v1"): ("storage.v1",),
    ("download", "storage", "v1"): ("storage.v1",),
    ("upload", "storage", "v1"): ("storage.v1",),
    ("iam", "v1"): ("iam.v1",),
    ("crm", "v1"): ("cloudresourcemanager.v1",),
    ("serviceusage", "v1"): ("serviceusage.v1",),
    ("secretmanager", "v1"): ("secretmanager.v1",),
    ("monitoring", "v1"): ("monitoring.v1",),
    ("monitoring", "v3"): ("monitoring.v3",),
    ("v1",): ("iam.v1", "cloudresourcemanager.v1", "serviceusage.v1", "secretmanager.v1", "monitoring.v1"),
    ("v3",): ("monitoring.v3",),
}
UPLOAD: Final = ("upload", "storage", "v1")
_STYLES: Final[dict[str, Style]] = {"compute": "compute", "storage": "storage"}
_PATHS_KEPT = 2048


def style_of(prefix: tuple[str, ...]) -> Style:
    """Return how the API under a prefix words its errors."""
    return _STYLES.get(MOUNTS[prefix][0].partition(".")[0], "rpc")


@lru_cache(_PATHS_KEPT)
def mounted(path: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the prefix that a path is under, or None, and its decoded segments below that."""
    segments = tuple(unquote(part) for part in path.strip("/").split("/"))
    for length in (2, 3, 1):
        if segments[:length] in MOUNTS and len(segments) > length:
            return segments[:length], segments[length:]
    return None, segments


@cache
def router(prefix: tuple[str, ...]) -> Router:
    """Return what finds the methods under a prefix, made when first asked for: a cloud that starts need not read all documents."""
    names = MOUNTS[prefix]
    methods = [method for name in names for method in load(name).methods.values()]
    return Router(methods, verbs=names[0] not in ("compute.v1", "compute.beta", "storage.v1"))
