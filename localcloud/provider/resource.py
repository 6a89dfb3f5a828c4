"""What every resource type can do, whatever service it belongs to."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.provider.check import Naming
from localcloud.provider.diff import Change, diff, same
from localcloud.provider.errors import ProviderError
from localcloud.provider.plan import plan
from localcloud.provider.schema import Schema, load_schema
from localcloud.provider.session import Session
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

# The key under which the official provider's state keeps a resource's timeouts, so that states are interchangeable.
_TIMEOUTS = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0"


@dataclass(frozen=True)
class Timeouts:
    """Seconds that each step may take; None is a step that has no bound of its own."""

    create: float | None = 1200
    read: float | None = None
    update: float | None = 1200
    delete: float | None = 1200

    def of(self, step: str, wanted: float) -> float:
        """Return the bound of one step, unless the program set its own."""
        return wanted or getattr(self, step) or 1200


@dataclass(frozen=True)
class Request:
    """One write: planned state, the time it may take (0: the type's own), and on updates the state before."""

    session: Session
    planned: Properties
    timeout: float = 0
    prior: Properties = field(default_factory=dict)
    id: str = ""


class Resource(ABC):
    """One resource type. Stateless: everything an operation needs comes with it."""

    timeouts = Timeouts()
    schema_version: int | str = ""
    naming: Naming | None = Naming()
    never_updated = False
    keeps_meta = True

    def __init__(self, resource_type: str) -> None:
        self.type = resource_type
        self.schema: Schema = load_schema(resource_type)

    # -- decisions ---------------------------------------------------------------------------------------------------

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:  # noqa: ARG002 - for the types with labels
        """Return the state these inputs lead to, with UNKNOWN for what only the API can tell."""
        planned = plan(self.schema.fields, inputs, prior)
        if planned.get("deletionPolicy", ...) in (UNKNOWN, None):
            planned["deletionPolicy"] = "DELETE"
        return planned

    def changes(
        self,
        session: Session,  # noqa: ARG002 - for the types whose owner may be the stack's project
        state: Properties,
        news: Properties,
        ignored: tuple[str, ...] = (),
    ) -> list[Change]:
        """Return what differs between the state and new inputs."""
        return diff(self.schema.fields, state, news, ignored)

    @property
    def stable(self) -> list[str]:
        """Return the properties that only a replacement changes."""
        return sorted(name for name, item in self.schema.fields.items() if item.replaces)

    def meta(self, timeout: float, step: str, *, preview: bool = False) -> str:
        """Return what the official provider keeps in the state beside the properties: timeouts and its schema's version."""
        limits = {
            name: int((timeout if timeout and name == step else getattr(self.timeouts, name)) * 1e9)
            for name in ("create", "delete", "read", "update")
            if getattr(self.timeouts, name) is not None
        }
        content: dict[str, Value] = {_TIMEOUTS: limits}
        if preview:
            content["_new_extra_shim"] = {}
        elif self.schema_version:
            content["schema_version"] = str(self.schema_version)
        return json.dumps(content, separators=(",", ":"))

    def full_id(self, session: Session, imported: str, state: Properties) -> str:  # noqa: ARG002 - for the types that have short forms
        """Return the id of an imported resource, whose user may have named it in a short form."""
        return imported

    # -- requests ----------------------------------------------------------------------------------------------------

    @abstractmethod
    async def create(self, request: Request) -> tuple[str, Properties]:
        """Make the resource; return its id and state. PartialError if it exists but is not all that was asked for."""

    @abstractmethod
    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Return the state as the API tells it, None if the resource is gone. `state` is empty on import."""

    async def update(self, request: Request) -> Properties:
        """Change the resource; return its state."""
        raise ProviderError(f"{self.type} {request.id} cannot be changed in place; a change makes a new one")

    @abstractmethod
    async def delete(self, request: Request) -> None:
        """Remove the resource; one that is gone already is no error. `prior` is its state."""


def changed(
    prior: Mapping[str, Value], planned: Mapping[str, Value], schema: Schema, names: tuple[str, ...]
) -> bool:
    """Tell whether an update changes any of these properties."""
    return any(not same(schema.fields[name], prior.get(name), planned.get(name)) for name in names)
