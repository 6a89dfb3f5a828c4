"""What a router's Cloud NAT gateways are doing: nothing, because no packet leaves the local cloud, and that is what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api.compute.listing import listed
from localcloud.api.compute.methods import CollectionMethods
from localcloud.api.compute.references import referenced
from localcloud.api.errors import not_found
from localcloud.api.links import link

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


class RouterMethods(CollectionMethods):
    """Methods of routers."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        return super().handlers() | {
            "compute.routers.getRouterStatus": self.status,
            "compute.routers.getNatMappingInfo": self.mappings,
        }

    def status(self, call: Call) -> Result:
        """Return each gateway with its own addresses; none has mappings, and no address was allocated that nothing would use."""
        draft = self.existing(call)
        gateways = []
        for nat in draft.document.get("nats", []):
            status: dict[str, Any] = {
                "name": nat["name"],
                "numVmEndpointsWithNatMappings": 0,
                "minExtraNatIpsNeeded": 0,
            }
            if nat.get("natIps"):
                status["userAllocatedNatIpResources"] = nat["natIps"]
                found = [referenced(call.cloud.store, each) for each in nat["natIps"]]
                status["userAllocatedNatIps"] = [address["address"] for address in found if address]
            gateways.append(status)
        result: dict[str, Any] = {"network": draft.document["network"]}
        if gateways:
            result["natStatus"] = gateways
        return {"kind": "compute#routerStatusResponse", "result": result}

    def mappings(self, call: Call) -> Result:
        """Return an empty list: nothing is translated here."""
        draft = self.existing(call)
        wanted = call.query.get("natName")
        if wanted and wanted not in [nat["name"] for nat in draft.document.get("nats", [])]:
            raise not_found(f"{draft.relname}/nats/{wanted}")
        self_link = link(f"{draft.relname}/getNatMappingInfo")
        return listed(call, [], kind="compute#vmEndpointNatMappingsList", self_link=self_link)
