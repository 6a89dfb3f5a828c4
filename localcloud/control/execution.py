"""Carries out a group's decision in one transaction: instances' documents, records and intents, and the story of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localcloud.control import faults, preserving, quotas, template
from localcloud.control.actions import (
    Action,
    Create,
    Delete,
    Forget,
    Make,
    Recreate,
    Refresh,
    Rest,
    Restart,
    Settle,
    Wake,
)
from localcloud.control.addresses import AddressBook, AddressInUseError, SubnetworkFullError
from localcloud.control.errors import record_error
from localcloud.control.intents import Intent, intend
from localcloud.control.links import last, project_of
from localcloud.control.managed import members_prefix
from localcloud.control.member import Member, Version
from localcloud.control.naming import new_name
from localcloud.control.outfit import Outfitter
from localcloud.control.repair import backoff
from localcloud.plans import standby
from localcloud.store import Event, Store

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from localcloud.control.look import Look


_CODES: Mapping[type[Exception], str] = {
    AddressInUseError: "IP_IN_USE_BY_ANOTHER_RESOURCE",
    SubnetworkFullError: "IP_SPACE_EXHAUSTED",
    faults.ZoneOutageError: "ZONE_RESOURCE_POOL_EXHAUSTED",
    quotas.QuotaExceededError: "QUOTA_EXCEEDED",
}
_FIRST_ID = 1_000_000_000_000_000_001  # the counter is shared with every other resource


class Execution:
    """Carries actions out, one at a time, for whichever group is looked at."""

    def __init__(self, store: Store, book: AddressBook, rng: random.Random) -> None:
        self._store, self._rng = store, rng
        self._book, self._outfitter = book, Outfitter(store, book)

    def carry_out(self, look: Look, action: Action) -> None:
        """Carry out one action."""
        match action:
            case Create():
                self._create(look, action)
            case Make(name=name):
                self._make(look, look.member(name))
            case Delete(name=name, reason=reason, drain=drain, replaced=replaced):
                member = replace(look.member(name).acting("DELETING", look.now), replaced=replaced)
                look.members[name] = member
                intend(self._store, look.change, member.instance, "delete", now=look.now, drain=drain)
                self._tell(look, "instance.deleting", name, f"leaves the group: {reason}", {"reason": reason})
            case Recreate():
                self._recreate(look, action)
            case Restart(name=name, version=version, reason=reason):
                if self._configured(look, name, version, "RESTARTING"):
                    intend(self._store, look.change, look.member(name).instance, "restart", now=look.now)
                    self._tell(look, "instance.restart", name, f"restarted: {reason}", {"reason": reason})
            case Refresh(name=name, version=version):
                if self._configured(look, name, version, "REFRESHING"):
                    text = f"configured as {last(version.template)} says"
                    self._tell(look, "instance.refresh", name, text, {})
            case _:
                self._carry_on(look, action)

    def _carry_on(self, look: Look, action: Action) -> None:
        match action:
            case Rest(name=name):
                self._rest(look, look.member(name))
            case Wake(name=name):
                self._wake(look, look.member(name))
            case Settle(name=name, action=to):
                self._settle(look, look.member(name), to)
            case Forget(name=name):
                self._forget(look, look.member(name))
            case _:
                msg = f"{action}: nothing carries it out"
                raise ValueError(msg)

    def _forget(self, look: Look, member: Member) -> None:
        del look.members[member.name]
        look.gone.add(member.name)
        look.change.delete(members_prefix(look.group.key) + member.name)
        if member.action == "DELETING" or look.group.deleting:
            preserving.give_up(self._store, look.change, member)
        if member.action == "ABANDONING":
            if self._store.get(member.instance) is None:
                preserving.free_addresses(self._store, look.change, member.instance)
            text = "left the group and goes on by itself"
            self._tell(look, "instance.abandoned", member.name, text, {})

    def _create(self, look: Look, action: Create) -> None:
        name = new_name(self._store, self._rng, look)
        project = project_of(look.group.key)
        member = Member(
            name=name,
            zone=action.zone,
            instance=f"compute/projects/{project}/zones/{action.zone}/instances/{name}",
            action="CREATING",
            version=action.version,
            created_at=look.now,
            since=look.now,
            target=action.target,
        )
        look.members[name] = member
        self._make(look, member)

    def _make(self, look: Look, member: Member) -> None:
        """Write the instance's document; where that cannot be, note Google's error code and try again later."""
        numeric_id = str(self._store.next_number("id", _FIRST_ID))
        try:
            faults.check_zone(self._store, project_of(look.group.key), member.zone)
            quotas.check(
                self._store,
                look.change,
                project=project_of(look.group.key),
                zone=member.zone,
                machine_type=last(
                    look.group.machine_type
                    or template.properties(self._store, member.version.template).get(
                        "machineType", "e2-medium"
                    )
                ),
            )
            document = template.instance(
                self._store,
                self._book,
                name=member.name,
                numeric_id=numeric_id,
                zone=member.zone,
                template=member.version.template,
                group=look.group.key,
                overrides=look.group.overrides_of(member.name),
                now=look.now,
                kept=self._outfitter.addresses(look, member),
                machine_type=look.group.machine_type,
            )
            document, preserved = self._outfitter.furnish(look, member, document)
        except (
            template.TemplateError,
            AddressInUseError,
            SubnetworkFullError,
            faults.ZoneOutageError,
            quotas.QuotaExceededError,
        ) as error:
            self._failed(look, member, error)
            return
        look.change.put(member.instance, document)
        look.members[member.name] = replace(
            member,
            instance_id=numeric_id,
            instance_status=document["status"],
            config=look.group.config_of(member.name),
            preserved=preserved,
            standby_at=look.now + look.group.initial_time if member.waiting else 0.0,
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

    def _failed(self, look: Look, member: Member, error: Exception) -> None:
        code = _CODES.get(type(error), "CONDITION_NOT_MET")
        what = "creation" if member.action in {"CREATING", "RECREATING"} else "update"
        message = f"Instance '{member.name}' {what} failed: {error}"
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

    def _recreate(self, look: Look, action: Recreate) -> None:
        member = look.member(action.name)
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

    def _configured(self, look: Look, name: str, version: Version, action: str) -> bool:
        """Bring an instance to a version's configuration, or note why that cannot be, to be tried again."""
        try:
            self._outfitter.configure(look, name, version, action)
        except template.TemplateError as error:
            self._failed(look, look.member(name), error)
            return False
        return True

    def _rest(self, look: Look, member: Member) -> None:
        """Have an instance of the standby pool wait."""
        stopped = member.target == standby.STOPPED
        look.members[member.name] = member.acting("STOPPING" if stopped else "SUSPENDING", look.now)
        intent: Intent = "stop" if stopped else "suspend"
        intend(self._store, look.change, member.instance, intent, now=look.now, drain=True)
        self._tell(look, "instance.rest", member.name, f"waits in the standby pool, {member.target}", {})

    def _wake(self, look: Look, member: Member) -> None:
        """Take an instance out of the standby pool; one that still runs, or is being brought down, is told so when it is at rest."""
        woken = look.members[member.name] = member.woken(look.now) if member.waiting else member
        document = self._store.get(member.instance)
        if document is not None and document["status"] in standby.AT_REST.values():
            look.change.put(member.instance, {**document, "status": "PROVISIONING"})
            intend(self._store, look.change, member.instance, "run", now=look.now)
        text = "taken from the standby pool"
        self._tell(look, "instance.wake", member.name, text, {"action": woken.action})

    def _settle(self, look: Look, member: Member, to: str) -> None:
        worked = to == "NONE" and bool(look.group.check)
        look.members[member.name] = replace(
            member.acting(to, look.now), repairs=0 if worked else member.repairs
        )
        if to == "NONE" and not member.waiting:
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

    def _tell(self, look: Look, kind: str, subject: str, message: str, data: Mapping[str, Any]) -> None:
        look.change.event(
            Event(look.now, kind, subject, message, {"instance": subject, "group": look.group.key, **data})
        )
