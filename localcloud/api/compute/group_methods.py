"""What managed instance groups can do beside being written: resize, see their instances, act on some of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.group_members import (
    instance_named,
    is_member,
    least_action,
    member_names,
    named,
    refuse_deleting,
    rendered,
)
from localcloud.api.compute.instance_group_managers import NO_TARGET_POOLS, with_rules
from localcloud.api.compute.listing import chosen, cut
from localcloud.api.compute.methods import CollectionMethods, Collections, commit, stamp
from localcloud.api.compute.per_instance_configs import add as add_config
from localcloud.api.compute.references import find
from localcloud.api.compute.request_ids import once
from localcloud.api.compute.requests import ask
from localcloud.api.links import last, link, parse
from localcloud.api.operations import Until
from localcloud.plans.disruption import allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.compute.collection import Collection
    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


class GroupMethods(CollectionMethods):
    """Methods of zonal and regional group managers."""

    def __init__(self, collection: Collection, every: Collections) -> None:
        super().__init__(collection, every)
        self._regional = collection.scope == "regions"

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        prefix = f"compute.{self.collection.resource}"
        verbs: dict[str, Handler] = {
            "delete": self.delete,
            "resize": self.resize,
            "setInstanceTemplate": self.set_instance_template,
            "setTargetPools": self.set_target_pools,
            "createInstances": self.create_instances,
            "recreateInstances": self.recreate_instances,
            "deleteInstances": self.delete_instances,
            "abandonInstances": self.abandon_instances,
            "applyUpdatesToInstances": self.apply_updates,
        }
        return super().handlers() | {
            f"{prefix}.listManagedInstances": self.list_managed_instances,
            f"{prefix}.listErrors": self.list_errors,
            **{f"{prefix}.{name}": once(handler) for name, handler in verbs.items()},
        }

    def delete(self, call: Call) -> Result:
        """Say that the group is to go; its operation is done when the controllers have removed its instances and it."""
        draft = self.existing(call)
        refuse_deleting(draft)
        self.refuse_if_used(call.cloud, draft.relname)
        mark = f"control/deleting/{draft.relname}"
        draft.writes[mark] = {"requestedAt": call.cloud.clock.now()}
        autoscaler = _autoscaler(draft)
        if autoscaler is not None:
            draft.writes[autoscaler[0]] = None
        return commit(call, draft, "delete", until=(Until(f"compute/{draft.relname}"), Until(mark)))

    def resize(self, call: Call) -> Result:
        """Set the target size, unless an autoscaler does."""
        draft = self.existing(call)
        refuse_deleting(draft)
        autoscaler = _autoscaler(draft)
        if autoscaler is not None and autoscaler[1]["autoscalingPolicy"].get("mode", "ON") != "OFF":
            kind = "regional managed instance groups" if self._regional else "managed instance groups"
            message = (
                f"Resizing of autoscaled {kind} is not allowed. If you want to manually adjust target size remove the "
                "autoscaler or set autoscaling policy mode to OFF."
            )
            raise errors.ApiError(412, "conditionNotMet", message)
        draft.document["targetSize"] = call.query["size"]
        self.collection.complete(draft)
        stamp(draft)
        return commit(call, draft, "resize")

    def set_instance_template(self, call: Call) -> Result:
        """Make this template the group's only version; instances follow as the update policy says."""
        draft = self.existing(call)
        refuse_deleting(draft)
        given = call.body.get("instanceTemplate")
        if not given:
            raise errors.required("resource.instanceTemplate")
        relname = parse(given, draft.project)
        found = None if relname is None else find(call.cloud.store, relname)
        if found is None:
            raise errors.not_found(relname or given)
        draft.document["versions"] = [{"instanceTemplate": link(found)}]
        self.collection.complete(draft)
        stamp(draft)
        return commit(call, draft, "setInstanceTemplate")

    def set_target_pools(self, call: Call) -> Result:
        """Take a group out of all target pools; it is in none, because there are none."""
        draft = self.existing(call)
        refuse_deleting(draft)
        if call.body.get("targetPools"):
            raise errors.invalid("resource.targetPools", call.body["targetPools"], NO_TARGET_POOLS)
        given = call.body.get("fingerprint")
        if given and given != draft.document["fingerprint"]:
            raise errors.stale_fingerprint()
        return commit(call, draft, "setTargetPools")

    def list_managed_instances(self, call: Call) -> Result:
        """Return the group's instances with what is being done to each; in pages only where the group says so."""
        draft = self.existing(call)
        records = call.cloud.store.scan(f"control/managed/{draft.relname}/")
        members = [rendered(draft, record) for _, record in records]
        found = chosen(call, members)
        if draft.document.get("listManagedInstancesResults") != "PAGINATED":
            return {"managedInstances": found} if found else {}
        page, token = cut(call, found)
        result: dict[str, Any] = {"managedInstances": page} if page else {}
        return {**result, "nextPageToken": token} if token else result

    def list_errors(self, call: Call) -> Result:
        """Return a page of what went wrong lately when instances were made or changed."""
        draft = self.existing(call)
        record: Mapping[str, Any] = call.cloud.store.get(f"control/errors/{draft.relname}") or {}
        page, token = cut(call, chosen(call, record.get("items", []), time="timestamp"))
        result: dict[str, Any] = {"items": page} if page else {}
        return {**result, "nextPageToken": token} if token else result

    def create_instances(self, call: Call) -> Result:
        """Make instances of these names; the group becomes larger by them."""
        draft = self.existing(call)
        refuse_deleting(draft)
        given = call.body.get("instances")
        if not given:
            raise errors.required("instances")
        names = []
        for index, entry in enumerate(given):
            name = entry.get("name", "")
            if not _NAME.fullmatch(name):
                raise errors.invalid(
                    f"instances[{index}].name", name, f"Must be a match of regex '{_NAME.pattern}'"
                )
            if name in names or is_member(draft, name):
                rule = f"An instance of this name is in {draft.relname} already."
                raise errors.invalid(f"instances[{index}].name", name, rule)
            if (other := instance_named(draft, name)) is not None:
                raise errors.invalid(
                    f"instances[{index}].name", name, f"There is an instance {other} already."
                )
            if entry.get("preservedState"):
                add_config(draft, name, entry["preservedState"], f"instances[{index}]")
            names.append(name)
        ask(draft, "createInstances", {"instances": names})
        return commit(call, draft, "createInstances")

    def recreate_instances(self, call: Call) -> Result:
        """Delete these instances and make them again under their names."""
        draft, names = self._members_named(call)
        ask(draft, "recreateInstances", {"instances": names})
        return commit(call, draft, "recreateInstances")

    def delete_instances(self, call: Call) -> Result:
        """Delete these instances; the group becomes smaller by them. Those that are no members may be passed over."""
        if call.body.get("skipInstancesOnValidationError") and call.body.get("instances"):
            draft = self.existing(call)
            call.body["instances"] = [each for each in call.body["instances"] if is_member(draft, last(each))]
            if not call.body["instances"]:
                return commit(call, draft, "deleteInstances")
        draft, names = self._members_named(call)
        ask(draft, "deleteInstances", {"instances": names})
        return commit(call, draft, "deleteInstances")

    def abandon_instances(self, call: Call) -> Result:
        """Let these instances go on outside of the group; it becomes smaller by them."""
        draft, names = self._members_named(call)
        ask(draft, "abandonInstances", {"instances": names})
        return commit(call, draft, "abandonInstances")

    def apply_updates(self, call: Call) -> Result:
        """Bring these (or all) instances to the group's present configuration."""
        everyone = call.body.get("allInstances", False)
        if everyone:
            draft = self.existing(call)
            refuse_deleting(draft)
            names = member_names(draft)
        else:
            draft, names = self._members_named(call)
        minimal = call.body.get("minimalAction", "NONE")
        most = call.body.get("mostDisruptiveAllowedAction", "REPLACE")
        if not allowed(minimal, most):
            raise errors.invalid("minimalAction", minimal, f"Must not be more disruptive than {most}.")
        for name in names:
            needed = least_action(draft, name)
            if not allowed(needed, most):
                rule = f"Updating instance {name} takes {needed}: allow that, or leave the instance out."
                raise errors.invalid("mostDisruptiveAllowedAction", most, rule)
        args = {"instances": names, "minimalAction": minimal, "mostDisruptiveAllowedAction": most}
        ask(draft, "applyUpdatesToInstances", args)
        return commit(call, draft, "applyUpdatesToInstances")

    def change(self, call: Call, kind: str, apply: Callable[[dict[str, Any]], dict[str, Any]]) -> Result:
        """Change a group, unless it is on its way out."""
        refuse_deleting(self.existing(call))
        return super().change(call, kind, lambda old: with_rules(apply(old)))

    def _members_named(self, call: Call) -> tuple[Draft, list[str]]:
        draft = self.existing(call)
        refuse_deleting(draft)
        return draft, named(draft, call.body.get("instances"))


def _autoscaler(draft: Draft) -> tuple[str, Document] | None:
    place = draft.relname.rpartition("/instanceGroupManagers/")[0]
    for key, document in draft.cloud.store.scan(f"compute/{place}/autoscalers/"):
        if document["target"] == link(draft.relname):
            return key, document
    return None
