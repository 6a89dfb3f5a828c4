"""IAM bindings as stack configuration has them: keyed by role, and only ever added to what others have bound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.invalid_argument import InvalidArgumentError

_ROLE = re.compile(r"(projects/[^/]+/|organizations/[^/]+/)?roles/[A-Za-z0-9_.]+")
_MEMBER = re.compile(r"(user|group|serviceAccount|domain|principal|principalSet):.+|deleted:.+")
BASIC_ROLES = frozenset({"roles/owner", "roles/editor", "roles/viewer"})


@dataclass(frozen=True, kw_only=True)
class Condition:
    """When a binding holds.

    Attributes:
        title: a short name.
        expression: in CEL, for instance "resource.name.startsWith('projects/_/buckets/B/objects/scripts/')".
        description: for people.
    """

    title: str
    expression: str
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What is said of a role that the instances' service account gets.

    Attributes:
        condition: when it holds; always unless said.
    """

    condition: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class MembersBinding:
    """Who gets a role on the service account itself.

    Attributes:
        members: who, for instance "group:ops@example.com".
        condition: when it holds; always unless said.
    """

    members: tuple[str, ...]
    condition: Condition | None = None

    def __post_init__(self) -> None:
        """Refuse members that IAM does not know, and everyone."""
        for member in self.members:
            if not _MEMBER.fullmatch(member):
                raise InvalidArgumentError(
                    "members",
                    member,
                    "not KIND:NAME of someone in particular",
                    "write user:, group: or serviceAccount:",
                )


@dataclass(frozen=True, kw_only=True)
class IamBindings:
    """Bindings by what they are on.

    Attributes:
        project: roles of the instances' service account on the project.
        bucket: roles of the instances' service account on the start-up script's bucket; without one that may read objects the
            instances get 403 when they fetch it.
        service_account: roles of others on the service account itself.

    Raises:
        InvalidArgumentError: a basic role, or no role at all.
    """

    project: Mapping[str, Binding] = field(default_factory=dict)
    bucket: Mapping[str, Binding] = field(default_factory=dict)
    service_account: Mapping[str, MembersBinding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse roles that are too wide, or none."""
        for on in ("project", "bucket", "service_account"):
            for role in getattr(self, on):
                if role in BASIC_ROLES:
                    raise InvalidArgumentError(
                        on, role, "a basic role holds thousands of permissions, most of them on other things",
                        "bind the few predefined roles the service needs, for instance roles/logging.logWriter",
                    )  # fmt: skip
                if not _ROLE.fullmatch(role):
                    raise InvalidArgumentError(
                        on, role, "not the name of a role", "write roles/NAME or projects/P/roles/NAME"
                    )

    @property
    def may_read_bucket(self) -> bool:
        """Whether some role looks as if it could read objects: any on the bucket, or one of storage on the project."""
        return bool(self.bucket) or any(role.startswith("roles/storage.") for role in self.project)


def condition_arguments(condition: Condition | None) -> dict[str, Any]:
    """Return the arguments an IAM member resource takes for a condition: none, or one."""
    if condition is None:
        return {}
    return {"condition": {name: value for name, value in vars(condition).items() if value is not None}}


def role_suffix(role: str) -> str:
    """Return a role as the end of a resource's name: bindings are known by their role, so order in config means nothing."""
    return role.removeprefix("roles/").replace("/", "-")
