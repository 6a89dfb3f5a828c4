"""What was seen of a deployed stack: plain values, from which everything that is found follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from scripts.diagnosis.firewall import FirewallRule
from scripts.diagnosis.reach import Reach
from scripts.diagnosis.serial_log import ScriptRun

Role = Literal["autohealing", "balancer"]
FAILED = frozenset({"UNHEALTHY", "TIMEOUT"})


@dataclass(frozen=True, kw_only=True)
class Check:
    """A health check in one of its two roles. Times in seconds; `port` is None where a named port decides.

    `request` says what is asked for, in words ("GET /healthz"); `place` are the flags that tell gcloud where the check is.
    """

    role: Role
    name: str
    protocol: str
    port: int | None
    request: str
    interval: int
    timeout: int
    healthy: int
    unhealthy: int
    place: str = "--global"

    @property
    def window(self) -> int:
        """Seconds of failure until its verdict."""
        return self.interval * self.unhealthy


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One managed instance. `autohealing` and `balancer` are the two verdicts, "" where nothing is known.

    `run` is the last run of the start-up script as the serial port tells it, None where it tells of none.
    """

    name: str
    zone: str
    status: str
    action: str
    template: str
    autohealing: str = ""
    balancer: str = ""
    run: ScriptRun | None = None
    errors: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None

    def verdict(self, role: Role) -> str:
        """Return one check's verdict."""
        return self.autohealing if role == "autohealing" else self.balancer

    def serving(self) -> bool:
        """Say whether the balancer sends it connections."""
        return self.balancer == "HEALTHY"


@dataclass(frozen=True, kw_only=True)
class Group:
    """The group manager. `templates` are those wanted; `place` are gcloud's flags for its location."""

    name: str
    project: str
    place: str
    target: int
    stable: bool
    templates: tuple[str, ...]
    update_type: str = "OPPORTUNISTIC"
    heals: bool = True
    initial_delay: int = 0
    named_ports: tuple[tuple[str, int], ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Autoscaler:
    """Recommendation and limits, in instances; `details` are pairs of type and message."""

    name: str
    mode: str
    smallest: int
    largest: int
    recommended: int | None
    status: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ForwardingRule:
    """What clients connect to; `ports` are inclusive ranges, none of them means every port."""

    name: str
    address: str
    protocol: str
    ports: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Whether the service account may read the script by the bindings that can be seen.

    `by` names what grants it; `conditional` are bindings whose condition is not evaluated here; `unseen` are policies and roles that
    could not be read. Bindings of folders and of the organization are never seen.
    """

    account: str
    granted: bool
    by: str = ""
    conditional: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Script:
    """The start-up script in the bucket. `exists` is None where that could not be asked."""

    bucket: str
    name: str
    exists: bool | None
    access: Access

    @property
    def url(self) -> str:
        """Return gs://BUCKET/OBJECT."""
        return f"gs://{self.bucket}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All of it. `unseen` says what could not be looked at, and why. `firewall` has the rules that apply to the instances.

    `service_port` is what the template's metadata tell the service to listen on, None where they say nothing; `reach` how instances get to
    Google's APIs, None where that could not be looked at.
    """

    group: Group
    instances: tuple[Instance, ...]
    checks: tuple[Check, ...]
    network: str
    firewall: tuple[FirewallRule, ...]
    forwarding_rules: tuple[ForwardingRule, ...] = ()
    autoscaler: Autoscaler | None = None
    script: Script | None = None
    service_port: int | None = None
    reach: Reach | None = None
    unseen: tuple[str, ...] = field(default=())

    def check(self, role: Role) -> Check | None:
        """Return the check in a role, or None."""
        return next((check for check in self.checks if check.role == role), None)
