"""What instances have beside their machine: addresses, disks, metadata; given to new ones, and to those that are refreshed or restarted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localcloud.control import preserving, template
from localcloud.control.links import last, project_of, url
from localcloud.store import Document, Store, Transaction

if TYPE_CHECKING:
    from localcloud.control.addresses import AddressBook
    from localcloud.control.look import Look
    from localcloud.control.member import Member, Version


class Outfitter:
    """Fits instances out as their templates, groups and own configurations say."""

    def __init__(self, store: Store, book: AddressBook) -> None:
        self._store, self._book = store, book

    def addresses(self, look: Look, member: Member) -> dict[str, str]:
        """Return the addresses that an instance is to have, by interface; AddressInUseError if another has one that is new to it."""
        found = preserving.addresses(self._store, look.group, member)
        had = member.preserved.get("internalIPs") or {}
        for interface, address in found.items():
            if interface not in had or had[interface]["ipAddress"]["literal"] != address:
                self._book.check(address, member.name)
        return found

    def furnish(
        self, look: Look, member: Member, document: Document
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give an instance its disks and reservations: all of them, or none if one cannot be had."""
        if not look.group.stateful:
            return preserving.furnish(self._store, look.change, look.group, member, document, now=look.now)
        draft = Transaction()
        draft.writes.update(look.change.writes)
        found = preserving.furnish(self._store, draft, look.group, member, document, now=look.now)
        look.change.writes.update(draft.writes)
        return found

    def configure(self, look: Look, name: str, version: Version, action: str) -> None:
        """Bring the document of an existing instance to a version's configuration."""
        member = replace(look.member(name), config=look.group.config_of(name))
        document = self._store.get(member.instance)
        preserved: Document = member.preserved
        if document is not None:
            changed = replace(member, version=version)
            document, preserved = self.furnish(look, changed, document)
        member = replace(member, preserved=preserved, attempts=0, retry_at=0.0)
        if action == "RESTARTING":
            look.members[name] = replace(member.afresh(action, look.now, version), instance_status="STOPPING")
        else:
            look.members[name] = replace(member.acting(action, look.now), version=version)
        if document is not None:
            made_from = template.properties(self._store, version.template)
            fields = template.configuration(
                made_from, version.template, look.group.key, look.group.overrides_of(name)
            )
            if action == "RESTARTING" and made_from.get("machineType"):
                path = f"projects/{project_of(look.group.key)}/zones/{member.zone}/machineTypes/"
                fields |= {
                    "machineType": url(path + last(look.group.machine_type or made_from["machineType"]))
                }
                fields |= {"serviceAccounts": list(made_from.get("serviceAccounts") or [])}
            look.change.put(member.instance, {**document, **fields})
