"""Regional forwarding rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import full_link, read_link, read_region, reference, region_link
from localcloud.provider.mapping import OMIT, Scope, Table
from localcloud.provider.values import UNKNOWN, Properties

if TYPE_CHECKING:
    from localcloud.provider.session import Session


def _address(value: object, scope: Scope) -> object:
    """Write an address: a number as it is, a reference as a relative link."""
    text = str(value or "")
    if not text:
        return OMIT
    return reference("regions/{region}/addresses")(text, scope) if "/addresses/" in text else text


_TABLE = Table(
    names={"ipAddress": "IPAddress", "ipProtocol": "IPProtocol", "forwardingRuleId": "id"},
    local=frozenset({"deletionPolicy", "project", "recreateClosedPsc"}),
    unsent=frozenset({"labelFingerprint"}),
    writers={
        "region": region_link,
        "ipAddress": _address,
        "backendService": full_link("regions/{region}/backendServices"),
        "network": reference("global/networks"),
        "subnetwork": reference("regions/{region}/subnetworks"),
        "labels": lambda _, __: OMIT,
        "serviceDirectoryRegistrations": lambda value, _: [value] if value else OMIT,
    },
    readers={
        "region": read_region,
        "backendService": read_link("backendService"),
        "network": read_link("network"),
        "subnetwork": read_link("subnetwork"),
        "serviceDirectoryRegistrations": lambda body, _: (
            body.get("serviceDirectoryRegistrations") or [None]
        )[0],
        "noAutomateDnsZone": lambda _, scope: _flag(scope.properties.get("noAutomateDnsZone")),
        "recreateClosedPsc": lambda _, scope: bool(scope.properties.get("recreateClosedPsc")),
    },
)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


class ForwardingRule(ComputeResource):
    """A rule that sends an address's traffic to a backend service; Google puts no attribution label on it."""

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan; labels that nobody sets are for the API to tell."""
        planned = super().plan(session, inputs, prior)
        if prior is None and not planned["effectiveLabels"]:
            planned["effectiveLabels"] = planned["pulumiLabels"] = UNKNOWN
        return planned


FORWARDING_RULE = ForwardingRule(
    "gcp:compute/forwardingRule:ForwardingRule",
    Settings(
        collection="regions/{region}/forwardingRules",
        table=_TABLE,
        steps=(
            Step("POST", triggers=("target",), action="setTarget"),
            Step("POST", triggers=("effectiveLabels",), action="setLabels"),
            Step("PATCH", triggers=("allowGlobalAccess",)),
            Step("PATCH", triggers=("allowPscGlobalAccess",), fingerprint=True),
        ),
        labels="plain",
    ),
)
