"""Where a managed instance group's instances stand, and what the group calls them and their ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from components.invalid_argument import InvalidArgumentError, require_choice, require_range
from components.labels import require_labels
from components.resource_name import require_resource_name

MAX_BASE_NAME = 58  # a dash and four random characters follow
UNREDISTRIBUTED_SHAPES = frozenset({"BALANCED", "ANY_SINGLE_ZONE"})
AUTOSCALED_SHAPES = frozenset({"EVEN", "BALANCED"})
_SHAPES = ("EVEN", "BALANCED", "ANY", "ANY_SINGLE_ZONE")


@dataclass(frozen=True, kw_only=True)
class GroupShape:
    """Where the group's instances stand, and what the group calls them and their ports.

    Attributes:
        zones: the zones, written out: a lookup would move the group whenever Google opens a zone. Three is usual.
        scope: REGIONAL, or ZONAL for a group in one zone, which goes down with it.
        target_shape: EVEN keeps zones within one instance of each other; BALANCED and ANY_SINGLE_ZONE need redistribution NONE; an
            autoscaler works with EVEN and BALANCED.
        target_size: how many instances, for a group without an autoscaler; a stack that has a mig-nlb:autoscaler section may not say it.
        named_ports: names for ports, for the tools that go by them.
        base_instance_name: what instances are called before their random four characters; the service's name unless said.
        wait_for_instances: have a deployment wait until the instances of a new group are well, and until an update has reached every
            instance, and fail when that does not happen. Without it a group that is replaced takes its traffic along before it can
            answer, and an update fails at its very end: the old template cannot be deleted while instances made from it still run.
        instance_metadata: metadata laid over the template's, without a new template.
        instance_labels: labels likewise.

    Raises:
        InvalidArgumentError: a value the API refuses.
    """

    zones: tuple[str, ...]
    scope: Literal["REGIONAL", "ZONAL"] = "REGIONAL"
    target_shape: Literal["EVEN", "BALANCED", "ANY", "ANY_SINGLE_ZONE"] = "EVEN"
    target_size: int | None = None
    named_ports: Mapping[str, int] = field(default_factory=lambda: {"http": 8080})
    base_instance_name: str | None = None
    wait_for_instances: bool = True
    instance_metadata: Mapping[str, str] = field(default_factory=dict)
    instance_labels: Mapping[str, str] = field(default_factory=dict)

    refused: ClassVar[Mapping[str, str]] = {
        "targetSize": "it is called target_size, and only for a group without an autoscaler"
    }

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        if not self.zones or len(set(self.zones)) != len(self.zones):
            raise InvalidArgumentError(
                "zones",
                list(self.zones),
                "at least one zone, each once",
                "write for instance three zones of the region",
            )
        require_choice("scope", self.scope, ("REGIONAL", "ZONAL"))
        require_choice("target_shape", self.target_shape, _SHAPES)
        if self.scope == "ZONAL" and len(self.zones) != 1:
            raise InvalidArgumentError(
                "zones",
                list(self.zones),
                "a zonal group stands in one zone",
                "name one, or use scope REGIONAL",
            )
        if self.scope == "ZONAL" and self.target_shape != "EVEN":
            raise InvalidArgumentError(
                "target_shape", self.target_shape, "a zonal group has no zones to choose from", "leave it out"
            )
        if self.target_size is not None:
            require_range("target_size", self.target_size, 0, 2000)
        require_labels("instance_labels", self.instance_labels)
        for name, port in self.named_ports.items():
            require_resource_name("named_ports", name)
            require_range(f"named_ports.{name}", port, 1, 65535)

    @property
    def zone(self) -> str | None:
        """The one zone of a zonal group."""
        return self.zones[0] if self.scope == "ZONAL" else None

    def base_name(self, service: str) -> str:
        """Return what instances are called before their random characters.

        Raises:
            InvalidArgumentError: Google would refuse it.
        """
        return require_resource_name(
            "base_instance_name", self.base_instance_name or service, limit=MAX_BASE_NAME
        )

    def require_redistribution(self, redistribution: str) -> None:
        """Refuse a shape that redistribution would work against.

        Args:
            redistribution: the update policy's `instance_redistribution_type`.

        Raises:
            InvalidArgumentError: naming the shape.
        """
        if self.target_shape in UNREDISTRIBUTED_SHAPES and redistribution != "NONE":
            raise InvalidArgumentError(
                "target_shape", self.target_shape, "this shape needs redistribution off",
                "set mig-nlb:update instance_redistribution_type: NONE, or use EVEN",
            )  # fmt: skip

    def require_region(self, region: str) -> None:
        """Refuse zones of other regions.

        Raises:
            InvalidArgumentError: naming the zone.
        """
        for zone in self.zones:
            if not re.fullmatch(rf"{re.escape(region)}-[a-z]", zone):
                raise InvalidArgumentError(
                    "zones", zone, f"not a zone of the region {region}", f"write for instance {region}-b"
                )
