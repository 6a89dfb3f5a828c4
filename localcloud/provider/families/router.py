"""Cloud Routers."""

from __future__ import annotations

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import read_link, read_region, reference, region_link
from localcloud.provider.mapping import Table, coerce

_TABLE = Table(
    kept=frozenset({"description", "bgp"}),
    local=frozenset({"deletionPolicy", "project"}),
    unread=frozenset({"params", "md5AuthenticationKeys"}),
    # A router without BGP is sent as one explicitly.
    writers={
        "network": reference("global/networks"),
        "region": region_link,
        "bgp": lambda value, _: None if value is None else _bgp(value),
    },
    readers={"network": read_link("network"), "region": read_region},
)


def _bgp(value: dict[str, object]) -> dict[str, object]:
    """Write BGP settings; the number of the autonomous system always, the rest if set."""
    sent = {
        name: setting
        for name, setting in value.items()
        if setting not in (None, "", [], {}) and not name.startswith("__")
    }
    if "advertisedIpRanges" in sent:
        ranges = sent["advertisedIpRanges"]
        sent["advertisedIpRanges"] = [dict(item) for item in ranges] if isinstance(ranges, list) else ranges
    return {**sent, "asn": coerce("integer", value.get("asn"))}


ROUTER = ComputeResource(
    "gcp:compute/router:Router",
    Settings(
        collection="regions/{region}/routers",
        table=_TABLE,
        steps=(Step("PATCH", body=("description", "bgp", "md5AuthenticationKeys")),),
    ),
)
