"""testIamPermissions of compute resources: which of some permissions the caller has on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.authorization import held
from localcloud.api.permissions import resource_of

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.compute.methods import CollectionMethods


def asked(methods: CollectionMethods) -> Handler:
    """Return the handler for one collection's resources; they have no policies of their own, so the project's decides."""

    def handler(call: Call) -> Result:
        methods.existing(call)
        return held(call, call.body.get("permissions", []), resource_of(call))

    return handler
