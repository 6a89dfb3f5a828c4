"""Networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.errors import ApiError
from localcloud.provider.mapping import Body, Scope, Table, look

if TYPE_CHECKING:
    from localcloud.provider.resource import Request

_TABLE = Table(
    names={
        "routingMode": "routingConfig.routingMode",
        "bgpBestPathSelectionMode": "routingConfig.bgpBestPathSelectionMode",
        "bgpAlwaysCompareMed": "routingConfig.bgpAlwaysCompareMed",
        "bgpInterRegionCost": "routingConfig.bgpInterRegionCost",
        "gatewayIpv4": "gatewayIPv4",
        "networkId": "id",
        "numericId": "id",
    },
    kept=frozenset({"autoCreateSubnetworks"}),
    local=frozenset(
        {"deleteDefaultRoutesOnCreate", "deletionPolicy", "project", "deleteBgpAlwaysCompareMed"}
    ),
    unread=frozenset({"params"}),
    # Google's answers have ids as strings; states have them as text too.
    readers={
        "networkId": lambda body, _: str(body.get("id", "")),
        "numericId": lambda body, _: str(body.get("id", "")),
    },
)

_ROUTING = (
    "routingMode",
    "bgpBestPathSelectionMode",
    "bgpAlwaysCompareMed",
    "bgpInterRegionCost",
    "networkFirewallPolicyEnforcementOrder",
)


class Network(ComputeResource):
    """A VPC network, which may be wanted without the default route."""

    def body(self, scope: Scope, planned: Body) -> Body:
        """Write the network; the routing part says too that the MED setting is not to be deleted, if anything is set in it."""
        body = super().body(scope, planned)
        if "routingConfig" in body:
            body["routingConfig"]["deleteBgpAlwaysCompareMed"] = bool(
                planned.get("deleteBgpAlwaysCompareMed")
            )
        return body

    async def after_create(self, request: Request, scope: Scope) -> None:
        """Delete the default routes if that is asked for."""
        if not request.planned.get("deleteDefaultRoutesOnCreate"):
            return
        rest = request.session.rest
        name = request.planned["name"]
        listing = await rest.request(
            "GET", rest.endpoints.compute_url(f"projects/{scope.project}/global/routes")
        )
        for route in listing.get("items", []):
            if route.get("destRange") == "0.0.0.0/0" and str(look(route, "network")).endswith(
                f"/networks/{name}"
            ):
                url = rest.endpoints.compute_url(f"projects/{scope.project}/global/routes/{route['name']}")
                try:
                    operation = await rest.request("DELETE", url)
                except ApiError as error:
                    if error.status != 404:
                        raise
                else:
                    await rest.wait(operation, self.timeouts.of("create", request.timeout))


NETWORK = Network(
    "gcp:compute/network:Network",
    Settings(
        collection="global/networks",
        table=_TABLE,
        steps=(
            Step("PATCH", triggers=_ROUTING),
            Step("PATCH", triggers=("enableUlaInternalIpv6",)),
            Step("PATCH", triggers=("mtu",), fingerprint=True),
        ),
    ),
)
