"""One look at one group: what is known of it, and the transaction that collects what is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from localcloud.control.group import Group
from localcloud.control.member import Member
from localcloud.control.roster import Roster
from localcloud.store import Transaction


@dataclass
class Look:
    """One look at one group: what it is, who was looked at, and the transaction that collects the changes."""

    group: Group
    roster: Roster
    change: Transaction
    now: float
    members: dict[str, Member] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def member(self, name: str) -> Member:
        """Return an instance as this look leaves it so far."""
        if name not in self.members:
            self.members[name] = self.roster.seen[name].member
        return self.members[name]

    def knows(self, name: str) -> bool:
        """Say whether the group has an instance of this name."""
        return name in self.members or (name in self.roster.seen and name not in self.gone)
