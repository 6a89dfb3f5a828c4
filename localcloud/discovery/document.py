"""A discovery document as the API uses it: its methods, their parameters, and the schemas of requests and responses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from localcloud.discovery.parameters import Parameters
from localcloud.discovery.validator import Mode, Validator

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA = Path(__file__).parent / "data"
ApiName = Literal[
    "compute.v1",
    "compute.beta",
    "storage.v1",
    "iam.v1",
    "cloudresourcemanager.v1",
    "serviceusage.v1",
    "secretmanager.v1",
    "monitoring.v1",
    "monitoring.v3",
]


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """One method; there is one object of it.

    `segments` is its path below the version, `{name}` segments as they stand; `verb` what follows a colon.

    `kept` is false where only the name and path are known: such a method cannot be served.
    """

    id: str
    http: str
    segments: tuple[str, ...]
    verb: str
    names: tuple[str, ...]
    request: str | None
    response: str | None
    kept: bool
    api: Document = field(repr=False, compare=False)

    def parameters(self) -> Parameters:
        """Return what checks this method's parameters (made on first use)."""
        return self.api.parameters(self.id)


class Document:
    """One API in one version; validators are made when first asked for, so that loading stays quick."""

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        self.name = name
        self.version: str = raw["version"]
        self.revision: str = raw["revision"]
        self._raw = raw
        self._validators: dict[tuple[str, Mode], Validator] = {}
        self._parameters: dict[str, Parameters] = {}
        self.methods: dict[str, Method] = {
            key: self._method(key, value) for key, value in raw["methods"].items()
        }

    def _method(self, method_id: str, raw: Mapping[str, Any]) -> Method:
        path: str = raw.get("flatPath", raw["path"])
        segments = path.split("/")
        if not self._raw["servicePath"]:
            segments = segments[1:]  # these documents carry the version in each path: v1/projects/...
        last, _, verb = segments[-1].partition(":")
        segments[-1] = last
        names = tuple(segment[1:-1] for segment in segments if segment.startswith("{"))
        return Method(
            id=method_id,
            http=raw["httpMethod"],
            segments=tuple(segments),
            verb=verb,
            names=names,
            request=raw.get("request"),
            response=raw.get("response"),
            kept="parameters" in raw,
            api=self,
        )

    def validator(self, schema: str, mode: Mode) -> Validator:
        """Return the validator of this schema; see `Mode` for what each makes of a value."""
        found = self._validators.get((schema, mode))
        if found is None:
            found = self._validators[schema, mode] = Validator(self._raw["schemas"], schema, mode)
        return found

    def parameters(self, method_id: str) -> Parameters:
        """Return the checker of this method's path and query parameters."""
        found = self._parameters.get(method_id)
        if found is None:
            raw = self._raw["methods"][method_id]
            found = self._parameters[method_id] = Parameters(raw["parameters"], self._raw["parameters"])
        return found

    def schemas(self) -> frozenset[str]:
        """Return the names of all schemas."""
        return frozenset(self._raw["schemas"])

    def schema(self, name: str) -> Mapping[str, Any]:
        """Return the stripped schema, for those who generate values from it."""
        schema: Mapping[str, Any] = self._raw["schemas"][name]
        return schema


@cache
def load(name: str) -> Document:
    """Read one API's data (once per process)."""
    return Document(name, json.loads((_DATA / f"{name}.json").read_text()))
