"""Per-instance configurations of managed groups: what one instance keeps when it is made anew.

They are kept beside the group (see `localcloud.plans.per_instance`); the controllers apply them and say how far they are.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.draft import Draft, fingerprint, merged, pruned
from localcloud.api.compute.group_members import is_member, refuse_deleting
from localcloud.api.compute.listing import paged
from localcloud.api.compute.methods import CollectionMethods, commit
from localcloud.api.compute.references import find
from localcloud.api.compute.request_ids import once
from localcloud.api.links import link, parse
from localcloud.plans import per_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.call import Call, Handler, Result

_RULES = ("NEVER", "ON_PERMANENT_INSTANCE_DELETION")


class PerInstanceConfigMethods(CollectionMethods):
    """The four methods on per-instance configurations of zonal and regional groups."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        prefix = f"compute.{self.collection.resource}"
        return {
            f"{prefix}.listPerInstanceConfigs": self.configs,
            f"{prefix}.updatePerInstanceConfigs": once(self.update_configs),
            f"{prefix}.patchPerInstanceConfigs": once(self.patch_configs),
            f"{prefix}.deletePerInstanceConfigs": once(self.delete_configs),
        }

    def configs(self, call: Call) -> Result:
        """Return a page of the group's configurations, each with how far it is applied."""
        draft = self.existing(call)
        found = [document for _, document in call.cloud.store.scan(per_instance.prefix_of(draft.relname))]
        page, token = paged(call, found)
        result: dict[str, Any] = {"items": page} if page else {}
        return {**result, "nextPageToken": token} if token else result

    def update_configs(self, call: Call) -> Result:
        """Make or replace configurations; they take effect when they are applied."""
        return self._write(call, "updatePerInstanceConfigs", merge=False)

    def patch_configs(self, call: Call) -> Result:
        """Make configurations, or merge into what they are."""
        return self._write(call, "patchPerInstanceConfigs", merge=True)

    def _write(self, call: Call, kind: str, *, merge: bool) -> Result:
        draft = self.existing(call)
        refuse_deleting(draft)
        given = call.body.get("perInstanceConfigs")
        if not given:
            raise errors.required("perInstanceConfigs")
        for index, config in enumerate(given):
            where = f"perInstanceConfigs[{index}]"
            name = config.get("name")
            if not name:
                raise errors.required(f"{where}.name")
            if not is_member(draft, name):
                rule = f"The instance is not a member of {draft.relname}: createInstances makes one with its configuration."
                raise errors.invalid(f"{where}.name", name, rule)
            key = per_instance.key_of(draft.relname, name)
            if key in draft.writes:
                raise errors.invalid(f"{where}.name", name, "Each instance can be named once.")
            old = call.cloud.store.get(key)
            present = (old or {}).get("fingerprint")
            if old is not None and config.get("fingerprint") not in (None, "", present):
                raise errors.stale_fingerprint()
            state = config.get("preservedState") or {}
            if merge and old is not None:
                state = merged(old.get("preservedState", {}), state)
            add(draft, name, state, where)
        _note(draft, effective=False)
        return commit(call, draft, kind)

    def delete_configs(self, call: Call) -> Result:
        """Mark configurations as deleted; the controllers remove what they have undone."""
        draft = self.existing(call)
        refuse_deleting(draft)
        names = call.body.get("names")
        if not names:
            raise errors.required("names")
        for index, name in enumerate(names):
            key = per_instance.key_of(draft.relname, name)
            old = call.cloud.store.get(key)
            if old is None:
                rule = f"There is no per-instance configuration of this name in {draft.relname}."
                raise errors.invalid(f"names[{index}]", name, rule)
            gone = not is_member(draft, name)
            draft.writes[key] = None if gone else {**old, "status": per_instance.UNAPPLIED_DELETION}
        _note(draft, effective=all(document is None for document in draft.writes.values()))
        return commit(call, draft, "deletePerInstanceConfigs")


def add(draft: Draft, name: str, state: Mapping[str, Any], where: str) -> None:
    """Put an instance's configuration into the draft's writes; refuses state that nothing here could keep."""
    place = f"{where}.preservedState"
    if state.get("externalIPs"):
        rule = "The local cloud's instances have no external addresses: leave it out."
        raise errors.invalid(f"{place}.externalIPs", state["externalIPs"], rule)
    kept = dict(state)
    for kind, complete in (("disks", _disk), ("internalIPs", _address)):
        if state.get(kind):
            kept[kind] = {
                item: complete(draft, {"autoDelete": _RULES[0], **rules}, f"{place}.{kind}[{item}]")
                for item, rules in state[kind].items()
            }
    content = {"name": name, "preservedState": pruned(kept)}
    key = per_instance.key_of(draft.relname, name)
    draft.writes[key] = {**content, "fingerprint": fingerprint(content), "status": per_instance.UNAPPLIED}


def _disk(draft: Draft, rules: dict[str, Any], where: str) -> dict[str, Any]:
    source = rules.get("source")
    if not source:
        raise errors.required(f"{where}.source")
    return {"mode": "READ_WRITE", **rules, "source": _link(draft, source, "disks", f"{where}.source")}


def _address(draft: Draft, rules: dict[str, Any], where: str) -> dict[str, Any]:
    given = rules.get("ipAddress") or {}
    if given.get("address") and given.get("literal"):
        raise errors.invalid(
            f"{where}.ipAddress", given, "Only one of 'address' and 'literal' can be specified."
        )
    if given.get("address"):
        reserved = _link(draft, given["address"], "addresses", f"{where}.ipAddress.address")
        return {**rules, "ipAddress": {"address": reserved}}
    if given.get("literal"):
        try:
            IPv4Address(given["literal"])
        except AddressValueError as error:
            rule = f"Must be an IPv4 address: {error}."
            raise errors.invalid(f"{where}.ipAddress.literal", given["literal"], rule) from error
    return rules


def _link(draft: Draft, reference: str, segment: str, where: str) -> str:
    """Return the full link to a resource that exists."""
    relname = parse(reference, draft.project)
    if relname is None or relname.split("/")[-2] != segment:
        raise errors.invalid(where, reference, f"The URL is malformed: must be a link to one of {segment}.")
    found = find(draft.cloud.store, relname)
    if found is None:
        raise errors.not_found(relname)
    return link(found)


def _note(draft: Draft, *, effective: bool) -> None:
    """Say in the group's status that it has configurations, until the controllers have looked."""
    status = draft.document.get("status", {})
    stateful = {**status.get("stateful", {}), "hasStatefulConfig": True}
    if not effective:
        stateful["perInstanceConfigs"] = {"allEffective": False}
    draft.document["status"] = {**status, "stateful": stateful}
