"""What is seen of a group's instances, kept up to date change by change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.control import intents
from localcloud.control.crowd import Crowd, quiet
from localcloud.control.managed import members_prefix, parsed_member
from localcloud.control.mig import Seen

if TYPE_CHECKING:
    from localcloud.control.group import Group
    from localcloud.control.member import Member
    from localcloud.store import Store


class Roster:
    """The instances of one group: those to look at, and the crowd of the others."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._prefix = store, members_prefix(name)
        self._all = True
        self._changed: dict[str, None] = {}
        self._judged_by: object = None
        self._quiet: set[str] = set()
        self._others: dict[str, None] = {}
        self.crowd = Crowd()
        self.seen: dict[str, Seen] = {}

    def touch(self, name: str) -> None:
        """Note that an instance, its record or what is wanted of its machine changed."""
        self._changed[name] = None

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._all = True

    def look(self, group: Group, now: float) -> list[Seen]:
        """Return those that are not in the crowd, by name."""
        judged_by = (group.versions, group.check, group.ready_after, group.config, group.configs)
        if self._all or judged_by != self._judged_by:
            self._quiet, self._others, self.crowd, self.seen = set(), {}, Crowd(), {}
            self._changed = dict.fromkeys(
                key.removeprefix(self._prefix) for key in self._store.keys(self._prefix)
            )
            self._all, self._judged_by = False, judged_by
        for name in self._changed:
            self._look_at(name)
        self._changed.clear()
        for name in [name for name in self._others if self._is_quiet(group, name, now)]:
            del self._others[name]
            self._quiet.add(name)
            self.crowd.add(self.seen[name])
        return [self.seen[name] for name in sorted(self._others)]

    def everyone(self) -> list[Seen]:
        """Return all of them, by name."""
        return [self.seen[name] for name in sorted(self.seen)]

    def stored(self, name: str) -> Member | None:
        """Return an instance's record as it is in the store."""
        return parsed_member(self._store, self._prefix + name)

    def _look_at(self, name: str) -> None:
        if name in self._quiet:
            self._quiet.discard(name)
            self.crowd.add(self.seen[name], -1)
        self._others.pop(name, None)
        self.seen.pop(name, None)
        stored = self.stored(name)
        if stored is None:
            return
        self.seen[name] = self._observe(stored)
        self._others[name] = None

    def _is_quiet(self, group: Group, name: str, now: float) -> bool:
        seen = self.seen[name]  # what is observed and not yet in the record has to be written
        return quiet(group, seen, now) and seen.member is self.stored(name)

    def _observe(self, member: Member) -> Seen:
        instance = self._store.get(member.instance)
        numeric_id, status = (
            (str(instance["id"]), str(instance["status"])) if instance is not None else ("", "")
        )
        running_at = member.running_at
        if numeric_id and numeric_id == member.instance_id and status == "RUNNING":
            running_at = (self._store.get(intents.PREFIX + numeric_id) or {}).get("runningAt", running_at)
        if (status, running_at) != (member.instance_status, member.running_at):
            member = replace(member, instance_status=status, running_at=running_at)
        asked = str(intents.intent_of(self._store, numeric_id)["intent"]) if member.waiting else ""
        return Seen(member=member, status=status, id=numeric_id, asked=asked)
