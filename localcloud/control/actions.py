"""What a group's decision may consist of: each is carried out in one transaction and seen again at the next look."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.control.member import Version
from localcloud.plans import standby


@dataclass(frozen=True, kw_only=True)
class Create:
    """Add an instance with a new name. `target`: what it is for, to run or to wait stopped or suspended."""

    zone: str
    version: Version
    target: str = standby.RUNNING


@dataclass(frozen=True, kw_only=True)
class Make:
    """Make the instance that this record stands for (first time, or again under the same name)."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Take an instance out of the group and delete it.

    `drain`: let the balancer's connections end first. `replaced`: another takes its place, so it counts against the surge until it is gone.
    """

    name: str
    reason: str
    drain: bool = True
    replaced: bool = False


@dataclass(frozen=True, kw_only=True)
class Recreate:
    """Delete and make again under the same name. `repair`: counts towards back-off."""

    name: str
    version: Version
    reason: str
    repair: bool
    drain: bool
    kind: str = "autohealing.recreate"


@dataclass(frozen=True, kw_only=True)
class Restart:
    """Stop and start with the same disk, configured from a version."""

    name: str
    version: Version
    reason: str


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """Bring a running instance's metadata and labels up to a version."""

    name: str
    version: Version


@dataclass(frozen=True, kw_only=True)
class Rest:
    """Bring an instance of the standby pool down: stop it, or suspend it, as it is to wait."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Wake:
    """Take an instance out of the standby pool: start it, or resume it."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Settle:
    """Set the current action of an instance whose previous one is over."""

    name: str
    action: str


@dataclass(frozen=True, kw_only=True)
class Forget:
    """Remove the record of an instance that is gone (or abandoned)."""

    name: str


Action = Create | Make | Delete | Recreate | Restart | Refresh | Rest | Wake | Settle | Forget
