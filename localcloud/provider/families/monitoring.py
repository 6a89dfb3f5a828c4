"""Cloud Monitoring: alert policies and notification channels. Google names them; the program does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.mapping import Body, Scope, Table, expand, flatten
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Resource
from localcloud.provider.values import UNKNOWN, Properties

if TYPE_CHECKING:
    from localcloud.provider.session import Session


class MonitoringResource(Resource):
    """A type of Monitoring's v3 API that is one collection, changed by a patch of all its fields."""

    naming = None

    def __init__(self, resource_type: str, collection: str, table: Table, masked: tuple[str, ...]) -> None:
        super().__init__(resource_type)
        self.collection = collection
        self.table = table
        self.masked = masked

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the stack's project."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN:
            planned["project"] = session.project_of({})
        if UNKNOWN in (planned.get("notificationChannels") or ()):
            # One channel that is not known makes the list so, as in the official provider's previews.
            planned["notificationChannels"] = UNKNOWN
        return planned

    def _scope(self, session: Session, properties: Properties) -> Scope:
        return Scope(session, session.project_of(properties), session.region, properties)

    def _state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        state = flatten(self.schema.fields, body, self.table, scope, prior)
        state["project"] = scope.project
        state["deletionPolicy"] = prior.get("deletionPolicy") or "DELETE"
        if "forceDelete" in state:
            state["forceDelete"] = bool(prior.get("forceDelete"))
        return state

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Create, then read by the name that the answer gives."""
        scope = self._scope(request.session, request.planned)
        rest = request.session.rest
        url = rest.endpoints.monitoring_url(f"v3/projects/{scope.project}/{self.collection}")
        answer = await rest.request(
            "POST", url, expand(self.schema.fields, request.planned, self.table, scope)
        )
        name = str(answer["name"])
        try:
            answer = await rest.request("GET", rest.endpoints.monitoring_url(f"v3/{name}"))
        except ProviderError as error:
            known = {key: None if value is UNKNOWN else value for key, value in request.planned.items()}
            raise PartialError(str(error), name, known) from error
        state = self._state(scope, answer, request.planned)
        return name, settle(self.schema.fields, state, request.planned)

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read by name (``projects/p/alertPolicies/1``), which imports use too."""
        try:
            body = await session.rest.request(
                "GET", session.rest.endpoints.monitoring_url(f"v3/{resource_id}")
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        project = resource_id.split("/")[1] if resource_id.startswith("projects/") else session.project
        return self._state(Scope(session, project, session.region, state), body, state)

    async def update(self, request: Request) -> Properties:
        """Patch; fields in the mask that are not sent are cleared."""
        scope = self._scope(request.session, request.planned)
        rest = request.session.rest
        mask = "%2C".join(
            name for name in self.masked if request.prior.get(name) != request.planned.get(name)
        )
        if mask:
            body = expand(self.schema.fields, request.planned, self.table, scope)
            url = rest.endpoints.monitoring_url(f"v3/{request.id}", f"&updateMask={mask}")
            await rest.request("PATCH", url, body)
        answer = await rest.request("GET", rest.endpoints.monitoring_url(f"v3/{request.id}"))
        return settle(self.schema.fields, self._state(scope, answer, request.planned), request.planned)

    async def delete(self, request: Request) -> None:
        """Delete; what is gone already is as wanted."""
        rest = request.session.rest
        force = ""
        if "forceDelete" in self.schema.fields:
            force = "&force=true" if request.prior.get("forceDelete") else "&force=false"
        try:
            await rest.request("DELETE", rest.endpoints.monitoring_url(f"v3/{request.id}", force))
        except ApiError as error:
            if error.status != 404:
                raise


ALERT_POLICY = MonitoringResource(
    "gcp:monitoring/alertPolicy:AlertPolicy",
    "alertPolicies",
    Table(
        kept=frozenset({"enabled", "conditions.conditionThreshold.thresholdValue"}),
        local=frozenset({"deletionPolicy", "project"}),
        readers={
            # One record of Google's is one element of the state's list.
            "creationRecords": lambda body, _: [
                {"mutateTime": item.get("mutateTime", ""), "mutatedBy": item.get("mutatedBy", "")}
                for item in [body.get("creationRecord")]
                if item
            ],
        },
    ),
    (
        "alertStrategy",
        "combiner",
        "conditions",
        "displayName",
        "documentation",
        "enabled",
        "notificationChannels",
        "severity",
        "userLabels",
    ),
)
NOTIFICATION_CHANNEL = MonitoringResource(
    "gcp:monitoring/notificationChannel:NotificationChannel",
    "notificationChannels",
    Table(
        kept=frozenset({"enabled"}),
        local=frozenset({"deletionPolicy", "forceDelete", "project", "sensitiveLabels"}),
    ),
    ("description", "displayName", "enabled", "labels", "type", "userLabels"),
)
