"""Which instance belongs to which group, kept up to date change by change: so that one change costs one look-up, however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.managed import PREFIX, parsed_member
from localcloud.control.serving import Serving

if TYPE_CHECKING:
    from localcloud.store import Store


class Inventory:
    """Records of groups' instances, by instance key. Told of changed records; it answers from the store as it is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, str] = {}  # instance key -> its record's key
        self._instances: dict[str, str] = {}  # ... and back
        self._by_group: dict[
            str, dict[str, None]
        ] = {}  # group -> its instances' keys, in order of their coming

    def learn(self, record_key: str) -> str | None:
        """Note that a record changed; return the key of the instance that it is (or was) of."""
        record = self._store.get(record_key)
        group = record_key.removeprefix(PREFIX).rpartition("/")[0]
        if record is None:
            instance = self._instances.pop(record_key, None)
            if instance is not None:
                self._records.pop(instance, None)
                self._by_group[group].pop(instance, None)
            return instance
        instance = str(record["instance"])
        self._records[instance] = record_key
        self._instances[record_key] = instance
        self._by_group.setdefault(group, {})[instance] = None
        return instance

    def renew(self) -> None:
        """Read all records again."""
        self._records, self._instances, self._by_group = {}, {}, {}
        for key, _ in self._store.scan(PREFIX):
            self.learn(key)

    def group_of(self, instance: str) -> str:
        """Return the group of an instance; empty if it has none."""
        return self._records.get(instance, "").removeprefix(PREFIX).rpartition("/")[0]

    def name_of(self, instance: str) -> str:
        """Return the name under which its group knows an instance; empty if it has none."""
        return self._records.get(instance, "").rpartition("/")[2]

    def instances_of(self, group: str) -> tuple[str, ...]:
        """Return the keys of a group's instances."""
        return tuple(self._by_group.get(group, ()))

    def serving(self, instance: str) -> Serving | None:
        """Return an instance as those who send it probes and traffic see it; None if it has no document or no group."""
        record = self._records.get(instance)
        document = self._store.get(instance)
        member = parsed_member(self._store, record) if record else None
        if member is None or document is None:
            return None
        intent = self._store.get(f"control/machines/{document['id']}") or {}
        return Serving(member=member, document=document, intent=intent)
