"""Compute resources that are one REST collection each: posted, read, changed by a few kinds of request, deleted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from localcloud.provider.check import Naming
from localcloud.provider.errors import ApiError, OperationError, PartialError, ProviderError
from localcloud.provider.labels import plan_labels, read_labels
from localcloud.provider.mapping import Body, Scope, Table, expand, flatten, look
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Resource, Timeouts, changed
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.provider.session import Session

_LINK = re.compile(
    r"projects/(?P<project>[^/]+)/(?:global|regions/(?P<region>[^/]+)|zones/(?P<zone>[^/]+))/[^/]+/(?P<name>[^/?]+)$"
)


@dataclass(frozen=True)
class Step:
    """One kind of request of an update, sent when any of `triggers` changed (empty: whenever anything did).

    `action` is appended to the resource's URL; `collection` sends to the collection, with the name in the query.
    `body` are the properties sent (empty: the triggers, and with those empty too, all). `fingerprint` reads it first and sends it.
    """

    method: Literal["PATCH", "PUT", "POST"]
    triggers: tuple[str, ...] = ()
    action: str = ""
    body: tuple[str, ...] = ()
    fingerprint: bool = False
    collection: bool = False


@dataclass(frozen=True)
class Settings:
    """What distinguishes one Compute type. `labels`: none, the program's, or those and the attribution label.

    `read_by_id`: read after creation by the number that no later resource of the name has. `view` is added to the query of reads.
    """

    collection: str
    table: Table
    steps: tuple[Step, ...] = ()
    labels: Literal["none", "plain", "attributed"] = "none"
    timeouts: Timeouts = field(default_factory=Timeouts)
    schema_version: str = ""
    naming: Naming = field(default_factory=Naming)
    sends_fingerprint: bool = False
    read_by_id: bool = False
    view: str = ""


class ComputeResource(Resource):
    """A type described by its settings alone."""

    def __init__(self, resource_type: str, settings: Settings) -> None:
        super().__init__(resource_type)
        self.settings = settings
        self.timeouts = settings.timeouts
        self.schema_version = settings.schema_version
        self.naming = settings.naming

    @property
    def regional(self) -> bool:
        """Tell whether the type lives in a region."""
        return "{region}" in self.settings.collection

    @property
    def zonal(self) -> bool:
        """Tell whether the type lives in a zone."""
        return "{zone}" in self.settings.collection

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the project and region that the stack's configuration supplies, and labels."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN and "project" not in inputs:
            planned["project"] = session.project_of({})
        if self.regional and planned["region"] is UNKNOWN and "region" not in inputs:
            planned["region"] = session.region_of({})
        if self.zonal and planned["zone"] is UNKNOWN and "zone" not in inputs:
            planned["zone"] = session.zone_of({})
        if self.settings.labels != "none" and planned.get("labels") is not UNKNOWN:
            plan_labels(session, planned, attributed=self.settings.labels == "attributed")
        return planned

    def scope(self, session: Session, properties: Properties) -> Scope:
        """Return where a resource with these properties is."""
        region = session.region_of(properties) if self.regional else session.region
        zone = session.zone_of(properties) if self.zonal else session.zone
        return Scope(session, session.project_of(properties), region, properties, zone)

    def path(self, scope: Scope, name: str = "") -> str:
        """Return the relative link of the collection, or of a resource in it."""
        collection = self.settings.collection.format(region=scope.region, zone=scope.zone)
        base = f"projects/{scope.project}/{collection}"
        return f"{base}/{name}" if name else base

    def parse(self, session: Session, resource_id: str, properties: Properties) -> tuple[Scope, str]:
        """Return scope and name of an id: a link, ``project/place/name``, ``place/name`` or ``name``."""
        if match := _LINK.search(resource_id):
            region, zone = match["region"] or session.region, match["zone"] or session.zone
            return Scope(session, match["project"], region, properties, zone), match["name"]
        parts = resource_id.split("/")
        placed = self.regional or self.zonal
        if not all(parts) or len(parts) > (3 if placed else 2):
            shape = f"projects/PROJECT/{self.settings.collection.format(region='REGION', zone='ZONE')}/NAME"
            raise ProviderError(
                f"id {resource_id!r} of {self.type}: not in the form {shape}; import it by that"
            )
        name = parts.pop()
        place = parts.pop() if placed and parts else ""
        return Scope(
            session,
            parts.pop() if parts else session.project,
            (place if self.regional else "") or session.region,
            properties,
            (place if self.zonal else "") or session.zone,
        ), name

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return the relative link."""
        return self.path(*self.parse(session, imported, state))

    # -- bodies ------------------------------------------------------------------------------------------------------

    def body(self, scope: Scope, planned: Properties) -> Body:
        """Write the whole resource as a request body."""
        body = expand(self.schema.fields, planned, self.settings.table, scope)
        if self.settings.labels != "none" and has_labels(planned):
            body["labels"] = planned["effectiveLabels"]
        return body

    def state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        """Read the whole resource from the API's answer."""
        state = flatten(self.schema.fields, body, self.settings.table, scope, prior)
        state["project"] = scope.project
        if self.regional:
            state["region"] = scope.region
        if self.zonal:
            state["zone"] = scope.zone
        if self.settings.labels != "none":
            read_labels(state, look(body, "labels") or {}, prior)
        if "deletionPolicy" in state and not state["deletionPolicy"]:
            state["deletionPolicy"] = "DELETE"
        return state

    # -- requests ----------------------------------------------------------------------------------------------------

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Post the resource, follow the operation, read the result."""
        scope = self.scope(request.session, request.planned)
        rest = request.session.rest
        timeout = self.timeouts.of("create", request.timeout)
        body = self.body(scope, request.planned)
        operation = await rest.request("POST", rest.endpoints.compute_url(self.path(scope)), body)
        resource_id = self.path(scope, str(body["name"]))
        try:
            operation = await rest.wait(operation, timeout)
        except OperationError:
            raise
        except ProviderError as error:
            # It was asked for and may well come to be: forgetting it would make the next run fail on it.
            planned = {name: (None if value is UNKNOWN else value) for name, value in request.planned.items()}
            raise PartialError(str(error), resource_id, planned) from error
        try:
            await self.after_create(request, scope)
            answer = await self.fetch(request.session, resource_id, str(operation.get("targetId", "")))
        except ProviderError as error:
            raise PartialError(
                str(error), resource_id, await self._best_state(request, resource_id)
            ) from error
        return resource_id, settle(
            self.schema.fields, self.state(scope, answer, request.planned), request.planned
        )

    async def _best_state(self, request: Request, resource_id: str) -> Properties:
        """Return what is known of a resource that exists but is not finished."""
        known = {name: (None if value is UNKNOWN else value) for name, value in request.planned.items()}
        try:
            answer = await self.fetch(request.session, resource_id, last_look=True)
        except ProviderError:
            return known
        return self.state(self.scope(request.session, request.planned), answer, request.planned)

    async def after_create(self, request: Request, scope: Scope) -> None:
        """Do what a type needs done once it exists: labels of addresses and forwarding rules are set by a request of their own."""
        if any(step.action == "setLabels" for step in self.settings.steps) and has_labels(request.planned):
            await self._set_labels(request, self.path(scope, str(request.planned["name"])))

    async def _set_labels(self, request: Request, path: str) -> None:
        rest = request.session.rest
        current = await rest.request("GET", rest.endpoints.compute_url(path))
        body = {
            "labelFingerprint": current.get("labelFingerprint", ""),
            "labels": request.planned["effectiveLabels"],
        }
        operation = await rest.request("POST", rest.endpoints.compute_url(f"{path}/setLabels"), body)
        await rest.wait(operation, self.timeouts.of("update", request.timeout))

    async def fetch(self, session: Session, path: str, target: str = "", *, last_look: bool = False) -> Body:
        """Get the resource at a path; a type that is read by its number, by `target` if that is known."""
        if self.settings.read_by_id and target:
            path = f"{path.rpartition('/')[0]}/{target}"
        url = session.rest.endpoints.compute_url(path, self.settings.view)
        return await session.rest.request("GET", url, last_look=last_look)

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read by id."""
        scope, name = self.parse(session, resource_id, state)
        try:
            answer = await self.fetch(session, self.path(scope, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return self.state(scope, answer, state)

    async def update(self, request: Request) -> Properties:
        """Send each kind of request whose properties changed, then read the result."""
        scope = self.scope(request.session, request.planned)
        path = self.path(scope, str(request.planned["name"]))
        for step in self.settings.steps:
            if not step.triggers or self.differs(request, step.triggers):
                await self._send(request, scope, path, step)
        return await self.after_update(request, scope, path)

    def differs(self, request: Request, names: tuple[str, ...]) -> bool:
        """Tell whether any of these properties changes."""
        return changed(request.prior, request.planned, self.schema, names)

    async def _send(self, request: Request, scope: Scope, path: str, step: Step) -> None:
        if step.action == "setLabels":
            await self._set_labels(request, path)
            return
        rest = request.session.rest
        names = step.body or step.triggers or tuple(self.schema.fields)
        body = self._part(scope, request.planned, names, whole=names == tuple(self.schema.fields))
        if step.fingerprint:
            body["fingerprint"] = (await self.fetch(request.session, path)).get("fingerprint", "")
        elif self.settings.sends_fingerprint and request.prior.get("fingerprint"):
            body["fingerprint"] = request.prior["fingerprint"]
        if step.collection:
            url = rest.endpoints.compute_url(
                self.path(scope), f"&{_singular(self.settings.collection)}={request.planned['name']}"
            )
        else:
            url = rest.endpoints.compute_url(f"{path}/{step.action}" if step.action else path)
        operation = await rest.request(step.method, url, body)
        await rest.wait(operation, self.timeouts.of("update", request.timeout))

    def _part(self, scope: Scope, planned: Properties, names: tuple[str, ...], *, whole: bool) -> Body:
        if whole:
            return self.body(scope, planned)
        fields: Mapping[str, Value] = {name: self.schema.fields[name] for name in names}
        return expand(fields, planned, self.settings.table, scope)

    async def after_update(self, request: Request, scope: Scope, path: str) -> Properties:
        """Read the result of an update."""
        answer = await self.fetch(request.session, path)
        return settle(self.schema.fields, self.state(scope, answer, request.planned), request.planned)

    async def delete(self, request: Request) -> None:
        """Delete and follow the operation; what is gone already is as wanted."""
        path = self.path(*self.parse(request.session, request.id, request.prior))
        rest = request.session.rest
        try:
            operation = await rest.request("DELETE", rest.endpoints.compute_url(path))
        except ApiError as error:
            if error.status != 404:
                raise
            return
        await rest.wait(operation, self.timeouts.of("delete", request.timeout))


def has_labels(planned: Properties) -> bool:
    """Tell whether the resource is to have any label."""
    labels = planned.get("effectiveLabels")
    return isinstance(labels, dict) and bool(labels)


def _singular(collection: str) -> str:
    return collection.rsplit("/", 1)[-1].removesuffix("s")
