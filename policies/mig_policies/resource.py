"""One resource of the stack as the rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mig_policies.links import Link, parse_link
from mig_policies.tokens import COLLECTIONS, GLOBAL_TYPES, GROUP_MANAGERS, KINDS
from mig_policies.values import Properties, Tree, Undetermined


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource: its identity, its properties and, per property, the URNs its value was made from."""

    urn: str
    type: str
    name: str
    tree: Tree
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delete_before_replace: bool | None = None
    # Paths of properties that are never updated, whatever the program says of them.
    ignored: frozenset[str] = frozenset()
    # The inputs as the program declares them; `None` if they were not seen, as with a stack's saved outputs alone.
    declared: Tree | None = None
    # Which of those the provider filled in; `None` if it did not say.
    defaulted: frozenset[str] | None = None

    @property
    def declaration(self) -> Properties:
        """The inputs alone, for rules about what is written rather than what results.

        Raises:
            Undetermined: the inputs were not seen.
        """
        if self.declared is None:
            raise Undetermined(f"{self.label}: its inputs were not seen, so what is declared cannot be told")
        return Properties(self.declared)

    @cached_property
    def props(self) -> Properties:
        """The properties, to be read by name."""
        return Properties(self.tree)

    @property
    def label(self) -> str:
        """What a message calls it, such as "health check 'web-autoheal'"."""
        return f"{KINDS.get(self.type, self.type)} '{self.name}'"

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every link that is known to lead here: from its outputs once it exists, else from its name and place."""
        known = [self.tree.get(key) for key in ("id", "selfLink")]
        found = [parse_link(text) for text in known if isinstance(text, str) and "/" in text]
        name = self.tree.get("name")
        if not found and isinstance(name, str) and name:
            project = self.tree.get("project")
            found.append(
                Link(
                    name=name,
                    collection=COLLECTIONS.get(self.type),
                    scope=self._scope(),
                    project=project if isinstance(project, str) else None,
                )
            )
        if (
            self.type in GROUP_MANAGERS
        ):  # a manager owns the instance group of the same name, and backends link to that
            found += [
                Link(name=link.name, collection="instanceGroups", scope=link.scope, project=link.project)
                for link in found
            ]
        return tuple(found)

    def is_at(self, link: Link) -> bool:
        """Tell whether `link` leads here, as far as can be told."""
        return any(own.may_be(link) for own in self.links)

    def _scope(self) -> str | None:
        for key, collection in (("zone", "zones"), ("region", "regions")):
            place = self.tree.get(key)
            if isinstance(place, str) and place:
                return f"{collection}/{place.rsplit('/', 1)[-1]}"
        return "global" if self.type in GLOBAL_TYPES else None
