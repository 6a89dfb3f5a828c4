"""Putting members of a managed group to rest and waking them: stopInstances, startInstances, suspendInstances, resumeInstances.

The controllers carry them out and change the sizes; see `localcloud.plans.standby`. Like Google's, these operations are done when the
request is taken up: how far the instances are is told by listManagedInstances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.group_members import named, refuse_deleting
from localcloud.api.compute.methods import CollectionMethods, commit
from localcloud.api.compute.request_ids import once
from localcloud.api.compute.requests import ask
from localcloud.api.compute.suspending import check_suspendable
from localcloud.plans import standby

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result

# Verb -> the target status that a member must have for it, and the field that says not to wait for the initial delay.
_VERBS = {
    "stopInstances": (standby.RUNNING, "forceStop"),
    "suspendInstances": (standby.RUNNING, "forceSuspend"),
    "startInstances": (standby.STOPPED, ""),
    "resumeInstances": (standby.SUSPENDED, ""),
}


class StandbyMethods(CollectionMethods):
    """The four methods on zonal and regional groups."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        return {f"compute.{self.collection.resource}.{verb}": once(self._asked(verb)) for verb in _VERBS}

    def _asked(self, verb: str) -> Handler:
        needed, force = _VERBS[verb]

        def handler(call: Call) -> Result:
            draft = self.existing(call)
            refuse_deleting(draft)
            names = named(draft, call.body.get("instances"))
            for index, name in enumerate(names):
                record = call.cloud.store.get(f"control/managed/{draft.relname}/{name}") or {}
                status = record.get("targetStatus")
                if status != needed:
                    rule = f"{verb} is for instances whose target status is {needed}; it is {status}."
                    raise errors.invalid(f"instances[{index}]", name, rule)
                instance = call.cloud.store.get(record["instance"]) if verb == "suspendInstances" else None
                if instance is not None:
                    check_suspendable(call.cloud.store, record["instance"].removeprefix("compute/"), instance)
            ask(draft, verb, {"instances": names, "force": bool(force and call.body.get(force))})
            return commit(call, draft, verb)

        return handler
