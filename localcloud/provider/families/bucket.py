"""Cloud Storage buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.provider.check import Naming
from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.families.lifecycle_rules import read_rules, write_rules
from localcloud.provider.labels import plan_labels, read_labels
from localcloud.provider.mapping import Body, Scope, Table, expand, flatten, look
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Resource, Timeouts, changed
from localcloud.provider.values import UNKNOWN, Properties

if TYPE_CHECKING:
    from localcloud.provider.diff import Change
    from localcloud.provider.rest import RestClient
    from localcloud.provider.session import Session

_TABLE = Table(
    names={
        "uniformBucketLevelAccess": "iamConfiguration.uniformBucketLevelAccess.enabled",
        "publicAccessPrevention": "iamConfiguration.publicAccessPrevention",
        "requesterPays": "billing.requesterPays",
        "encryption.defaultKmsKeyName": "defaultKmsKeyName",
        "enableObjectRetention": "objectRetention.mode",
        "lifecycleRules": "lifecycle",
        "cors.origins": "origin",
        "cors.methods": "method",
        "cors.responseHeaders": "responseHeader",
    },
    kept=frozenset(
        {"uniformBucketLevelAccess", "versioning", "versioning.enabled", "hierarchicalNamespace.enabled"}
    ),
    local=frozenset({"deletionPolicy", "project", "forceDestroy", "labels"}),
    unsent=frozenset({"enableObjectRetention"}),
    writers={"lifecycleRules": write_rules},
    readers={
        "lifecycleRules": read_rules,
        "defaultEventBasedHold": lambda body, _: bool(body.get("defaultEventBasedHold")),
        "requesterPays": lambda body, _: bool(look(body, "billing.requesterPays")),
        "enableObjectRetention": lambda body, _: look(body, "objectRetention.mode") == "Enabled",
        "hierarchicalNamespace": lambda body, _: {
            "enabled": bool(look(body, "hierarchicalNamespace.enabled"))
        },
        "uniformBucketLevelAccess": lambda body, _: bool(
            look(body, "iamConfiguration.uniformBucketLevelAccess.enabled")
        ),
        "publicAccessPrevention": lambda body, _: look(body, "iamConfiguration.publicAccessPrevention"),
        "rpo": lambda body, _: body.get("rpo") or None,
        "url": lambda body, _: f"gs://{body.get('name', '')}",
        "selfLink": lambda body, _: body.get("selfLink", ""),
    },
)
# What a patch may carry, by the API's name and the properties it comes from.
_PATCHED = {
    "lifecycle": ("lifecycleRules",),
    "billing": ("requesterPays",),
    "versioning": ("versioning",),
    "autoclass": ("autoclass",),
    "website": ("website",),
    "retentionPolicy": ("retentionPolicy",),
    "cors": ("cors",),
    "defaultEventBasedHold": ("defaultEventBasedHold",),
    "logging": ("logging",),
    "encryption": ("encryption",),
    "storageClass": ("storageClass",),
    "iamConfiguration": ("uniformBucketLevelAccess", "publicAccessPrevention"),
    "rpo": ("rpo",),
    "softDeletePolicy": ("softDeletePolicy",),
    "ipFilter": ("ipFilter",),
}


class Bucket(Resource):
    """A bucket; with `forceDestroy`, deleting it deletes what is in it."""

    timeouts = Timeouts(create=600, read=240, update=240, delete=None)
    schema_version = "4"
    naming = Naming(lower=True)

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the location in capitals, as Google keeps it, and labels."""
        planned = super().plan(session, inputs, prior)
        if isinstance(planned["location"], str):
            planned["location"] = planned["location"].upper()
        if planned.get("labels") is not UNKNOWN:
            plan_labels(session, planned, attributed=True)
        return planned

    def changes(
        self, session: Session, state: Properties, news: Properties, ignored: tuple[str, ...] = ()
    ) -> list[Change]:
        """Compare; a namespace that is off is as good as none, and locations are in capitals."""
        location = news.get("location")
        news = {**news, "location": location.upper()} if isinstance(location, str) else news
        flat = not (state.get("hierarchicalNamespace") or {}).get("enabled")
        changes = super().changes(session, state, news, ignored)
        return [
            change
            for change in changes
            if not (flat and change.path == "hierarchicalNamespace" and change.kind == "DELETE")
        ]

    def _scope(self, session: Session, properties: Properties) -> Scope:
        return Scope(session, session.project_of(properties), session.region, properties)

    def _body(self, scope: Scope, planned: Properties) -> Body:
        body = expand(self.schema.fields, planned, _TABLE, scope)
        body["name"] = planned["name"]
        labels = planned.get("effectiveLabels")
        if isinstance(labels, dict) and labels:
            body["labels"] = labels
        return body

    async def _state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        state = flatten(self.schema.fields, body, _TABLE, scope, prior)
        state["projectNumber"] = int(body.get("projectNumber") or 0)
        known = prior.get("project")
        state["project"] = (
            known if isinstance(known, str) and known else await _project_name(scope, state["projectNumber"])
        )
        state["deletionPolicy"] = state.get("deletionPolicy") or "DELETE"
        state["forceDestroy"] = bool(prior.get("forceDestroy"))
        if not state["softDeletePolicy"]:
            state["softDeletePolicy"] = None
        read_labels(state, body.get("labels") or {}, prior)
        return state

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Create the bucket, wait until it can be read, and find out which project it is in."""
        scope = self._scope(request.session, request.planned)
        rest = request.session.rest
        body = self._body(scope, request.planned)
        if request.planned.get("enableObjectRetention"):
            raise ProviderError(
                "enableObjectRetention is true: the local cloud keeps no retention of single objects; leave it out"
            )
        await rest.request(
            "POST", rest.endpoints.storage_url("b", f"&prettyPrint=false&project={scope.project}"), body
        )
        name = str(body["name"])
        try:
            await self._visible(rest, name, self.timeouts.of("create", request.timeout))
            answer = await rest.request("GET", rest.endpoints.storage_url(f"b/{name}"))
            state = await self._state(scope, answer, request.planned)
        except ProviderError as error:
            known = {key: None if value is UNKNOWN else value for key, value in request.planned.items()}
            raise PartialError(str(error), name, known) from error
        return name, settle(self.schema.fields, state, request.planned)

    async def _visible(self, rest: RestClient, name: str, within: float) -> None:
        async for _ in rest.polls(within, f"bucket {name}"):
            try:
                await rest.request("GET", rest.endpoints.storage_url(f"b/{name}"))
            except ApiError as error:
                if error.status != 404:
                    raise
            else:
                return

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read the bucket; imported by name, or by project and name."""
        name = resource_id.rsplit("/", 1)[-1]
        try:
            body = await session.rest.request("GET", session.rest.endpoints.storage_url(f"b/{name}"))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return await self._state(self._scope(session, state), body, state)

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return the name."""
        return str(state["name"])

    async def update(self, request: Request) -> Properties:
        """Patch what changed; what is set no more is sent as null."""
        rest = request.session.rest
        planned, prior = request.planned, request.prior
        scope = self._scope(request.session, planned)
        whole = self._body(scope, planned)
        body = {
            name: whole.get(name)
            for name, names in _PATCHED.items()
            if changed(prior, planned, self.schema, names)
        }
        labels, before = planned.get("effectiveLabels") or {}, prior.get("effectiveLabels") or {}
        if labels != before:
            body["labels"] = {**dict.fromkeys(before), **labels}
        if body:
            await rest.request("PATCH", rest.endpoints.storage_url(f"b/{planned['name']}"), body)
        answer = await rest.request("GET", rest.endpoints.storage_url(f"b/{planned['name']}"))
        return settle(self.schema.fields, await self._state(scope, answer, planned), planned)

    async def delete(self, request: Request) -> None:
        """Delete the bucket, after its objects if `forceDestroy` is set and it has any."""
        rest = request.session.rest
        name = request.id.rsplit("/", 1)[-1]
        try:
            await self._empty(rest, name, force=bool(request.prior.get("forceDestroy")))
            await rest.request("DELETE", rest.endpoints.storage_url(f"b/{name}"))
        except ApiError as error:
            if error.status != 404:
                raise

    async def _empty(self, rest: RestClient, name: str, *, force: bool) -> None:
        await self._anywhere_caches(rest, name)
        page = ""
        while True:
            query = f"&prettyPrint=false&versions=true{page}"
            listing = await rest.request("GET", rest.endpoints.storage_url(f"b/{name}/o", query))
            objects = listing.get("items") or []
            if objects and not force:
                raise ProviderError(
                    f"bucket {name!r} holds {len(objects)} objects ({objects[0]['name']!r} for one) and forceDestroy is not set: "
                    f"a bucket that is not empty is not deleted; remove them, or set force_destroy=True and run `pulumi up` first"
                )
            for item in objects:
                await _delete_object(rest, name, item)
            token = listing.get("nextPageToken")
            if not token:
                return
            page = f"&pageToken={token}"

    async def _anywhere_caches(self, rest: RestClient, name: str) -> None:
        """Look for caches, which would keep the bucket from being deleted; a service without them says so."""
        try:
            listing = await rest.request("GET", rest.endpoints.storage_url(f"b/{name}/anywhereCaches/", ""))
        except ApiError as error:
            if error.status not in (404, 501):
                raise
            return
        if listing.get("items"):
            raise ProviderError(
                f"bucket {name!r} has Anywhere Caches, and a bucket that has any is not deleted; disable them first"
            )


async def _delete_object(rest: RestClient, bucket: str, item: Body) -> None:
    query = (
        f"&generation={item['generation']}&prettyPrint=false"
        if item.get("generation")
        else "&prettyPrint=false"
    )
    try:
        await rest.request(
            "DELETE", rest.endpoints.storage_url(f"b/{bucket}/o/{quote(item['name'], safe='')}", query)
        )
    except ApiError as error:
        if error.status != 404:
            raise


async def _project_name(scope: Scope, number: int) -> str:
    """Return the id of the project of this number, as Compute tells it; the stack's own if it does not."""
    rest = scope.session.rest
    try:
        project = await rest.request("GET", rest.endpoints.compute_url(f"projects/{number}"))
    except ApiError:
        return scope.project
    return str(project.get("name") or scope.project)


BUCKET = Bucket("gcp:storage/bucket:Bucket")
