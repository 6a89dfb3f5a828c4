"""When a managed instance group may condemn an instance, and what it then does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from components.invalid_argument import InvalidArgumentError, require_choice, require_range

BOOT_MARGIN = 1.1  # Google: set the initial delay 10 to 20 % above the time from boot to serving


@dataclass(frozen=True, kw_only=True)
class RepairPolicy:
    """Autohealing's delay and actions.

    Attributes:
        boot_sec: the longest an instance takes from its creation to serving, start-up script included. Declared, so that the delay can
            be checked against it: too short a delay recreates every instance for ever.
        initial_delay_sec: how long failures of a new instance are ignored, 0 to 3600; a first success ends it early.
        on_failed_health_check: REPAIR; DO_NOTHING to watch a new check before trusting it (the group then only reports);
            DEFAULT_ACTION to do as `default_action_on_failure` says.
        default_action_on_failure: what is done about instances that crash or are deleted: REPAIR or DO_NOTHING.
        force_update_on_repair: recreate from the newest template instead of the instance's own.
        allow_changing_zone: let a repair move an instance to another zone.

    Raises:
        InvalidArgumentError: a value out of range, or a delay that the declared boot time would outlast.
    """

    boot_sec: int = 120
    initial_delay_sec: int = 300
    on_failed_health_check: Literal["REPAIR", "DO_NOTHING", "DEFAULT_ACTION"] = "DEFAULT_ACTION"
    default_action_on_failure: Literal["REPAIR", "DO_NOTHING"] = "REPAIR"
    force_update_on_repair: bool = False
    allow_changing_zone: bool = False

    def __post_init__(self) -> None:
        """Refuse a delay that ends before the instance can possibly serve."""
        require_range("boot_sec", self.boot_sec, 1, 3600, "s")
        require_range("initial_delay_sec", self.initial_delay_sec, 0, 3600, "s")
        require_choice(
            "on_failed_health_check", self.on_failed_health_check, ("REPAIR", "DO_NOTHING", "DEFAULT_ACTION")
        )
        require_choice("default_action_on_failure", self.default_action_on_failure, ("REPAIR", "DO_NOTHING"))
        least = math.ceil(round(self.boot_sec * BOOT_MARGIN, 6))
        if self.initial_delay_sec < least:
            raise InvalidArgumentError(
                "initial_delay_sec", self.initial_delay_sec,
                f"instances take up to {self.boot_sec} s to serve (boot_sec) and would be recreated while they boot, for ever; "
                f"{self.boot_sec} s + 10 % = {least} s",
                f"set initial_delay_sec to {least} or more, or correct boot_sec",
            )  # fmt: skip

    def lifecycle_arguments(self) -> dict[str, Any]:
        """Return the group's `instance_lifecycle_policy`."""
        arguments: dict[str, Any] = {
            "default_action_on_failure": self.default_action_on_failure,
            "on_failed_health_check": self.on_failed_health_check,
            "force_update_on_repair": "YES" if self.force_update_on_repair else "NO",
        }
        if self.allow_changing_zone:
            arguments["on_repair"] = {"allow_changing_zone": "YES"}
        return arguments
