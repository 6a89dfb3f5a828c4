"""How a managed instance group brings its instances to a new template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from components.invalid_argument import InvalidArgumentError, require_choice, require_range

_ACTIONS = ("NONE", "REFRESH", "RESTART", "REPLACE")  # by how much they disrupt
PERCENT_FROM_SIZE = 10  # the API takes percentages only for groups at least this large


@dataclass(frozen=True, kw_only=True)
class UpdatePolicy:
    """A rolling update that never takes capacity away, unless told otherwise.

    Attributes:
        type: PROACTIVE rolls as soon as the template changes; OPPORTUNISTIC waits until instances are replaced for other reasons.
        minimal_action: at least this is done to an instance: NONE, REFRESH, RESTART or REPLACE. RESTART does not run cloud-init again.
        most_disruptive_allowed_action: at most this; an update that needs more is not carried out.
        replacement_method: SUBSTITUTE makes a new name; RECREATE keeps names and needs `max_surge` 0.
        max_surge: instances above the target size during an update, as a number or "20%"; the number of zones unless said.
        max_unavailable: instances that may be missing during an update; 0 unless said.
        min_ready_sec: how long a new instance must have been ready before the next is begun, 0 to 3600: a broken version shows itself
            before it is everywhere.
        instance_redistribution_type: PROACTIVE keeps zones level (an autoscaled EVEN group needs it); NONE.

    Raises:
        InvalidArgumentError: a combination the API refuses.
    """

    type: Literal["PROACTIVE", "OPPORTUNISTIC"] = "PROACTIVE"
    minimal_action: Literal["NONE", "REFRESH", "RESTART", "REPLACE"] = "REPLACE"
    most_disruptive_allowed_action: Literal["NONE", "REFRESH", "RESTART", "REPLACE"] = "REPLACE"
    replacement_method: Literal["SUBSTITUTE", "RECREATE"] = "SUBSTITUTE"
    max_surge: int | str | None = None
    max_unavailable: int | str = 0
    min_ready_sec: int = 10
    instance_redistribution_type: Literal["PROACTIVE", "NONE"] = "PROACTIVE"

    def __post_init__(self) -> None:
        """Refuse what depends on this policy alone; `validate_for` refuses what depends on the group."""
        require_choice("type", self.type, ("PROACTIVE", "OPPORTUNISTIC"))
        require_choice("minimal_action", self.minimal_action, _ACTIONS)
        require_choice("most_disruptive_allowed_action", self.most_disruptive_allowed_action, _ACTIONS)
        require_choice("replacement_method", self.replacement_method, ("SUBSTITUTE", "RECREATE"))
        require_choice(
            "instance_redistribution_type", self.instance_redistribution_type, ("PROACTIVE", "NONE")
        )
        require_range("min_ready_sec", self.min_ready_sec, 0, 3600, "s")
        for field in ("max_surge", "max_unavailable"):
            value = getattr(self, field)
            if value is not None and _number(field, value) < 0:
                raise InvalidArgumentError(field, value, "below zero", "use 0 or more")
        if _ACTIONS.index(self.minimal_action) > _ACTIONS.index(self.most_disruptive_allowed_action):
            raise InvalidArgumentError(
                "most_disruptive_allowed_action", self.most_disruptive_allowed_action,
                f"less than minimal_action {self.minimal_action}: no update would ever be carried out",
                f"use {self.minimal_action} or more",
            )  # fmt: skip
        if self.replacement_method == "RECREATE":
            if self.max_surge is None or _number("max_surge", self.max_surge) != 0:
                raise InvalidArgumentError(
                    "max_surge", self.max_surge, "replacement_method RECREATE keeps names, so there can be no extra instances",
                    "set max_surge: 0 and max_unavailable to the number of zones or more, or use SUBSTITUTE",
                )  # fmt: skip
            if _number("max_unavailable", self.max_unavailable) == 0:
                raise InvalidArgumentError(
                    "max_unavailable", self.max_unavailable, "replacement_method RECREATE has to take instances away",
                    "set max_unavailable to the number of zones or more, or use SUBSTITUTE",
                )  # fmt: skip
        if self.max_surge is not None and _number("max_surge", self.max_surge) == 0 == _number(
            "max_unavailable", self.max_unavailable
        ):
            raise InvalidArgumentError(
                "max_surge", self.max_surge, "with max_unavailable 0 as well, no instance could ever be updated",
                "leave max_surge out (the number of zones), or set max_unavailable to the number of zones",
            )  # fmt: skip

    def validate_for(self, *, zones: int, smallest_size: int) -> None:
        """Refuse what the API refuses of a regional group over this many zones.

        Args:
            zones: how many zones the group spans.
            smallest_size: the fewest instances it may have, for percentages.

        Raises:
            InvalidArgumentError: naming the field, the rule and the fix.
        """
        for field in ("max_surge", "max_unavailable"):
            value = getattr(self, field)
            if isinstance(value, int) and 0 < value < zones:
                raise InvalidArgumentError(
                    field,
                    value,
                    f"of a group over {zones} zones it is 0 or at least {zones}",
                    f"use 0, {zones} or more, or a percentage",
                )
            if isinstance(value, str) and smallest_size < PERCENT_FROM_SIZE:
                raise InvalidArgumentError(
                    field, value, f"percentages need a group of {PERCENT_FROM_SIZE} or more; this one may have {smallest_size}",
                    "use a number of instances, or raise min_replicas",
                )  # fmt: skip

    def surge(self, zones: int, size: int) -> int:
        """Return how many instances above `size` an update may have running."""
        if self.max_surge is None:
            return zones
        return (
            -(-size * _number("max_surge", self.max_surge) // 100)
            if isinstance(self.max_surge, str)
            else self.max_surge
        )

    def resource_arguments(self, zones: int, *, zonal: bool = False) -> dict[str, Any]:
        """Return the group's `update_policy`. `zonal`: the group has one zone and nothing to redistribute."""
        surge = zones if self.max_surge is None else self.max_surge
        return {
            "type": self.type,
            "minimal_action": self.minimal_action,
            "most_disruptive_allowed_action": self.most_disruptive_allowed_action,
            "replacement_method": self.replacement_method,
            **({} if zonal else {"instance_redistribution_type": self.instance_redistribution_type}),
            **_fixed_or_percent("max_surge", surge),
            **_fixed_or_percent("max_unavailable", self.max_unavailable),
            "min_ready_sec": self.min_ready_sec,
        }


def _number(field: str, value: int | str) -> int:
    if isinstance(value, int):
        return value
    match = re.fullmatch(r"(\d{1,3})%", value)
    if match is None or int(match[1]) > 100:
        raise InvalidArgumentError(
            field, value, "neither a number of instances nor a percentage", "write for instance 3 or 20%"
        )
    return int(match[1])


def _fixed_or_percent(field: str, value: int | str) -> dict[str, int]:
    return {f"{field}_{'percent' if isinstance(value, str) else 'fixed'}": _number(field, value)}
