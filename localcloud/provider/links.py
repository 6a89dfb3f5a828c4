"""Writers and readers for references between resources, in the forms Google's API and the official provider use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.equality import last_segment, relative_link
from localcloud.provider.mapping import OMIT, Body, Reader, Scope, Writer, look, v1_link

if TYPE_CHECKING:
    from localcloud.provider.values import Value


def reference(collection: str) -> Writer:
    """Write a name or link as a relative link; `collection` is where a bare name is (``regions/{region}/subnetworks``)."""

    def write(value: Value, scope: Scope) -> Value:
        return OMIT if not value else resolve(str(value), collection, scope)

    return write


def resolve(text: str, collection: str, scope: Scope) -> str:
    """Return the relative link of a resource given by link, by partial link or by name."""
    link = relative_link(text)
    if link.startswith("projects/"):
        return link
    if link.startswith(("regions/", "global/", "zones/")):
        return f"projects/{scope.project}/{link}"
    place = collection.format(region=scope.region, zone=scope.zone)
    return f"projects/{scope.project}/{place}/{last_segment(link)}"


def full_link(collection: str) -> Writer:
    """Write a reference as a full URL of the Compute endpoint."""

    def write(value: Value, scope: Scope) -> Value:
        if not value:
            return OMIT
        return scope.session.rest.endpoints.compute + resolve(str(value), collection, scope)

    return write


def region_link(_: Value, scope: Scope) -> Value:
    """Write a region as the official provider does (its quirk of ``global/regions`` included; Google's API ignores it)."""
    return f"projects/{scope.project}/global/regions/{scope.region}"


def zone_link(_: Value, scope: Scope) -> Value:
    """Write a zone as the official provider does (with the same quirk)."""
    return f"projects/{scope.project}/global/zones/{scope.zone}"


def read_zone(body: Body, scope: Scope) -> Value:
    """Read a zone's link as its name."""
    return last_segment(str(body.get("zone") or scope.zone))


def read_region(body: Body, scope: Scope) -> Value:
    """Read a region's link as its name."""
    return last_segment(str(body.get("region") or scope.region))


def read_link(name: str) -> Reader:
    """Read a link in its v1 form, or empty."""
    return lambda body, _: v1_link(look(body, name)) or ""


def template_link(text: str, scope: Scope) -> str:
    """Return the link that a group sends for a template: by unique id where the program gave it."""
    base, _, unique = text.partition("?uniqueId=")
    if unique:
        return f"{base.rpartition('/')[0]}/{unique}"
    return base if "/" in base else resolve(base, "global/instanceTemplates", scope)
