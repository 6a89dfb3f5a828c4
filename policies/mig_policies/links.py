"""Google's resource links: full urls, partial paths, bare names, and what two of them having in common means."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATH = re.compile(
    r"(?:^|/)(?:projects/(?P<project>[^/]+)/)?"
    r"(?P<scope>global|(?:regions|zones)/[^/]+)/(?P<collection>[A-Za-z]+)/(?P<name>[^/]+)$"
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """Where a resource is: `projects/PROJECT/SCOPE/COLLECTION/NAME`; `None` for a part that is not said."""

    name: str
    collection: str | None = None
    scope: str | None = None
    project: str | None = None

    @property
    def by_number(self) -> bool:
        """Whether the resource is named by its numeric id, which says nothing about its name."""
        return self.name.isdecimal()

    def may_be(self, other: Link) -> bool:
        """Tell whether both can name one resource: no part that both say differs (project numbers aside)."""
        projects = {self.project, other.project} - {None}
        projects_differ = len(projects) == 2 and not any(str(project).isdecimal() for project in projects)
        return (
            self.name == other.name
            and (self.collection is None or other.collection is None or self.collection == other.collection)
            and (self.scope is None or other.scope is None or self.scope == other.scope)
            and not projects_differ
        )


def parse_link(text: str) -> Link:
    """Parse a self link, an id such as `projects/p/global/healthChecks/web`, or a bare name.

    A unique link to a template ends in `?uniqueId=NUMBER`, which is left off: the name before it is unique enough.
    """
    text = text.partition("?")[0]
    found = _PATH.search(text)
    if found is None:
        return Link(name=text.rsplit("/", 1)[-1])
    return Link(
        name=found["name"], collection=found["collection"], scope=found["scope"], project=found["project"]
    )
