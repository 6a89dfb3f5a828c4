"""A second version of the instances, for a few of them: what is tried before it becomes what everyone gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.invalid_argument import InvalidArgumentError, require_range
from components.machine import Machine
from components.startup_script import InlineScript, ScriptFiles, ScriptUrl
from components.update_policy import PERCENT_FROM_SIZE

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True, kw_only=True)
class Canary:
    """What some instances have different. To promote it, move what it says to `machine` or `startup` and remove this section.

    Attributes:
        size: how many instances, as a number or "20%"; the rest keep the other version.
        machine: their machine. In a stack's file only what is different: every key that is not said is as in mig-nlb:machine.
        startup: their start-up script: files to upload, a gs:// URL, or text. Files go beside the others' in a folder of their own,
            "canary"; in a bucket of their own where `bucket` names one.

    Raises:
        InvalidArgumentError: nothing is different, or the size is none.
    """

    size: int | str
    machine: Machine | None = None
    startup: ScriptFiles | ScriptUrl | InlineScript | None = None

    def __post_init__(self) -> None:
        """Refuse a canary that is none."""
        if self.machine is None and self.startup is None:
            raise InvalidArgumentError(
                "size",
                self.size,
                "the canary's instances would be like the others",
                "say its machine or its startup",
            )
        self.size_arguments()

    def size_arguments(self) -> dict[str, int]:
        """Return the version's `target_size`.

        Raises:
            InvalidArgumentError: neither a number nor a percentage.
        """
        if isinstance(self.size, int):
            require_range("size", self.size, 1, 2000)
            return {"fixed": self.size}
        match = re.fullmatch(r"(\d{1,2})%", self.size)
        if match is None or int(match[1]) == 0:
            raise InvalidArgumentError(
                "size",
                self.size,
                "neither a number of instances nor a percentage below 100",
                "write 1 or 10%",
            )
        return {"percent": int(match[1])}

    def require_difference(self, machine: Machine, startup: ScriptFiles | ScriptUrl | InlineScript) -> None:
        """Refuse a canary like the others, and files with nowhere to go.

        Args:
            machine: the others' machine.
            startup: the others' start-up script.

        Raises:
            InvalidArgumentError: naming the field, the rule and the fix.
        """
        if self.machine in (None, machine) and self.startup in (None, startup):
            raise InvalidArgumentError(
                "machine", "as the others'", "the canary's instances would be like the others",
                "say what is different, or remove mig-nlb:canary",
            )  # fmt: skip
        if not isinstance(self.startup, ScriptFiles) or self.startup.bucket is not None:
            return
        for key in ("location", "kms_key"):
            if getattr(self.startup, key) is not None:
                raise InvalidArgumentError(
                    f"startup.{key}", getattr(self.startup, key), "the canary's files go into the others' bucket",
                    f"set mig-nlb:startup {key}, or name a bucket for the canary's",
                )  # fmt: skip
        if not isinstance(startup, ScriptFiles):
            raise InvalidArgumentError(
                "startup.bucket", None, "mig-nlb:startup uploads nothing, so this stack has no bucket for the canary's files",
                "name a bucket that the instances may read",
            )  # fmt: skip

    def validate_for(self, *, smallest_size: int, shape: str) -> None:
        """Refuse what the API refuses of a group.

        Args:
            smallest_size: the fewest instances it may have.
            shape: its target shape.

        Raises:
            InvalidArgumentError: naming the field, the rule and the fix.
        """
        if shape != "EVEN":
            raise InvalidArgumentError(
                "size",
                self.size,
                f"a group of shape {shape} takes one version only",
                "use group.target_shape EVEN",
            )
        if isinstance(self.size, str) and smallest_size < PERCENT_FROM_SIZE:
            raise InvalidArgumentError(
                "size", self.size, f"percentages need a group of {PERCENT_FROM_SIZE} or more; this one may have {smallest_size}",
                "use a number of instances, or raise min_replicas",
            )  # fmt: skip
        if isinstance(self.size, int) and self.size >= max(smallest_size, 1):
            raise InvalidArgumentError(
                "size", self.size, f"the group may have {smallest_size}, and then all of them would be canaries",
                "use fewer, or raise min_replicas",
            )  # fmt: skip


def version_arguments(
    stable: pulumi.Input[str],
    canary: pulumi.Input[str] | None = None,
    size: dict[str, int] | None = None,
) -> list[dict[str, Any]]:
    """Return the group's `versions`: the one of all the rest first, as the API has it.

    Args:
        stable: the template of all instances but the canary's.
        canary: the canary's template.
        size: the canary's `target_size`.
    """
    if canary is None:
        return [{"instance_template": stable}]
    # A version's name is part of it: to name the stable one would replace every instance, when the canary comes and when it goes.
    return [
        {"instance_template": stable},
        {"name": "canary", "instance_template": canary, "target_size": size},
    ]
