"""Carries out the verbs that the API hands over: ``control/requests/{n}`` = {"verb", "target", "args", "at"}.

A verb only writes down an intent (a record's action, a machine's intent, a target size); the controllers do the rest. It is removed in the
same transaction, so it is done once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcloud.control import group as groups
from localcloud.control.intents import intend
from localcloud.control.links import last, project_of
from localcloud.control.managed import members_of, members_prefix
from localcloud.control.member import Member
from localcloud.plans import standby
from localcloud.store import Document, Event, Store, Transaction

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.control.group import Group


class Verbs:
    """Answers requests, one at a time, by their keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def carry_out(self, key: str) -> None:
        """Carry out one request and remove it. What it cannot do is told as an event; it is removed all the same."""
        request = self._store.get(key)
        if request is None:
            return
        target, verb = str(request["target"]), str(request["verb"]).rpartition(".")[2]
        with self._store.transaction() as change:
            change.delete(key)
            if "/instances/" in target:
                self._instance(change, verb, target)
            else:
                self._group(change, verb, target, request.get("args") or {})

    def _instance(self, change: Transaction, verb: str, target: str) -> None:
        key = "compute/" + target
        document = self._store.get(key)
        if document is None:
            self._tell(change, verb, target, f"{verb}: the instance does not exist any more")
            return
        now = self._clock.now()
        match verb:
            case "delete" | "stop":
                intend(self._store, change, key, verb, now=now)
            case "suspend" | "reset":  # one that is on its way down goes on
                if document["status"] == "RUNNING":
                    intend(self._store, change, key, verb, now=now)
            case "start" | "resume":
                if document["status"] == ("TERMINATED" if verb == "start" else "SUSPENDED"):
                    intend(self._store, change, key, "run", now=now)
                    change.put(key, {**document, "status": "PROVISIONING"})
            case _:
                self._tell(
                    change,
                    verb,
                    target,
                    f"{verb}: no such verb for an instance; delete, stop, reset, start, suspend and resume are",
                )
                return
        self._tell(change, verb, target, f"{verb} was asked for")

    def _group(self, change: Transaction, verb: str, target: str, args: Mapping[str, Any]) -> None:
        document = self._store.get("compute/" + target)
        if document is None:
            self._tell(change, verb, target, f"{verb}: the group does not exist any more")
            return
        group = groups.parse(target, document, deleting=False)
        members = {member.name: member for member in members_of(self._store, target)}
        everyone = bool(args.get("allInstances"))
        chosen = (
            list(members.values())
            if everyone
            else [members[name] for name in _names(args.get("instances")) if name in members]
        )
        chosen = [member for member in chosen if not member.leaving]
        match verb:
            case "recreateInstances":
                for member in chosen:
                    self._put(change, target, self._recreated(change, group, member))
            case "deleteInstances":
                for member in chosen:
                    intend(self._store, change, member.instance, "delete", now=self._clock.now(), drain=True)
                    self._put(change, target, member.acting("DELETING", self._clock.now()))
                self._resize(change, target, document, _less(chosen))
            case "abandonInstances":
                for member in chosen:
                    self._put(change, target, member.acting("ABANDONING", self._clock.now()))
                self._resize(change, target, document, _less(chosen))
            case "stopInstances" | "suspendInstances" | "startInstances" | "resumeInstances":
                chosen = self._stand_by(change, verb, group, document, chosen, hasty=bool(args.get("force")))
            case "applyUpdatesToInstances":
                least = str(args.get("minimalAction") or "NONE")
                most = str(args.get("mostDisruptiveAllowedAction") or "REPLACE")
                for member in chosen:
                    self._put(change, target, replace(member, requested=least, allowed=most))
            case "createInstances":
                self._create(change, group, document, members, _names(args.get("instances")))
            case _:
                self._tell(change, verb, target, f"{verb}: no such verb for a group")
                return
        self._tell(
            change,
            verb,
            target,
            f"{verb} was asked for: {', '.join(member.name for member in chosen) or 'no instance of it'}",
        )

    def _recreated(self, change: Transaction, group: Group, member: Member) -> Member:
        """Recreate with the group's current configuration (a repair would use the instance's original one)."""
        now = self._clock.now()
        intend(self._store, change, member.instance, "delete", now=now, drain=True)
        known = [version for version, _ in group.wanted()]
        version = member.version if member.version in known else known[-1]
        return replace(member.afresh("RECREATING", now, version), instance_id="")

    def _stand_by(
        self,
        change: Transaction,
        verb: str,
        group: Group,
        document: Document,
        chosen: list[Member],
        *,
        hasty: bool,
    ) -> list[Member]:
        """Have members wait in the standby pool, or take them out of it; returns those it was of any use to."""
        state = standby.STOPPED if verb in {"stopInstances", "startInstances"} else standby.SUSPENDED
        down = verb in {"stopInstances", "suspendInstances"}
        moved = [member for member in chosen if member.target == (standby.RUNNING if down else state)]
        for member in moved:
            after = (
                self._waiting(group, member, state, hasty=hasty) if down else member.woken(self._clock.now())
            )
            self._put(change, group.key, after)
        step = -len(moved) if down else len(moved)
        self._resize(change, group.key, document, {"targetSize": step, standby.SIZES[state]: -step})
        return moved

    def _create(
        self,
        change: Transaction,
        group: Group,
        document: Document,
        members: Mapping[str, Member],
        names: list[str],
    ) -> None:
        wanted = [name for name in names if name not in members]
        for number, name in enumerate(wanted):
            self._put(change, group.key, self._created(group, list(members.values()), name, number))
        self._resize(change, group.key, document, {"targetSize": len(wanted)})

    def _created(self, group: Group, members: Iterable[Member], name: str, number: int) -> Member:
        zones = sorted(
            group.zones, key=lambda zone: (sum(1 for member in members if member.zone == zone), zone)
        )
        zone = zones[number % len(zones)]
        now = self._clock.now()
        return Member(
            name=name,
            zone=zone,
            instance=f"compute/projects/{project_of(group.key)}/zones/{zone}/instances/{name}",
            action="CREATING",
            version=group.wanted()[-1][0],
            created_at=now,
            since=now,
        )

    def _waiting(self, group: Group, member: Member, state: str, *, hasty: bool) -> Member:
        """Have a member wait in the standby pool, not before it has run for the initial delay."""
        now = self._clock.now()
        made: str = (self._store.get(member.instance) or {}).get("creationTimestamp", "")
        ready = datetime.fromisoformat(made).timestamp() + group.initial_time if made and not hasty else now
        action = "STOPPING" if state == standby.STOPPED else "SUSPENDING"
        # One that is being made goes on with that first.
        moved = member.acting(action, now) if member.settled else member
        return replace(moved, target=state, standby_at=ready)

    def _resize(self, change: Transaction, target: str, document: Document, steps: Mapping[str, int]) -> None:
        """Change the target size and those of the pool, by so many each."""
        changed = {name: max(0, int(document.get(name) or 0) + step) for name, step in steps.items()}
        change.put("compute/" + target, {**document, **changed})

    def _put(self, change: Transaction, target: str, member: Member) -> None:
        change.put(members_prefix(target) + member.name, member.document())

    def _tell(self, change: Transaction, verb: str, target: str, message: str) -> None:
        change.event(Event(self._clock.now(), f"request.{verb}", last(target), message, {"target": target}))


def _less(leaving: Iterable[Member]) -> dict[str, int]:
    """Return what the sizes change by when these leave: who waits in the pool is one less to wait there."""
    fields = (standby.SIZES[member.target] if member.waiting else "targetSize" for member in leaving)
    return {field: -count for field, count in Counter(fields).items()}


def _names(instances: object) -> list[str]:
    """Return the names behind a list of instance URLs, or of objects with a name (createInstances)."""
    if not isinstance(instances, list | tuple):
        return []
    return [
        last(str(entry.get("name", ""))) if isinstance(entry, Mapping) else last(str(entry))
        for entry in instances
    ]
