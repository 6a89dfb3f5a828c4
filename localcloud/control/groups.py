"""Carries out the group's decisions in the store: one look is one transaction, and the status is written every time it differs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from localcloud.control import faults, mig, template
from localcloud.control import group as groups
from localcloud.control.actions import (
    Action,
    Create,
    Delete,
    Forget,
    Make,
    Recreate,
    Refresh,
    Restart,
    Settle,
)
from localcloud.control.addresses import AddressBook, SubnetworkFullError
from localcloud.control.errors import record_error
from localcloud.control.intents import PREFIX, intend
from localcloud.control.links import last, project_of, relname, url
from localcloud.control.member import Member, Version
from localcloud.control.repair import backoff
from localcloud.store import Document, Event, Store, Transaction

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from localcloud.clock import Clock

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_CODES: Mapping[type[Exception], str] = {
    SubnetworkFullError: "IP_SPACE_EXHAUSTED",
    faults.ZoneOutageError: "ZONE_RESOURCE_POOL_EXHAUSTED",
}
_FIRST_ID = 1_000_000_000_000_000_001  # the counter is shared with every other resource

# Records are read far more often than they change: what a stored document reads as, by store and key.
_PARSED_KEPT = 20_000
_PARSED: WeakKeyDictionary[Store, dict[str, tuple[Document, Member]]] = WeakKeyDictionary()


def members_prefix(name: str) -> str:
    """Return the prefix of the records of a group's instances."""
    return f"control/managed/{name}/"


def members_of(store: Store, name: str) -> list[Member]:
    """Return the records of a group's instances, by name."""
    return [
        member
        for key, _ in store.scan(members_prefix(name))
        if (member := parsed_member(store, key)) is not None
    ]


def parsed_member(store: Store, key: str) -> Member | None:
    """Return one record, by its key; None if it does not exist."""
    document = store.get(key)
    if document is None:
        return None
    known = _PARSED.setdefault(store, {})
    before = known.get(key)
    if before is None or before[0] is not document:
        if len(known) > _PARSED_KEPT:  # names come and go
            known.clear()
        before = known[key] = (document, Member.parse(document))
    return before[1]


@dataclass
class _Look:
    """One look at one group: what it is, who is in it, and the transaction that collects the changes."""

    group: groups.Group
    change: Transaction
    members: dict[str, Member]
    now: float
    book: AddressBook | None = None


