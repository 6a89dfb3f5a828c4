"""testIamPermissions of compute resources: which of some permissions the caller has on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.authorization import allowed
from localcloud.api.permissions import resource_of

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.compute.methods import CollectionMethods


def asked(methods: CollectionMethods) -> Handler:
    """Return the handler for one collection's resources; they have no policies of their own, so the project's decides."""

    def handler(call: Call) -> Result:
        methods.existing(call)
        held = [
            name
            for name in call.body.get("permissions", [])
            if allowed(call.cloud, call.principal, name, resource_of(call))
        ]
        return {"permissions": held} if held else {}

    return handler
