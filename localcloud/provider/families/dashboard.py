"""Dashboards: JSON, as the program writes it. What Google adds (name, etag) is no difference: see `equality.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, ProviderError
from localcloud.provider.resource import Request, Resource, Timeouts
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.session import Session

_JSON = "dashboardJson"


class Dashboard(Resource):
    """A dashboard of Monitoring's v1 API."""

    naming = None
    timeouts = Timeouts(create=240, update=240, delete=240)

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the stack's project, and the JSON as states have it."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN:
            planned["project"] = session.project_of({})
        if isinstance(planned[_JSON], str):
            planned[_JSON] = _normal(_parsed(planned[_JSON]))
        return planned

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Create, then read by the name that the answer gives."""
        rest = request.session.rest
        project = request.session.project_of(request.planned)
        url = rest.endpoints.monitoring_url(f"v1/projects/{project}/dashboards")
        answer = await rest.request("POST", url, _parsed(request.planned[_JSON]))
        name = str(answer["name"])
        state = await self.read(request.session, name, request.planned)
        if state is None:
            raise ProviderError(f"dashboard {name} was made but is not there; something else removed it")
        return name, state

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read by name (``projects/p/dashboards/1``)."""
        try:
            body = await session.rest.request(
                "GET", session.rest.endpoints.monitoring_url(f"v1/{resource_id}")
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return {
            _JSON: _normal(body),
            "deletionPolicy": state.get("deletionPolicy") or "DELETE",
            # The name has the project's number, the program its id: taken from the name, every preview would replace the dashboard.
            "project": state.get("project") or resource_id.split("/")[1],
        }

    async def update(self, request: Request) -> Properties:
        """Replace the content, with the etag of what is there."""
        rest = request.session.rest
        url = rest.endpoints.monitoring_url(f"v1/{request.id}")
        current = await rest.request("GET", url)
        body = {**_parsed(request.planned[_JSON]), "name": request.id}
        if current.get("etag"):
            body["etag"] = current["etag"]
        await rest.request("PATCH", url, body)
        state = await self.read(request.session, request.id, request.planned)
        if state is None:
            raise ProviderError(f"dashboard {request.id} is gone; run `pulumi refresh`")
        return state

    async def delete(self, request: Request) -> None:
        """Delete; what is gone already is as wanted."""
        rest = request.session.rest
        try:
            await rest.request("DELETE", rest.endpoints.monitoring_url(f"v1/{request.id}"))
        except ApiError as error:
            if error.status != 404:
                raise


def _parsed(text: str) -> dict[str, Value]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ProviderError(f"{_JSON} is not JSON ({error}); write it with json.dumps") from error
    if not isinstance(content, dict):
        raise ProviderError(f"{_JSON} is {type(content).__name__}, and a dashboard is an object")
    return content


def _normal(content: dict[str, Value]) -> str:
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


DASHBOARD = Dashboard("gcp:monitoring/dashboard:Dashboard")
