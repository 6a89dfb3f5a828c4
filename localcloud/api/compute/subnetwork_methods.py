"""What can be done to a subnetwork beside what every collection has: Private Google Access on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.compute.methods import CollectionMethods, commit, stamp
from localcloud.api.compute.request_ids import repeated

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


class SubnetworkMethods(CollectionMethods):
    """Methods of subnetworks."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        return super().handlers() | {
            "compute.subnetworks.setPrivateIpGoogleAccess": self.set_private_access,
        }

    def set_private_access(self, call: Call) -> Result:
        """Switch Private Google Access; a request that says nothing switches it off, as Google's default has it."""
        repeat = repeated(call)
        if repeat is not None:
            return repeat
        draft = self.existing(call)
        draft.document["privateIpGoogleAccess"] = bool(call.body.get("privateIpGoogleAccess", False))
        stamp(draft)
        return commit(call, draft, "setPrivateIpGoogleAccess")
