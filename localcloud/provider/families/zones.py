"""The zones of a region: the function that lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.provider.equality import last_segment
from localcloud.provider.errors import ProviderError

if TYPE_CHECKING:
    from localcloud.provider.session import Session
    from localcloud.provider.values import Properties

GET_ZONES = "gcp:compute/getZones:getZones"

_ARGUMENTS = ("project", "region", "status")


async def get_zones(session: Session, arguments: Properties) -> Properties:
    """List a region's zones, in order; shapes as the provider's `compute.getZones`."""
    unknown = sorted(set(arguments) - set(_ARGUMENTS))
    if unknown:
        raise ProviderError(f"{unknown[0]} is no argument of {GET_ZONES}; it has {', '.join(_ARGUMENTS)}")
    project, region = session.project_of(arguments), session.region_of(arguments)
    status = arguments.get("status")
    if status not in (None, "", "UP", "DOWN"):
        raise ProviderError(f"status is {status!r}: a zone is UP or DOWN; leave it out for all zones")
    wanted = quote(f"(status eq {status})", safe="") if status else ""
    names: list[str] = []
    page = ""
    while True:
        query = f"&filter={wanted}&prettyPrint=false{page}"
        listing = await session.rest.request(
            "GET", session.rest.endpoints.compute_url(f"projects/{project}/zones", query)
        )
        names += [
            zone["name"]
            for zone in listing.get("items") or []
            if last_segment(str(zone.get("region", ""))) == region
        ]
        if not listing.get("nextPageToken"):
            break
        page = f"&pageToken={listing['nextPageToken']}"
    result: Properties = {
        "id": f"projects/{project}/regions/{region}",
        "names": sorted(names),
        "project": project,
        "region": region,
    }
    return {**result, "status": status} if status else result
