"""Objects at plain URLs: https://storage.googleapis.com/BUCKET/OBJECT and https://BUCKET.storage.googleapis.com/OBJECT."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from localcloud.api.authorization import authorize
from localcloud.api.call import Answer, Call
from localcloud.api.permissions import object_resource
from localcloud.api.storage import objects
from localcloud.api.storage.media import media
from localcloud.discovery.document import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.cloud import Cloud
    from localcloud.identity import Principal

_HOST = "storage.googleapis.com"


def plain_location(host: str, raw_path: str) -> tuple[str, str] | None:
    """Return (bucket, object) of a URL that names one, or None."""
    path = unquote(raw_path.removeprefix("/"))
    if host == _HOST:
        bucket, found, name = path.partition("/")
        return (bucket, name) if found and bucket and name else None
    if host.endswith(f".{_HOST}") and path:
        return host.removesuffix(f".{_HOST}"), path
    return None


def plain_object(
    cloud: Cloud, principal: Principal | None, headers: Mapping[str, str], location: tuple[str, str]
) -> Answer:
    """Return an object's bytes to whoever may read it (allUsers included)."""
    bucket, name = location
    authorize(cloud, principal, "storage.objects.get", object_resource(cloud, bucket, name))
    method = load("storage.v1").methods["storage.objects.get"]
    call = Call(cloud, method, {"bucket": bucket, "object": name}, {}, principal, {}, headers)
    return media(call, objects.existing(call))
