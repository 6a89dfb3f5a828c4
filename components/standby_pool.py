"""Instances that have booted and were put to sleep, for scaling out in seconds rather than in a boot's time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from components.invalid_argument import InvalidArgumentError, require_choice, require_range


@dataclass(frozen=True, kw_only=True)
class StandbyPool:
    """How many instances wait beside those that run. Suspended ones keep their memory and are back sooner; both cost their disks.

    Attributes:
        suspended: how many are suspended.
        stopped: how many are stopped.
        initial_delay_sec: how long a new instance runs before it is put to sleep, 0 to 3600; no less than its boot.
        mode: SCALE_OUT_POOL takes from the pool when the group grows, and fills it up again; MANUAL leaves that to you.

    Raises:
        InvalidArgumentError: a value the API refuses, or a mode for a pool that there is none of.
    """

    suspended: int = 0
    stopped: int = 0
    initial_delay_sec: int = 0
    mode: Literal["SCALE_OUT_POOL", "MANUAL"] = "SCALE_OUT_POOL"

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        require_range("suspended", self.suspended, 0, 2000)
        require_range("stopped", self.stopped, 0, 2000)
        require_range("initial_delay_sec", self.initial_delay_sec, 0, 3600, "s")
        require_choice("mode", self.mode, ("SCALE_OUT_POOL", "MANUAL"))
        if self.empty and self.initial_delay_sec:
            raise InvalidArgumentError(
                "initial_delay_sec",
                self.initial_delay_sec,
                "no instance is ever put to sleep",
                "set suspended or stopped",
            )

    @property
    def empty(self) -> bool:
        """Whether nobody waits."""
        return not (self.suspended or self.stopped)

    def require_boot(self, boot_sec: int) -> None:
        """Refuse to put instances to sleep before they can serve: they would boot on when they are needed.

        Raises:
            InvalidArgumentError: the delay is shorter than the boot.
        """
        if not self.empty and self.initial_delay_sec < boot_sec:
            raise InvalidArgumentError(
                "initial_delay_sec", self.initial_delay_sec,
                f"instances take up to {boot_sec} s to serve (repair.boot_sec), and would still have to boot when they are needed",
                f"set it to {boot_sec} or more, or correct repair.boot_sec",
            )  # fmt: skip

    def resource_arguments(self) -> dict[str, Any]:
        """Return the group's arguments that follow; none where nobody waits."""
        if self.empty:
            return {}
        return {
            "standby_policy": {"initial_delay_sec": self.initial_delay_sec, "mode": self.mode},
            "target_suspended_size": self.suspended,
            "target_stopped_size": self.stopped,
        }
