"""What an instance keeps when the group recreates it: disks and addresses.

For groups of a fixed size only: no autoscaler chooses whose state may go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from components.invalid_argument import InvalidArgumentError, require_choice

DeleteRule = Literal["NEVER", "ON_PERMANENT_INSTANCE_DELETION"]
_RULES = ("NEVER", "ON_PERMANENT_INSTANCE_DELETION")


@dataclass(frozen=True, kw_only=True)
class StatefulPolicy:
    """What outlives a recreated instance. Every value is a rule of deletion: NEVER, or ON_PERMANENT_INSTANCE_DELETION.

    Attributes:
        disks: rules by device name; the boot disk is "persistent-disk-0".
        internal_ips: rules by interface, "nic0".
        external_ips: rules by interface; needs `machine.external_address`.

    Raises:
        InvalidArgumentError: a rule or an interface that the API does not know.
    """

    disks: Mapping[str, DeleteRule] = field(default_factory=dict)
    internal_ips: Mapping[str, DeleteRule] = field(default_factory=dict)
    external_ips: Mapping[str, DeleteRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        for name in ("disks", "internal_ips", "external_ips"):
            for key, rule in getattr(self, name).items():
                require_choice(f"{name}.{key}", rule, _RULES)
        for name in ("internal_ips", "external_ips"):
            for interface in getattr(self, name):
                if interface != "nic0":
                    raise InvalidArgumentError(
                        name, interface, "instances of this program have one interface", "call it nic0"
                    )

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return not (self.disks or self.internal_ips or self.external_ips)

    def resource_arguments(self) -> dict[str, Any]:
        """Return the group's arguments that follow."""
        found: dict[str, Any] = {
            "stateful_disks": [
                {"device_name": device, "delete_rule": rule} for device, rule in sorted(self.disks.items())
            ],
            "stateful_internal_ips": [
                {"interface_name": interface, "delete_rule": rule}
                for interface, rule in sorted(self.internal_ips.items())
            ],
            "stateful_external_ips": [
                {"interface_name": interface, "delete_rule": rule}
                for interface, rule in sorted(self.external_ips.items())
            ],
        }
        return {name: value for name, value in found.items() if value}
