"""Services of a project (``compute.googleapis.com``) that must be enabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, ProviderError
from localcloud.provider.resource import Request, Resource, Timeouts
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.session import Session

_QUERY = "&fields=services%2Fname%2CnextPageToken&filter=state%3AENABLED&pageSize=200"


class Service(Resource):
    """A service that is on; it is switched off again when the resource goes only if `disableOnDestroy` says so."""

    timeouts = Timeouts(read=600)
    naming = None

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the stack's project."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN:
            planned["project"] = session.project_of({})
        return planned

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Enable the service, unless it is on already."""
        project, service = request.session.project_of(request.planned), str(request.planned["service"])
        if service not in await _enabled(request.session, project):
            rest = request.session.rest
            url = rest.endpoints.service_usage_url(f"projects/{project}/services/{service}:enable")
            await rest.request("POST", url, {})
            within = self.timeouts.of("create", request.timeout)
            async for _ in rest.polls(within, f"service {service} of {project}"):
                if service in await _enabled(request.session, project):
                    break
        return f"{project}/{service}", {**request.planned, "project": project}

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Look for the service among those that are on."""
        project, _, service = resource_id.rpartition("/")
        project = project.removeprefix("projects/").removesuffix("/services") or session.project_of({})
        try:
            await session.rest.request(
                "GET", session.rest.endpoints.resource_manager_url(f"projects/{project}")
            )
        except ApiError as error:
            if error.status in (403, 404):
                return None
            raise
        if service not in await _enabled(session, project):
            return None
        names = ("checkIfServiceHasUsageOnDestroy", "disableDependentServices", "disableOnDestroy")
        return {
            **{name: state.get(name) for name in names},
            "deletionPolicy": state.get("deletionPolicy") or "DELETE",
            "project": project,
            "service": service,
        }

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return project and service."""
        return f"{state['project']}/{state['service']}"

    async def update(self, request: Request) -> Properties:
        """Take note of what is to happen on deletion; nothing else can change."""
        state = await self.read(request.session, request.id, request.planned)
        if state is None:
            raise ProviderError(f"service {request.id} is not enabled any more; run `pulumi refresh`")
        return state

    async def delete(self, request: Request) -> None:
        """Disable the service, if that is asked for."""
        prior = request.prior
        if not prior.get("disableOnDestroy"):
            return
        rest = request.session.rest
        path = f"projects/{prior['project']}/services/{prior['service']}:disable"
        body: dict[str, Value] = {"disableDependentServices": bool(prior.get("disableDependentServices"))}
        if prior.get("checkIfServiceHasUsageOnDestroy"):
            body["checkIfServiceHasUsage"] = "CHECK"
        await rest.request("POST", rest.endpoints.service_usage_url(path), body)


async def _enabled(session: Session, project: str) -> set[str]:
    names: set[str] = set()
    page = ""
    while True:
        url = session.rest.endpoints.service_usage_url(f"projects/{project}/services", _QUERY + page)
        listing = await session.rest.request("GET", url)
        names.update(str(item["name"]).rpartition("/")[2] for item in listing.get("services") or [])
        if not listing.get("nextPageToken"):
            return names
        page = f"&pageToken={listing['nextPageToken']}"


SERVICE = Service("gcp:projects/service:Service")
