"""What a managed instance group is asked to be: an instanceGroupManagers document read into a plain value, Google's defaults applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.control.links import last, location_of, relname
from localcloud.control.member import Version
from localcloud.control.stateful import is_deleted
from localcloud.plans import sizes, standby
from localcloud.store import Document

# Zones of regions without an explicit distribution: b, c and d except where Google's letters differ.
_LETTERS = {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}


@dataclass(frozen=True, kw_only=True)
class WantedVersion:
    """One of at most two versions; `size` of the group's instances are to have it, or all the rest."""

    version: Version
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Group:
    """A managed instance group as specified. Lengths of time in cloud seconds; names are relative names."""

    key: str
    name: str
    base_name: str
    zones: tuple[str, ...]
    regional: bool
    size: int
    versions: tuple[WantedVersion, ...]
    proactive: bool = False
    minimal_action: str = "REPLACE"
    most_disruptive: str = "REPLACE"
    recreate: bool = False
    surge: int = 1
    unavailable: int = 1
    redistribute: bool = False
    ready_after: float = 0.0
    check: str = ""
    initial_delay: float = 0.0
    heals: bool = True
    repairs: bool = True
    update_on_repair: bool = False
    overrides: Document = field(default_factory=dict)
    config: str = ""
    configs: Mapping[str, str] = field(
        default_factory=dict
    )  # of instances that have a configuration of their own
    shape: str = "EVEN"
    zones_out: frozenset[str] = frozenset()
    policy: Document = field(default_factory=dict)  # statefulPolicy.preservedState: what all instances keep
    states: Mapping[str, Document] = field(default_factory=dict)  # preservedState of instances by name
    forsaken: frozenset[str] = frozenset()  # instances whose own configuration is to be undone
    machine_type: str = ""  # in place of the template's
    pool: Mapping[str, int] = field(default_factory=dict)  # how many wait stopped, or suspended, by state
    draws: bool = False  # whether growth takes those first
    initial_time: float = 0.0  # how long an instance made for the pool runs before it is brought down
    deleting: bool = False

    @property
    def stateful(self) -> bool:
        """Say whether its instances keep something when they are made anew."""
        return bool(any(self.policy.values()) or self.states)

    def keeps(self, name: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the disks (by device) and internalIPs (by interface) that an instance keeps; its own configuration goes before the policy.

        Each has ``autoDelete`` and ``from`` (policy or config), and what a configuration says of it: ``source``, ``mode``, ``ipAddress``.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {"disks": {}, "internalIPs": {}}
        for origin, state in (("policy", self.policy), ("config", self.states.get(name, {}))):
            for kind, kept in found.items():
                for item, rules in (state.get(kind) or {}).items():
                    given = {field: value for field, value in rules.items() if value}
                    kept[item] = {"autoDelete": "NEVER", **given, "from": origin}
        return found

    def overrides_of(self, name: str) -> Document:
        """Return what an instance has in place of, or beside, what its template says."""
        own: Mapping[str, str] = self.states.get(name, {}).get("metadata") or {}
        if not own:
            return self.overrides
        return {**self.overrides, "metadata": {**(self.overrides.get("metadata") or {}), **own}}

    def config_of(self, name: str) -> str:
        """Return the revision of the configuration that an instance should have."""
        return self.configs.get(name, self.config)

    def wanted(self) -> list[tuple[Version, int]]:
        """Return how many instances of each version there should be; the counts add up to the size.

        Two versions of one name and template are one: no instance could be told to be of the other.
        """
        counts: dict[Version, int] = {}
        rest = self.size
        for candidate in sorted(self.versions, key=lambda each: each.size is None):
            count = rest if candidate.size is None else min(rest, candidate.size)
            rest -= count
            counts[candidate.version] = counts.get(candidate.version, 0) + count
        found = list(counts.items())
        if found and rest > 0:  # every version has a target and they do not reach the size
            version, count = found[-1]
            found[-1] = (version, count + rest)
        return found


def parse(
    key: str,
    document: Document,
    *,
    deleting: bool,
    configs: Mapping[str, Document] | None = None,
    zones_out: frozenset[str] = frozenset(),
) -> Group:
    """Read an instanceGroupManagers document stored under compute/`key`, with the per-instance configurations by name.

    Raises ValueError, naming the group and the field, where there is nothing to make instances from.
    """
    location = location_of(key)
    regional = "/regions/" in key
    zones = _zones(document, location) if regional else (location,)
    size = 0 if deleting else int(document.get("targetSize") or 0)
    policy: Mapping[str, Any] = document.get("updatePolicy") or {}
    healing: Mapping[str, Any] = (document.get("autoHealingPolicies") or [{}])[0]
    lifecycle: Mapping[str, Any] = document.get("instanceLifecyclePolicy") or {}
    failed_check = lifecycle.get("onFailedHealthCheck") or "DEFAULT_ACTION"
    default_action = lifecycle.get("defaultActionOnFailure") or "REPAIR"
    properties: Mapping[str, Any] = (document.get("allInstancesConfig") or {}).get("properties") or {}
    overrides = {name: value for name, value in properties.items() if value}
    shape = (document.get("distributionPolicy") or {}).get("targetShape") or "EVEN"
    span = len(zones) if regional else 1
    surge = sizes.limit(policy.get("maxSurge"), size, span)
    unavailable = sizes.limit(policy.get("maxUnavailable"), size, span)
    kept: Mapping[str, Any] = (document.get("statefulPolicy") or {}).get("preservedState") or {}
    states = {
        name: config.get("preservedState") or {}
        for name, config in (configs or {}).items()
        if not is_deleted(config)
    }
    waiting: Mapping[str, Any] = document.get("standbyPolicy") or {}
    pool = {state: int(document.get(field) or 0) for state, field in standby.SIZES.items()}
    policy_state = {kind: kept[kind] for kind in ("disks", "internalIPs") if kept.get(kind)}
    stateful = bool(states or policy_state)
    revised = {**overrides, "policy": policy_state} if policy_state else overrides
    # What an instance keeps, it keeps by its name: a substitute would not have it.
    recreate = policy.get("replacementMethod") == "RECREATE" or stateful
    if recreate:
        surge = 0
    if surge == 0 and unavailable == 0:
        unavailable = 1  # percentages that round to nothing must not stop an update for good
    return Group(
        key=key,
        name=last(key),
        base_name=document.get("baseInstanceName") or last(key),
        zones=zones,
        regional=regional,
        size=size,
        versions=_versions(key, document, size),
        proactive=policy.get("type") == "PROACTIVE",
        minimal_action=policy.get("minimalAction") or "REPLACE",
        most_disruptive=policy.get("mostDisruptiveAllowedAction") or "REPLACE",
        recreate=recreate,
        surge=surge,
        unavailable=unavailable,
        redistribute=regional
        and shape == "EVEN"
        and not stateful
        and (policy.get("instanceRedistributionType") or "PROACTIVE") == "PROACTIVE",
        ready_after=float(policy.get("minReadySec") or 0),
        check=relname(healing["healthCheck"], key) if healing.get("healthCheck") else "",
        initial_delay=float(healing.get("initialDelaySec") or 0),
        heals=(default_action if failed_check == "DEFAULT_ACTION" else failed_check) != "DO_NOTHING",
        repairs=default_action != "DO_NOTHING",
        update_on_repair=lifecycle.get("forceUpdateOnRepair") == "YES",
        overrides=overrides,
        config=_revision(revised),
        configs={name: _revision({**revised, "preserved": state}) for name, state in states.items()},
        shape=shape,
        zones_out=zones_out,
        policy=policy_state,
        states=states,
        forsaken=frozenset(configs or ()) - frozenset(states),
        machine_type=_machine_type(document),
        pool=pool,
        draws=waiting.get("mode") == standby.SCALE_OUT_POOL,
        initial_time=float(waiting.get("initialDelaySec") or 0),
        deleting=deleting,
    )


def _machine_type(document: Document) -> str:
    """Return the machine type that the flexibility policy prefers (the first of the lowest rank); empty if it has none."""
    selections: Mapping[str, Any] = (document.get("instanceFlexibilityPolicy") or {}).get(
        "instanceSelections"
    ) or {}
    ranked = sorted(selections.items(), key=lambda pair: (int(pair[1].get("rank") or 0), pair[0]))
    return next((str(each["machineTypes"][0]) for _, each in ranked if each.get("machineTypes")), "")


def _zones(document: Document, region: str) -> tuple[str, ...]:
    listed = ((document.get("distributionPolicy") or {}).get("zones")) or []
    if listed:
        return tuple(sorted(last(entry["zone"]) for entry in listed))
    return tuple(f"{region}-{letter}" for letter in _LETTERS.get(region, "abc"))


def _versions(key: str, document: Document, size: int) -> tuple[WantedVersion, ...]:
    listed = document.get("versions") or []
    if not listed and document.get("instanceTemplate"):
        listed = [{"instanceTemplate": document["instanceTemplate"]}]
    if not listed:
        msg = f"{last(key)}: versions is empty; a group needs an instance template to make instances from"
        raise ValueError(msg)
    wanted = []
    for entry in listed:
        target = entry.get("targetSize") or {}
        version = Version(name=entry.get("name") or "", template=relname(entry["instanceTemplate"], key))
        wanted.append(WantedVersion(version=version, size=sizes.share(target, size)))
    return tuple(wanted)


def _revision(overrides: Document) -> str:
    if not overrides:
        return ""
    return hashlib.sha256(json.dumps(overrides, sort_keys=True).encode()).hexdigest()[:16]
