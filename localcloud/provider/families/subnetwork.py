"""Subnetworks."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import read_link, read_region, reference, region_link
from localcloud.provider.mapping import Body, Scope, Table

if TYPE_CHECKING:
    from localcloud.provider.diff import Change
    from localcloud.provider.session import Session
    from localcloud.provider.values import Properties, Value

_LOG = ("aggregationInterval", "flowSampling", "metadata", "filterExpr", "metadataFields")


def _write_log(value: Value, scope: Scope) -> Value:
    if scope.properties.get("purpose") in ("REGIONAL_MANAGED_PROXY", "GLOBAL_MANAGED_PROXY"):
        return None
    if not isinstance(value, dict):
        return {"enable": False}
    return {
        "enable": True,
        **{name: value.get(name) or ([] if name == "metadataFields" else value.get(name)) for name in _LOG},
    }


def _read_log(body: Body, _: Scope) -> Value:
    log = body.get("logConfig") or {}
    if not log.get("enable"):
        return None
    return {name: log.get(name) for name in _LOG}


_TABLE = Table(
    names={"subnetworkId": "id"},
    kept=frozenset({"privateIpGoogleAccess", "secondaryIpRanges"}),
    local=frozenset({"deletionPolicy", "project", "sendSecondaryIpRangeIfEmpty", "fingerprint"}),
    unread=frozenset({"params"}),
    writers={
        "network": reference("global/networks"),
        "region": region_link,
        "logConfig": _write_log,
    },
    readers={"network": read_link("network"), "region": read_region, "logConfig": _read_log},
)


class Subnetwork(ComputeResource):
    """A range of a network in one region; the range may grow in place, but not shrink or move."""

    def changes(
        self, session: Session, state: Properties, news: Properties, ignored: tuple[str, ...] = ()
    ) -> list[Change]:
        """Compare; a range that the old one is not within needs a replacement."""
        return [
            replace(change, replaces=True)
            if change.path == "ipCidrRange" and not _grows(state, news)
            else change
            for change in super().changes(session, state, news, ignored)
        ]


def _grows(state: Properties, news: Properties) -> bool:
    try:
        old = ipaddress.ip_network(str(state.get("ipCidrRange")))
        new = ipaddress.ip_network(str(news.get("ipCidrRange")))
    except ValueError:
        return False
    return old.version == new.version and old.subnet_of(new)  # type: ignore[arg-type]


SUBNETWORK = Subnetwork(
    "gcp:compute/subnetwork:Subnetwork",
    Settings(
        collection="regions/{region}/subnetworks",
        table=_TABLE,
        steps=(
            Step("POST", triggers=("ipCidrRange",), action="expandIpCidrRange"),
            Step("POST", triggers=("privateIpGoogleAccess",), action="setPrivateIpGoogleAccess"),
            Step(
                "PATCH",
                triggers=(
                    "privateIpv6GoogleAccess",
                    "stackType",
                    "ipv6AccessType",
                    "ipCollection",
                    "allowSubnetCidrRoutesOverlap",
                ),
                fingerprint=True,
            ),
            Step("PATCH", triggers=("logConfig",), fingerprint=True),
            Step("PATCH", triggers=("purpose",), fingerprint=True),
            Step("PATCH", triggers=("role",), fingerprint=True),
            Step("PATCH", triggers=("secondaryIpRanges",), fingerprint=True),
        ),
    ),
)
