"""Looks at groups: one look is one transaction, and the status is written every time it differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.control import faults, group_status, managed, mig, stateful, template
from localcloud.control import group as groups
from localcloud.control.addresses import AddressBook
from localcloud.control.crowd import Crowd, EveryoneNeeded
from localcloud.control.execution import Execution
from localcloud.control.links import last
from localcloud.control.look import Look
from localcloud.control.roster import Roster
from localcloud.plans import per_instance
from localcloud.plans.disruption import disruption
from localcloud.store import Document, Event, Store, Transaction

if TYPE_CHECKING:
    import random

    from localcloud.clock import Clock
    from localcloud.control.member import Version


class GroupController:
    """Reconciles managed instance groups, one at a time, by relative name; it is told which of their instances changed."""

    def __init__(self, store: Store, clock: Clock, rng: random.Random) -> None:
        self._store, self._clock = store, clock
        self._rosters: dict[str, Roster] = {}
        self._book = AddressBook(store)
        self._execution = Execution(store, self._book, rng)
        self.weight = 0  # how many instances were looked at in the group that was looked at last

    def touch(self, group: str, name: str) -> None:
        """Note that an instance of a group changed, or its record, or what is wanted of its machine."""
        self._book.touch(managed.members_prefix(group) + name)
        if (roster := self._rosters.get(group)) is not None:
            roster.touch(name)

    def touch_addresses(self, key: str) -> None:
        """Note that an instance or a reserved address (by key) changed."""
        self._book.touch(key)

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._book.touch_all()
        self._rosters.clear()

    def known(self) -> set[str]:
        """Return the groups there is work for: those with a document and those with instances or a deletion left behind."""
        found = {
            key.removeprefix("compute/")
            for key in self._store.keys("compute/projects/")
            if key.split("/")[-2] == "instanceGroupManagers"
        }
        found.update(
            key.removeprefix(managed.PREFIX).rpartition("/")[0] for key in self._store.keys(managed.PREFIX)
        )
        found.update(key.removeprefix("control/deleting/") for key in self._store.keys("control/deleting/"))
        return found

    def reconcile(self, name: str) -> float | None:
        """Look at one group, do what is to be done now, and return when to look again (None: when something changes)."""
        now = self._clock.now()
        document = self._store.get("compute/" + name)
        deleting = document is None or self._store.get("control/deleting/" + name) is not None
        group = self._group(name, document if not deleting else None)
        roster = self._rosters.get(name) or self._rosters.setdefault(name, Roster(self._store, name))
        if deleting:
            roster.touch_all()
        seen = roster.look(group, now)
        if document is None and not roster.seen:
            with self._store.transaction() as change:
                self._remove_records(change, name)
            del self._rosters[name]
            return None
        crowd = roster.crowd
        try:
            decision = mig.decide(group, seen, now, self._needs, crowd)
        except EveryoneNeeded:
            seen, crowd = roster.everyone(), Crowd()
            decision = mig.decide(group, seen, now, self._needs)
        self.weight = len(seen)
        self._book.begin()
        with self._store.transaction() as change:
            look = Look(group=group, roster=roster, change=change, now=now)
            look.members = {each.member.name: each.member for each in seen}
            for action in decision.actions:
                self._execution.carry_out(look, action)
            for each in list(look.members.values()):
                if each.requested:
                    look.members[each.name] = replace(each, requested="", allowed="REPLACE")
            for member in look.members.values():
                if member != roster.stored(member.name):
                    change.put(managed.members_prefix(name) + member.name, member.document())
            if deleting and not look.members:
                self._dissolved(change, name)
            elif document is not None:
                stateful.note_configs(self._store, look)
                group_status.write(self._store, look, document, decision, crowd=crowd)
        times = [member.retry_at for member in look.members.values() if member.retry_at > now]
        if decision.look_again is not None:
            times.append(decision.look_again)
        return min(times) if times else None

    def _group(self, name: str, document: Document | None) -> groups.Group:
        """Read what the group should be; one that is being deleted should be nothing."""
        if document is None:
            return groups.Group(
                key=name,
                name=last(name),
                base_name="",
                zones=(),
                regional=False,
                size=0,
                versions=(),
                deleting=True,
            )
        configs = {
            key.rpartition("/")[2]: config for key, config in self._store.scan(per_instance.prefix_of(name))
        }
        return groups.parse(
            name, document, deleting=False, configs=configs, zones_out=faults.outages(self._store)
        )

    def _needs(self, old: Version, new: Version) -> str:
        if old.template == new.template:
            return "NONE"
        try:
            return disruption(
                template.properties(self._store, old.template), template.properties(self._store, new.template)
            )
        except template.TemplateError:
            return "REPLACE"

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
        for key in self._store.keys(per_instance.prefix_of(name)):
            change.delete(key)
