"""A managed instance group's update policy: its defaults, its bounds as numbers of instances, and what goes together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.plans import sizes

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

_ORDER = ("NONE", "REFRESH", "RESTART", "REPLACE")  # least disruptive first
_PERCENT_FROM = 10  # instances


def complete(draft: Draft) -> None:
    """Fill in what a group's update policy leaves out, and refuse what Google refuses. Needs the group's size and zones."""
    policy = draft.document.setdefault("updatePolicy", {})
    regional = draft.collection.scope == "regions"
    zones = len(draft.document["distributionPolicy"]["zones"]) if regional else 1
    policy.setdefault("type", "OPPORTUNISTIC")
    policy.setdefault("minimalAction", "REPLACE")
    policy.setdefault("replacementMethod", "SUBSTITUTE")
    if regional:
        policy.setdefault("instanceRedistributionType", "PROACTIVE")
    recreate = policy["replacementMethod"] == "RECREATE"
    policy.setdefault("maxSurge", {"fixed": 0 if recreate else zones})
    policy.setdefault("maxUnavailable", {"fixed": zones})
    size = draft.document["targetSize"]
    surge = _calculated(draft, "maxSurge", zones if regional else 0, size)
    unavailable = _calculated(draft, "maxUnavailable", zones if regional else 0, size)
    if recreate and surge:
        rule = "maxSurge must be equal to 0 when replacement method is set to RECREATE"
        raise draft.refuse("updatePolicy.maxSurge", rule)
    if not _amount(policy["maxSurge"]) and not _amount(policy["maxUnavailable"]):
        rule = "maxSurge and maxUnavailable cannot both be 0."
        raise draft.refuse("updatePolicy.maxUnavailable", rule)
    policy["maxSurge"]["calculated"], policy["maxUnavailable"]["calculated"] = surge, unavailable
    before: Document = (draft.old or {}).get("updatePolicy") or {}
    for name in ("maxSurge", "maxUnavailable"):
        percent = policy[name].get("percent")
        if percent and 0 < size < _PERCENT_FROM and percent != before.get(name, {}).get("percent"):
            rule = f"A percentage can be specified for groups of {_PERCENT_FROM} instances or more; this one has {size}."
            raise draft.refuse(f"updatePolicy.{name}.percent", rule)
    most = policy.get("mostDisruptiveAllowedAction")
    if most and _ORDER.index(most) < _ORDER.index(policy["minimalAction"]):
        rule = f"Must not be less disruptive than minimalAction ({policy['minimalAction']})."
        raise draft.refuse("updatePolicy.mostDisruptiveAllowedAction", rule)
    draft.bounds("updatePolicy.minReadySec", 0, 3600)


def _calculated(draft: Draft, name: str, zones: int, size: int) -> int:
    """Return a bound as a number of instances; `zones` is 0 for a zonal group."""
    path = f"updatePolicy.{name}"
    value = draft.get(path)
    value.pop("calculated", None)
    if "fixed" in value and "percent" in value:
        raise draft.refuse(path, "Only one of 'fixed' and 'percent' can be specified.")
    if "percent" in value:
        draft.bounds(f"{path}.percent", 0, 100)
        return sizes.limit(value, size, 0)
    value.setdefault("fixed", 0)
    if value["fixed"] < 0:
        raise draft.refuse(f"{path}.fixed", "Must not be negative.")
    if zones and 0 < value["fixed"] < zones:
        rule = (
            f"Fixed updatePolicy.{name} for regional managed instance group has to be either 0 or at least equal to "
            "the number of zones."
        )
        raise draft.refuse(f"{path}.fixed", rule)
    return int(value["fixed"])


def _amount(value: dict[str, Any]) -> int:
    return int(value.get("percent", value.get("fixed", 0)))
