"""The records of groups' instances in the store: ``control/managed/{group}/{instance}``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from localcloud.control.member import Member

if TYPE_CHECKING:
    from localcloud.store import Document, Store

PREFIX = "control/managed/"

# Records are read far more often than they change: what a stored document reads as, by store and key.
_PARSED_KEPT = 20_000
_PARSED: WeakKeyDictionary[Store, dict[str, tuple[Document, Member]]] = WeakKeyDictionary()


def members_prefix(name: str) -> str:
    """Return the prefix of the records of a group's instances."""
    return f"{PREFIX}{name}/"


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
