"""Service accounts. Google takes seconds to show a new one everywhere; the plugin looks until it is there, instead of sleeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.resource import Request, Resource, Timeouts
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.session import Session

Body = dict[str, Value]


class ServiceAccount(Resource):
    """A service account of a project; its id in the project, display name and description are the program's."""

    timeouts = Timeouts(create=300, update=None, delete=None)
    naming = None

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan; the address follows from account and project, so dependents' previews know it."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN:
            planned["project"] = session.project_of({})
        account = planned["accountId"]
        if isinstance(account, str) and isinstance(planned["project"], str):
            planned["email"] = _email(account, planned["project"])
            planned["member"] = f"serviceAccount:{planned['email']}"
        return planned

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Create the account, wait until it can be read, disable it if asked to."""
        planned = request.planned
        project = request.session.project_of(planned)
        email = _email(str(planned["accountId"]), project)
        resource_id = f"projects/{project}/serviceAccounts/{email}"
        rest = request.session.rest
        account = {name: planned[name] for name in ("displayName", "description") if planned.get(name)}
        body = {"accountId": planned["accountId"], "serviceAccount": account}
        try:
            await rest.request("POST", rest.endpoints.iam_url(f"projects/{project}/serviceAccounts"), body)
        except ApiError as error:
            if error.status != 409 or not planned.get("createIgnoreAlreadyExists"):
                raise
        try:
            answer = await self._visible(request, resource_id)
            if planned.get("disabled"):
                await rest.request("POST", rest.endpoints.iam_url(f"{resource_id}:disable"), {})
                answer = {**answer, "disabled": True}
        except ProviderError as error:
            known = {name: None if value is UNKNOWN else value for name, value in planned.items()}
            raise PartialError(str(error), resource_id, known) from error
        return resource_id, self._state(answer, project, planned)

    async def _visible(self, request: Request, resource_id: str) -> Body:
        rest = request.session.rest
        async for _ in rest.polls(
            self.timeouts.of("create", request.timeout), f"service account {resource_id}"
        ):
            try:
                return await rest.request("GET", rest.endpoints.iam_url(resource_id))
            except ApiError as error:
                if error.status not in (403, 404):
                    raise
        raise AssertionError("polls ends by an error")

    def _state(self, body: Body, project: str, prior: Properties) -> Properties:
        email = body.get("email") or _email(str(prior.get("accountId", "")), project)
        return {
            "accountId": email.partition("@")[0],
            "createIgnoreAlreadyExists": prior.get("createIgnoreAlreadyExists"),
            "deletionPolicy": prior.get("deletionPolicy") or "DELETE",
            "description": body.get("description", ""),
            "disabled": bool(body.get("disabled")),
            "displayName": body.get("displayName", ""),
            "email": email,
            "member": f"serviceAccount:{email}",
            "name": body.get("name") or f"projects/{project}/serviceAccounts/{email}",
            "project": project,
            "uniqueId": body.get("uniqueId", ""),
        }

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read the account; imported by its full name or its address."""
        project, email = _parse(session, resource_id)
        try:
            body = await session.rest.request(
                "GET", session.rest.endpoints.iam_url(f"projects/{project}/serviceAccounts/{email}")
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return self._state(body, project, state)

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return the full name."""
        return str(state["name"])

    async def update(self, request: Request) -> Properties:
        """Change display name, description, and whether it is disabled."""
        rest = request.session.rest
        planned, prior = request.planned, request.prior
        texts = [
            name
            for name in ("displayName", "description")
            if (planned.get(name) or "") != (prior.get(name) or "")
        ]
        if texts:
            masks = {"displayName": "display_name", "description": "description"}
            body = {
                "serviceAccount": {name: planned.get(name) or "" for name in texts},
                "updateMask": ",".join(masks[name] for name in texts),
            }
            await rest.request("PATCH", rest.endpoints.iam_url(request.id), body)
        if bool(planned.get("disabled")) != bool(prior.get("disabled")):
            action = "disable" if planned.get("disabled") else "enable"
            await rest.request("POST", rest.endpoints.iam_url(f"{request.id}:{action}"), {})
        state = await self.read(request.session, request.id, planned)
        if state is None:
            raise ProviderError(f"service account {request.id} is gone; run `pulumi refresh`")
        return state

    async def delete(self, request: Request) -> None:
        """Delete the account; one that is gone already is as wanted."""
        rest = request.session.rest
        try:
            await rest.request("DELETE", rest.endpoints.iam_url(request.id))
        except ApiError as error:
            if error.status != 404:
                raise


def _email(account: str, project: str) -> str:
    domain = ".".join(reversed(project.split(":")))
    return f"{account}@{domain}.iam.gserviceaccount.com"


def _parse(session: Session, resource_id: str) -> tuple[str, str]:
    parts = resource_id.split("/")
    if len(parts) == 4 and parts[0] == "projects" and parts[2] == "serviceAccounts":
        return parts[1], parts[3]
    if len(parts) == 1 and "@" in resource_id:
        return session.project_of({}), resource_id
    raise ProviderError(
        f"id {resource_id!r}: not in the form projects/PROJECT/serviceAccounts/ADDRESS; import it by that"
    )


SERVICE_ACCOUNT = ServiceAccount("gcp:serviceaccount/account:Account")
