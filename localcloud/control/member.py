"""A managed instance's record: what its group intends with it, and where it stands. Lives under ``control/managed/``.

The public fields are those of Google's listManagedInstances (name, zone, instance, currentAction, targetStatus, instanceStatus,
version, health, lastAttempt); the rest is the group controller's memory, so that nothing is lost when the daemon is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.control.health import condemned
from localcloud.control.links import relname, url
from localcloud.control.preserving import from_policy
from localcloud.plans import standby
from localcloud.store import Document

_LEAVING = {"DELETING": "DELETED", "ABANDONING": "ABANDONED"}


@dataclass(frozen=True, kw_only=True)
class Version:
    """What an instance is made from: a version's name (often empty) and its template's relative name."""

    name: str
    template: str


@dataclass(frozen=True, kw_only=True)
class Member:
    """One managed instance. Times are cloud times; 0 is never.

    `instance_id`: numeric id of the incarnation it should have; empty while that one is not made yet.
    `repairs`: repairs since it last worked; the next one waits the longer. `retry_at`: not made again before.
    `cpu`: measured utilisation of the allotted CPU. `config`: revision of the allInstancesConfig it was given.
    `replaced`: it leaves because of an update, so its place is not free before it is gone.
    """

    name: str
    zone: str
    instance: str
    action: str
    version: Version
    created_at: float
    instance_id: str = ""
    instance_status: str = ""
    since: float = 0.0
    running_at: float = 0.0
    health: str = "UNKNOWN"
    health_since: float = 0.0
    ever_healthy: bool = False
    healthy_at: float = 0.0
    repairs: int = 0
    repaired_at: float = 0.0
    retry_at: float = 0.0
    attempts: int = 0
    cpu: float | None = None
    replaced: bool = False
    config: str = ""
    requested: str = ""  # the least action that applyUpdatesToInstances asked for
    allowed: str = "REPLACE"  # ... and the most it allowed
    last_attempt: Document = field(default_factory=dict)
    preserved: Document = field(default_factory=dict)  # what the next one of its name gets again
    target: str = standby.RUNNING  # or the state of the standby pool that it waits in
    standby_at: float = 0.0  # not brought down for the pool before

    @property
    def leaving(self) -> bool:
        """It is on its way out of the group."""
        return self.action in {"DELETING", "ABANDONING"}

    @property
    def waiting(self) -> bool:
        """It belongs to the standby pool, or is on its way there: it serves nobody."""
        return self.target != standby.RUNNING

    @property
    def settled(self) -> bool:
        """Nothing is being done to it, other than waiting for its first healthy answer."""
        return self.action in {"NONE", "VERIFYING"}

    def available(self, *, checked: bool, now: float, ready_after: float) -> bool:
        """Serving, as an update counts it: running, healthy at least once if there is a check and not condemned now, long enough."""
        if not self.settled or self.instance_status != "RUNNING":
            return False
        if not checked:
            return now >= self.running_at + ready_after
        return self.ever_healthy and not condemned(self.health) and now >= self.healthy_at + ready_after

    def acting(self, action: str, now: float) -> Member:
        """Return the record with a new current action."""
        return replace(self, action=action, since=now)

    def afresh(self, action: str, now: float, version: Version) -> Member:
        """Return the record of an instance that is to be looked at as new, because it is made or booted again."""
        return replace(
            self,
            action=action,
            since=now,
            version=version,
            running_at=0.0,
            health="UNKNOWN",
            health_since=now,
            ever_healthy=False,
            healthy_at=0.0,
        )

    def woken(self, now: float) -> Member:
        """Return the record of one that is taken out of the standby pool: as new, unless its machine goes on running."""
        action = "RESUMING" if self.target == standby.SUSPENDED else "STARTING"
        goes_on = self.instance_status == "RUNNING" and self.action not in {"STOPPING", "SUSPENDING"}
        before = self.acting(action, now) if goes_on else self.afresh(action, now, self.version)
        return replace(before, target=standby.RUNNING, standby_at=0.0, repairs=0)

    def document(self) -> dict[str, Any]:
        """Render as stored."""
        return {
            "name": self.name,
            "zone": self.zone,
            "instance": self.instance,
            "currentAction": self.action,
            "targetStatus": _LEAVING.get(self.action, self.target),
            "instanceStatus": self.instance_status,
            "version": {"name": self.version.name, "instanceTemplate": url(self.version.template)},
            "health": self.health,
            "createdAt": self.created_at,
            "lastAttempt": self.last_attempt,
            "instanceId": self.instance_id,
            "since": self.since,
            "runningAt": self.running_at,
            "healthSince": self.health_since,
            "everHealthy": self.ever_healthy,
            "healthyAt": self.healthy_at,
            "repairs": self.repairs,
            "repairedAt": self.repaired_at,
            "retryAt": self.retry_at,
            "attempts": self.attempts,
            "cpu": self.cpu,
            "replaced": self.replaced,
            "config": self.config,
            "requested": self.requested,
            "allowed": self.allowed,
            "preserved": self.preserved,
            **({"preservedStateFromPolicy": from_policy(self.preserved)} if self.preserved else {}),
            **({"standby": self.target, "standbyAt": self.standby_at} if self.waiting else {}),
        }

    @classmethod
    def parse(cls, document: Document) -> Member:
        """Read a stored record."""
        version = document["version"]
        return cls(
            name=document["name"],
            zone=document["zone"],
            instance=document["instance"],
            action=document["currentAction"],
            version=Version(name=version.get("name", ""), template=relname(version["instanceTemplate"])),
            created_at=document["createdAt"],
            instance_id=document.get("instanceId", ""),
            instance_status=document.get("instanceStatus", ""),
            since=document.get("since", 0.0),
            running_at=document.get("runningAt", 0.0),
            health=document.get("health", "UNKNOWN"),
            health_since=document.get("healthSince", 0.0),
            ever_healthy=document.get("everHealthy", False),
            healthy_at=document.get("healthyAt", 0.0),
            repairs=document.get("repairs", 0),
            repaired_at=document.get("repairedAt", 0.0),
            retry_at=document.get("retryAt", 0.0),
            attempts=document.get("attempts", 0),
            cpu=document.get("cpu"),
            replaced=document.get("replaced", False),
            config=document.get("config", ""),
            requested=document.get("requested", ""),
            allowed=document.get("allowed", "REPLACE"),
            last_attempt=document.get("lastAttempt", {}),
            preserved=document.get("preserved", {}),
            target=document.get("standby", standby.RUNNING),
            standby_at=document.get("standbyAt", 0.0),
        )
