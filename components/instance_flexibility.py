"""Machine types that a regional group may choose among, when its template's own is not to be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.invalid_argument import InvalidArgumentError, require_range

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class InstanceSelection:
    """Machine types that are as good as each other.

    Attributes:
        machine_types: which; the template's own is not among them unless written.
        rank: 0 is tried first; equal ranks are chosen among by availability.
    """

    machine_types: tuple[str, ...]
    rank: int = 0

    def __post_init__(self) -> None:
        """Refuse a selection of nothing."""
        require_range("rank", self.rank, 0, 1000)
        if not self.machine_types or len(set(self.machine_types)) != len(self.machine_types):
            raise InvalidArgumentError(
                "machine_types", list(self.machine_types), "at least one machine type, each once",
                "write for instance [e2-standard-2, n2-standard-2]",
            )  # fmt: skip


def flexibility_arguments(selections: Mapping[str, InstanceSelection]) -> dict[str, Any]:
    """Return the group's arguments for selections by name: none, or an instance flexibility policy."""
    if not selections:
        return {}
    return {
        "instance_flexibility_policy": {
            "instance_selections": [
                {"name": name, "machine_types": list(selection.machine_types), "rank": selection.rank}
                for name, selection in sorted(selections.items())
            ]
        }
    }
