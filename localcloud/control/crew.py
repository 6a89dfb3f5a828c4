"""A group's instances by their records, kept up to date change by change: who looks at all of them often reads only what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.managed import members_prefix, parsed_member

if TYPE_CHECKING:
    from localcloud.control.member import Member
    from localcloud.store import Store


class Crew:
    """The instances of one group. Told of changed records; it answers from the store as it is."""

    def __init__(self, store: Store, group: str) -> None:
        self._store, self._prefix = store, members_prefix(group)
        self._members: dict[str, Member] = {}
        self._changed = dict.fromkeys(key.removeprefix(self._prefix) for key in store.keys(self._prefix))

    def touch(self, name: str) -> None:
        """Note that an instance's record changed, came or went."""
        self._changed[name] = None

    def members(self) -> list[Member]:
        """Return all of them, by name."""
        for name in self._changed:
            member = parsed_member(self._store, self._prefix + name)
            if member is None:
                self._members.pop(name, None)
            else:
                self._members[name] = member
        self._changed.clear()
        return [self._members[name] for name in sorted(self._members)]