class GroupController:
    """Reconciles managed instance groups, one at a time, by relative name."""

    def __init__(self, store: Store, clock: Clock, rng: random.Random) -> None:
        self._store, self._clock, self._rng = store, clock, rng
        self.weight = 0  # how many instances the group that was looked at last has

    def touch(self, group: str, name: str) -> None:
        """Note that an instance of a group changed, or its record, or what is wanted of its machine."""

    def touch_all(self) -> None:
        """Note that anything may have changed."""

    def known(self) -> set[str]:
        """Return the groups there is work for: those with a document and those with instances or a deletion left behind."""
        found = {
            key.removeprefix("compute/")
            for key, _ in self._store.scan("compute/projects/")
            if key.split("/")[-2] == "instanceGroupManagers"
        }
        found.update(
            key.removeprefix("control/managed/").rpartition("/")[0]
            for key, _ in self._store.scan("control/managed/")
        )
        found.update(
            key.removeprefix("control/deleting/") for key, _ in self._store.scan("control/deleting/")
        )
        return found

    def reconcile(self, name: str) -> float | None:
        """Look at one group, do what is to be done now, and return when to look again (None: when something changes)."""
        now = self._clock.now()
        document = self._store.get("compute/" + name)
        deleting = document is None or self._store.get("control/deleting/" + name) is not None
        before = {member.name: member for member in members_of(self._store, name)}
        seen = [self._observe(member) for member in before.values()]
        self.weight = len(seen)
        if document is None and not seen:
            with self._store.transaction() as change:
                self._remove_records(change, name)
            return None
        group = (
            groups.parse(name, document, deleting=deleting)
            if document is not None and not deleting
            else groups.Group(
                key=name,
                name=last(name),
                base_name="",
                zones=(),
                regional=False,
                size=0,
                versions=(),
                deleting=True,
            )
        )
        decision = mig.decide(group, seen, now, self._needs)
        with self._store.transaction() as change:
            look = _Look(
                group=group, change=change, members={each.member.name: each.member for each in seen}, now=now
            )
            for action in decision.actions:
                self._do(look, action)
            for each in list(look.members.values()):
                if each.requested:
                    look.members[each.name] = replace(each, requested="", allowed="REPLACE")
            for member in look.members.values():
                if member != before.get(member.name):
                    change.put(members_prefix(name) + member.name, member.document())
            if deleting and not look.members:
                self._dissolved(change, name)
            elif document is not None:
                self._write_status(look, document, decision)
        times = [member.retry_at for member in look.members.values() if member.retry_at > now]
        if decision.look_again is not None:
            times.append(decision.look_again)
        return min(times) if times else None

    def _observe(self, member: Member) -> mig.Seen:
        instance = self._store.get(member.instance)
        numeric_id, status = (
            (str(instance["id"]), str(instance["status"])) if instance is not None else ("", "")
        )
        running_at = member.running_at
        if numeric_id and numeric_id == member.instance_id and status == "RUNNING":
            running_at = (self._store.get(PREFIX + numeric_id) or {}).get("runningAt", running_at)
        if (status, running_at) != (member.instance_status, member.running_at):
            member = replace(member, instance_status=status, running_at=running_at)
        return mig.Seen(member=member, status=status, id=numeric_id)

    def _needs(self, old: Version, new: Version) -> str:
        if old.template == new.template:
            return "NONE"
        try:
            return template.disruption(
                template.properties(self._store, old.template), template.properties(self._store, new.template)
            )
        except template.TemplateError:
            return "REPLACE"

    def _do(self, look: _Look, action: Action) -> None:
        match action:
            case Create():
                self._create(look, action)
            case Make(name=name):
                self._make(look, look.members[name])
            case Delete(name=name, reason=reason, drain=drain, replaced=replaced):
                member = replace(look.members[name].acting("DELETING", look.now), replaced=replaced)
                look.members[name] = member
                intend(self._store, look.change, member.instance, "delete", now=look.now, drain=drain)
                self._tell(look, "instance.deleting", name, f"leaves the group: {reason}", {"reason": reason})
            case Recreate():
                self._recreate(look, action)
            case Restart(name=name, version=version, reason=reason):
                self._configure(look, name, version, "RESTARTING")
                intend(self._store, look.change, look.members[name].instance, "restart", now=look.now)
                self._tell(look, "instance.restart", name, f"restarted: {reason}", {"reason": reason})
            case Refresh(name=name, version=version):
                self._configure(look, name, version, "REFRESHING")
                self._tell(look, "instance.refresh", name, f"configured as {last(version.template)} says", {})
            case Settle(name=name, action=to):
                self._settle(look, look.members[name], to)
            case Forget(name=name):
                member = look.members.pop(name)
                look.change.delete(members_prefix(look.group.key) + name)
                if member.action == "ABANDONING":
                    self._tell(look, "instance.abandoned", name, "left the group and goes on by itself", {})

    def _create(self, look: _Look, action: Create) -> None:
        name = self._new_name(look, action.zone)
        project = project_of(look.group.key)
        member = Member(
            name=name,
            zone=action.zone,
            instance=f"compute/projects/{project}/zones/{action.zone}/instances/{name}",
            action="CREATING",
            version=action.version,
            created_at=look.now,
            since=look.now,
        )
        look.members[name] = member
        self._make(look, member)

    def _new_name(self, look: _Look, zone: str) -> str:
        project = project_of(look.group.key)
        while True:
            name = look.group.base_name + "-" + "".join(self._rng.choices(_ALPHABET, k=4))
            key = f"compute/projects/{project}/zones/{zone}/instances/{name}"
            if name not in look.members and self._store.get(key) is None and key not in look.change.writes:
                return name

    def _make(self, look: _Look, member: Member) -> None:
        """Write the instance's document; where that cannot be, note Google's error code and try again later."""
        if look.book is None:
            look.book = AddressBook(self._store, project_of(look.group.key))
        numeric_id = str(self._store.next_number("id", _FIRST_ID))
        try:
            faults.check_zone(self._store, project_of(look.group.key), member.zone)
            document = template.instance(
                self._store,
                look.book,
                name=member.name,
                numeric_id=numeric_id,
                zone=member.zone,
                template=member.version.template,
                group=look.group.key,
                overrides=look.group.overrides,
                now=look.now,
            )
        except (template.TemplateError, SubnetworkFullError, faults.ZoneOutageError) as error:
            self._failed(look, member, error)
            return
        look.change.put(member.instance, document)
        look.members[member.name] = replace(
            member,
            instance_id=numeric_id,
            instance_status=document["status"],
            config=look.group.config,
            retry_at=0.0,
            attempts=0,
            last_attempt={},
        )
        address = document["networkInterfaces"][0]["networkIP"]
        self._tell(
            look,
            "instance.created",
            member.name,
            f"created in {member.zone} at {address} from {last(member.version.template)}",
            {
                "zone": member.zone,
                "id": numeric_id,
                "address": address,
                "template": member.version.template,
                "action": member.action,
            },
        )

    def _failed(self, look: _Look, member: Member, error: Exception) -> None:
        code = _CODES.get(type(error), "CONDITION_NOT_MET")
        message = f"Instance '{member.name}' creation failed: {error}"
        attempts = member.attempts + 1
        failed = replace(
            member,
            attempts=attempts,
            retry_at=look.now + min(300.0, 5.0 * 2.0 ** min(attempts - 1, 8)),
            last_attempt={"errors": {"errors": [{"code": code, "message": message}]}},
        )
        look.members[member.name] = failed
        record_error(self._store, look.change, look.group.key, failed, look.now)
        self._tell(look, "instance.failed", member.name, message, {"code": code, "retry_at": failed.retry_at})

    def _recreate(self, look: _Look, action: Recreate) -> None:
        member = look.members[action.name]
        repairs = (
            0
            if member.ever_healthy or (not look.group.check and look.now - member.running_at > 600)
            else member.repairs
        )
        look.members[action.name] = replace(
            member.afresh("RECREATING", look.now, action.version),
            instance_id="",
            repairs=repairs + 1 if action.repair else 0,
            repaired_at=look.now if action.repair else 0.0,
        )
        intend(self._store, look.change, member.instance, "delete", now=look.now, drain=action.drain)
        kind = (
            "autohealing.recreate"
            if action.repair and "autohealing" in action.reason
            else "instance.repair"
            if action.repair
            else action.kind
        )
        wait = f"; another repair not before {backoff(repairs + 1):g} s" if action.repair and repairs else ""
        self._tell(
            look,
            kind,
            action.name,
            f"recreated under its name: {action.reason}{wait}",
            {
                "reason": action.reason,
                "health": member.health,
                "health_since": member.health_since,
                "running_at": member.running_at,
                "old_id": member.instance_id,
                "check": look.group.check,
                "repairs": repairs + 1 if action.repair else 0,
                "template": action.version.template,
            },
        )

    def _configure(self, look: _Look, name: str, version: Version, action: str) -> None:
        """Bring the document of an existing instance to a version's configuration."""
        member = look.members[name]
        member = replace(member, config=look.group.config)
        if action == "RESTARTING":
            look.members[name] = replace(member.afresh(action, look.now, version), instance_status="STOPPING")
        else:
            look.members[name] = replace(member.acting(action, look.now), version=version)
        document = self._store.get(member.instance)
        if document is not None:
            made_from = template.properties(self._store, version.template)
            fields = template.configuration(made_from, version.template, look.group.key, look.group.overrides)
            if action == "RESTARTING" and made_from.get("machineType"):
                path = f"projects/{project_of(look.group.key)}/zones/{member.zone}/machineTypes/"
                fields |= {"machineType": url(path + last(made_from["machineType"]))}
                fields |= {"serviceAccounts": list(made_from.get("serviceAccounts") or [])}
            look.change.put(member.instance, {**document, **fields})

    def _settle(self, look: _Look, member: Member, to: str) -> None:
        worked = to == "NONE" and bool(look.group.check)
        look.members[member.name] = replace(
            member.acting(to, look.now), repairs=0 if worked else member.repairs
        )
        if to == "NONE":
            took = look.now - member.running_at
            why = (
                f"autohealing check says HEALTHY {took:.0f} s after it ran"
                if look.group.check
                else "no check to wait for"
            )
            self._tell(
                look,
                "instance.ready",
                member.name,
                why,
                {"running_at": member.running_at, "from": member.action},
            )

    def _tell(self, look: _Look, kind: str, subject: str, message: str, data: Mapping[str, Any]) -> None:
        look.change.event(
            Event(look.now, kind, subject, message, {"instance": subject, "group": look.group.key, **data})
        )

    def _write_status(self, look: _Look, document: Document, decision: mig.Decision) -> None:
        group, members = look.group, list(look.members.values())
        doing = any(not isinstance(action, Settle | Forget) for action in decision.actions)
        stable = (
            not group.deleting
            and not doing
            and not decision.pending
            and len(members) == group.size
            and all(member.action == "NONE" for member in members)
        )
        before: Mapping[str, Any] = document.get("status") or {}
        status = {
            "stateful": {"hasStatefulConfig": False, "perInstanceConfigs": {"allEffective": True}},
            **before,
            "isStable": stable,
            "versionTarget": {"isReached": decision.reached},
            "allInstancesConfig": {
                **(before.get("allInstancesConfig") or {}),
                "effective": decision.effective,
            },
        }
        status.pop("autoscaler", None)
        if autoscaler := autoscaler_of(self._store, group.key):
            status["autoscaler"] = url(autoscaler)
        actions = mig.current_actions(members)
        updated = {**document, "status": status, "currentActions": actions}
        if updated != document:
            look.change.put("compute/" + group.key, updated)
        if stable and not before.get("isStable") and before:
            text = f"{len(members)} instances, none of them undergoing a change"
            look.change.event(
                Event(look.now, "group.stable", group.name, text, {"group": group.key, "size": group.size})
            )

    def _dissolved(self, change: Transaction, name: str) -> None:
        change.delete("compute/" + name)
        change.delete("compute/" + name.replace("/instanceGroupManagers/", "/instanceGroups/"))
        self._remove_records(change, name)
        change.event(
            Event(
                self._clock.now(), "group.deleted", last(name), "its last instance is gone", {"group": name}
            )
        )

    def _remove_records(self, change: Transaction, name: str) -> None:
        for key in (f"control/deleting/{name}", f"control/errors/{name}"):
            if self._store.get(key) is not None:
                change.delete(key)


def autoscaler_of(store: Store, group: str) -> str:
    """Return the relative name of the autoscaler whose target is this group; empty if it has none."""
    parent = f"compute/{'/'.join(group.split('/')[:4])}/autoscalers/"
    for key, document in store.scan(parent):
        if relname(document.get("target", ""), group) == group:
            return key.removeprefix("compute/")
    return ""
