"""The stack's resources, indexed once, and the links between them followed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from mig_policies.links import Link, parse_link
from mig_policies.tokens import BACKEND_SERVICES, GROUP_MANAGERS
from mig_policies.values import UNKNOWN, Undetermined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mig_policies.resource import Resource
    from mig_policies.values import Plain

T = TypeVar("T")


@dataclass(frozen=True)
class Outside:
    """A link that leads out of the stack, to a resource this deployment does not describe."""

    text: str

    @property
    def link(self) -> Link:
        """The link, parsed."""
        return parse_link(self.text)

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"'{self.text}' (outside this stack)"


class Stack:
    """All resources of a deployment by URN, by type and by name."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.by_urn: dict[str, Resource] = {resource.urn: resource for resource in resources}
        self._by_type: dict[str, list[Resource]] = {}
        self._by_place: dict[tuple[str, str], list[Resource]] = {}
        self._derived: dict[object, object] = {}
        for resource in self.by_urn.values():
            self._by_type.setdefault(resource.type, []).append(resource)
            for name in {link.name for link in resource.links}:
                self._by_place.setdefault((resource.type, name), []).append(resource)

    def derive(self, make: Callable[[Stack], T]) -> T:
        """Return `make(self)`, made once: for indices that a rule needs for each of many resources."""
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("T", self._derived[make])

    def of(self, types: Iterable[str]) -> Iterator[Resource]:
        """Yield the resources of the given types, in the order of their registration within each type."""
        for type_ in sorted(types):
            yield from self._by_type.get(type_, ())

    def at(self, link: Link, types: Iterable[str]) -> list[Resource]:
        """Return the resources of the given types that `link` can lead to."""
        return [
            resource
            for type_ in sorted(types)
            for resource in self._by_place.get((type_, link.name), ())
            if resource.is_at(link)
        ]

    def sources(self, resource: Resource, key: str, types: Iterable[str]) -> list[Resource]:
        """Return the resources of the given types that the top-level property `key` was made from."""
        wanted = set(types)
        found = (self.by_urn.get(urn) for urn in resource.dependencies.get(key, ()))
        return [source for source in found if source is not None and source.type in wanted]

    def follow(self, resource: Resource, key: str, value: Plain, types: Iterable[str]) -> Resource | Outside:
        """Find what `value`, read from `resource`'s top-level property `key`, links to.

        A link that is known is compared with the resources' own links. One that is not known yet, or leads to a
        resource that has no link yet, is resolved by what the property was made from: on a first preview that is all
        there is, and it is enough.

        Raises:
            Undetermined: the link is unknown and its source is none, or more than one, of the stack's resources.
        """
        types = frozenset(types)
        sources = self.sources(resource, key, types)
        if isinstance(value, str) and value:
            link = parse_link(value)
            places = self.at(link, types)
            matches = [source for source in sources if source in places] or places
            if len(matches) == 1:
                return matches[0]
            if not matches:
                unplaced = [source for source in sources if not source.links]
                return unplaced[0] if len(unplaced) == 1 else Outside(value)
            raise Undetermined(f"{resource.label}: {key} '{value}' can lead to {_labels(matches)}")
        if value is not UNKNOWN:
            raise Undetermined(f"{resource.label}: {key} holds no link")
        if len(sources) == 1:
            return sources[0]
        if sources:
            raise Undetermined(
                f"{resource.label}: {key} is not known before the deployment and made from {_labels(sources)}"
            )
        raise Undetermined(
            f"{resource.label}: {key} is not known before the deployment, and no resource of this stack is its source"
        )

    @cached_property
    def _services(self) -> tuple[dict[str, list[Resource]], list[Resource]]:
        """Backend services by their groups' URNs, and those with a backend that cannot be told."""
        by_group: dict[str, list[Resource]] = {}
        unresolved: list[Resource] = []
        for service in self.of(BACKEND_SERVICES):
            groups, complete = self._groups_behind(service)
            for urn in groups:
                by_group.setdefault(urn, []).append(service)
            if not complete:
                unresolved.append(service)
        return by_group, unresolved

    def _groups_behind(self, service: Resource) -> tuple[list[str], bool]:
        """Return the URNs of the groups behind a service, and whether that is certainly all of them."""
        backends = service.props.raw("backends")
        entries = backends if isinstance(backends, list) else [backends] if backends is UNKNOWN else []
        links = [entry.get("group") if isinstance(entry, dict) else UNKNOWN for entry in entries]
        groups: dict[str, None] = {}
        for link in links:
            if isinstance(link, str):
                groups.update(dict.fromkeys(group.urn for group in self.at(parse_link(link), GROUP_MANAGERS)))
        unknown = sum(link is UNKNOWN for link in links)
        if not unknown:
            return list(groups), True
        # Which unknown link leads to which source cannot be told, so each source counts as a backend.
        sources = [
            urn
            for urn in service.dependencies.get("backends", ())
            if urn in self.by_urn and urn not in groups
        ]
        groups.update(dict.fromkeys(urn for urn in sources if self.by_urn[urn].type in GROUP_MANAGERS))
        return list(groups), len(sources) >= (unknown if backends is not UNKNOWN else 1)

    def services_of(self, group: Resource) -> list[Resource]:
        """Return the backend services that certainly have `group` as a backend."""
        return self._services[0].get(group.urn, [])

    @property
    def services_with_unknown_backends(self) -> list[Resource]:
        """Return the backend services with a backend that may be any group."""
        return self._services[1]


def _labels(resources: Iterable[Resource]) -> str:
    return " or ".join(sorted(resource.label for resource in resources))
