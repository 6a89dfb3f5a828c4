"""Secrets: the thing that versions hold the values of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.labels import plan_labels, read_labels
from localcloud.provider.mapping import Body, Scope, Table, expand, flatten
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Resource, changed
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.session import Session


def _write_replication(value: Value, _: Scope) -> Value:
    """Write how a secret is replicated: automatically (sent even if nothing more is said of it), or where the user says."""
    if not isinstance(value, dict):
        return None
    body: Body = {}
    if isinstance(value.get("auto"), dict):
        body["automatic"] = _without_empty(value["auto"])
    if isinstance(value.get("userManaged"), dict):
        body["userManaged"] = {
            "replicas": [_without_empty(replica) for replica in value["userManaged"]["replicas"]]
        }
    return body


def _without_empty(body: Body) -> Body:
    return {name: value for name, value in body.items() if value not in (None, "", UNKNOWN)}


def _read_replication(body: Body, scope: Scope) -> Properties:
    replication = body.get("replication") or {}
    managed = replication.get("userManaged")
    # The empty object that says "automatic" may be dropped on the way: what is not user-managed is automatic.
    automatic = replication.get("automatic") or ({} if not managed else None)
    _ = scope
    return {
        "auto": None
        if automatic is None
        else {"customerManagedEncryption": automatic.get("customerManagedEncryption")},
        "userManaged": {
            "replicas": [
                {
                    "location": item.get("location", ""),
                    "customerManagedEncryption": item.get("customerManagedEncryption"),
                }
                for item in managed.get("replicas") or []
            ]
        }
        if managed
        else None,
    }


_TABLE = Table(
    names={"versionDestroyTtl": "versionDestroyTtl"},
    local=frozenset({"deletionPolicy", "deletionProtection", "labels", "project", "secretId", "annotations"}),
    unread=frozenset({"tags", "ttl"}),
    writers={"replication": _write_replication},
    readers={
        "replication": _read_replication,
        "effectiveAnnotations": lambda body, _: dict(body.get("annotations") or {}),
    },
)
_UPDATED = {
    "labels": "effectiveLabels",
    "annotations": "annotations",
    "versionAliases": "versionAliases",
    "versionDestroyTtl": "versionDestroyTtl",
    "topics": "topics",
    "expireTime": "expireTime",
    "ttl": "ttl",
    "rotation": "rotation",
}


class Secret(Resource):
    """A secret, found by the id that the program gives."""

    naming = None

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the stack's project, and labels."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN:
            planned["project"] = session.project_of({})
        if planned.get("labels") is not UNKNOWN:
            plan_labels(session, planned, attributed=True)
        return planned

    def _scope(self, session: Session, properties: Properties) -> Scope:
        return Scope(session, session.project_of(properties), session.region, properties)

    def _body(self, scope: Scope, planned: Properties) -> Body:
        body = expand(self.schema.fields, planned, _TABLE, scope)
        if planned.get("effectiveLabels"):
            body["labels"] = planned["effectiveLabels"]
        if planned.get("annotations"):
            body["annotations"] = planned["annotations"]
        return body

    def _state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        state = flatten(self.schema.fields, body, _TABLE, scope, prior)
        state["deletionPolicy"] = prior.get("deletionPolicy") or "DELETE"
        state["deletionProtection"] = bool(prior.get("deletionProtection"))
        state["project"] = scope.project
        state["secretId"] = str(body.get("name", "")).rpartition("/")[2]
        annotations = prior.get("annotations")
        state["annotations"] = (
            {key: value for key, value in state["effectiveAnnotations"].items() if key in annotations}
            if isinstance(annotations, dict)
            else {}
        )
        read_labels(state, body.get("labels") or {}, prior)
        return state

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Create the secret and read it."""
        scope = self._scope(request.session, request.planned)
        rest = request.session.rest
        secret = str(request.planned["secretId"])
        url = rest.endpoints.secret_manager_url(f"projects/{scope.project}/secrets", f"&secretId={secret}")
        resource_id = f"projects/{scope.project}/secrets/{secret}"
        await rest.request("POST", url, self._body(scope, request.planned))
        try:
            answer = await rest.request("GET", rest.endpoints.secret_manager_url(resource_id))
        except ProviderError as error:
            known = {name: None if value is UNKNOWN else value for name, value in request.planned.items()}
            raise PartialError(str(error), resource_id, known) from error
        state = self._state(scope, answer, request.planned)
        return resource_id, settle(self.schema.fields, state, request.planned)

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read the secret; imported by its full name, ``project/secret`` or ``secret``."""
        project, secret = _parse(session, resource_id)
        path = f"projects/{project}/secrets/{secret}"
        try:
            body = await session.rest.request("GET", session.rest.endpoints.secret_manager_url(path))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return self._state(Scope(session, project, session.region, state), body, state)

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return the full name."""
        project, secret = _parse(session, imported)
        return f"projects/{project}/secrets/{secret}"

    async def update(self, request: Request) -> Properties:
        """Patch what changed; what is set no more is sent as null."""
        rest = request.session.rest
        scope = self._scope(request.session, request.planned)
        whole = self._body(scope, request.planned)
        changes = [
            name
            for name, prop in _UPDATED.items()
            if changed(request.prior, request.planned, self.schema, (prop,))
        ]
        if changes:
            body = {name: whole.get(name) for name in changes}
            mask = "%2C".join(sorted(changes))
            url = rest.endpoints.secret_manager_url(request.id, f"&updateMask={mask}")
            await rest.request("PATCH", url, body)
        answer = await rest.request("GET", rest.endpoints.secret_manager_url(request.id))
        return settle(self.schema.fields, self._state(scope, answer, request.planned), request.planned)

    async def delete(self, request: Request) -> None:
        """Delete the secret with its versions; one that is gone already is as wanted."""
        if request.prior.get("deletionProtection"):
            raise ProviderError(
                f"{request.id}: deletionProtection is true, which keeps it from being deleted; "
                "set it to false and run `pulumi up` first"
            )
        rest = request.session.rest
        try:
            await rest.request("DELETE", rest.endpoints.secret_manager_url(request.id))
        except ApiError as error:
            if error.status != 404:
                raise


def _parse(session: Session, resource_id: str) -> tuple[str, str]:
    parts = resource_id.split("/")
    if len(parts) == 4 and parts[0] == "projects" and parts[2] == "secrets":
        return parts[1], parts[3]
    if len(parts) <= 2 and all(parts):
        return (parts[0] if len(parts) == 2 else session.project_of({})), parts[-1]
    raise ProviderError(
        f"id {resource_id!r}: not in the form projects/PROJECT/secrets/SECRET; import it by that"
    )


SECRET = Secret("gcp:secretmanager/secret:Secret")
