"""The plugin's gRPC service: what Pulumi's engine asks of a provider, answered as the official provider does."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from localcloud.provider.check import DEFAULTS, Proposal, check
from localcloud.provider.endpoints import require_loopback
from localcloud.provider.engine_folder import engine_folder
from localcloud.provider.errors import ApiError, CancelledByEngineError, PartialError, ProviderError
from localcloud.provider.refresh import imported_inputs, refreshed_inputs
from localcloud.provider.registry import FUNCTIONS, RESOURCES
from localcloud.provider.resource import Request, Resource
from localcloud.provider.session import Defaults, Session, configure
from localcloud.provider.status import partial_failure
from localcloud.provider.values import (
    UNKNOWN,
    Properties,
    Secret,
    Value,
    from_struct,
    holds,
    reveal,
    to_struct,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import httpx

    from localcloud.provider.diff import Change

VERSION = "10.2.0"
_SECRET_SETTINGS = ("accessToken", "credentials")
_MOST_SESSIONS = 64

Context: TypeAlias = grpc.aio.ServicerContext


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """One long-lived plugin, which may serve several engines at a time; each connection is a session of its own."""

    def __init__(self, defaults: Defaults, http: httpx.AsyncClient) -> None:
        self._defaults = defaults
        self._http = http
        self._sessions: dict[str, Session] = {}

    # -- the provider itself ---------------------------------------------------------------------------------------

    async def GetPluginInfo(self, request: Value, context: Context) -> Value:
        """Say which provider's version the answers are those of."""
        return plugin_pb2.PluginInfo(version=VERSION)

    async def Attach(self, request: Value, context: Context) -> Value:
        """Accept the engine that attaches."""
        return empty_pb2.Empty()

    async def GetSchema(self, request: Value, context: Context) -> Value:
        """Give the least schema there is: the types' names; programs use the SDK's own."""
        schema = {
            "name": "gcp",
            "version": VERSION,
            "resources": {name: {} for name in RESOURCES},
            "functions": {name: {} for name in FUNCTIONS},
        }
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    async def CheckConfig(self, request: Value, context: Context) -> Value:
        """Refuse endpoints that are not on this machine; keep tokens secret."""
        inputs = from_struct(request.news)
        failures = []
        for key, value in inputs.items():
            plain = reveal(value)
            if key.endswith("CustomEndpoint") and isinstance(plain, str) and plain:
                try:
                    require_loopback(f"gcp:{key}", plain)
                except ProviderError as error:
                    failures.append(provider_pb2.CheckFailure(property=key, reason=str(error)))
            if key in _SECRET_SETTINGS and not isinstance(value, Secret):
                inputs[key] = Secret(value)
        return provider_pb2.CheckResponse(inputs=to_struct(inputs), failures=failures)

    async def DiffConfig(self, request: Value, context: Context) -> Value:
        """Leave it to the engine to compare: no setting of the provider needs its resources replaced."""
        return provider_pb2.DiffResponse()

    async def Configure(self, request: Value, context: Context) -> Value:
        """Begin a session."""

        async def answer() -> Value:
            session = configure(from_struct(request.args), self._defaults, self._http)
            peer = context.peer()
            folder = await asyncio.to_thread(engine_folder, peer)
            self._sessions.pop(peer, None)
            self._sessions[peer] = replace(session, folder=folder)
            while len(self._sessions) > _MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            return provider_pb2.ConfigureResponse(
                supportsPreview=True, supports_autonaming_configuration=True
            )

        return await _answer(context, answer())

    async def Cancel(self, request: Value, context: Context) -> Value:
        """Stop what this engine has under way."""
        session = self._sessions.get(context.peer())
        if session is not None:
            session.rest.cancel()
        return empty_pb2.Empty()

    def _session(self, context: Context) -> Session:
        session = self._sessions.get(context.peer())
        if session is None:
            raise ProviderError("the provider is not configured on this connection; run the command again")
        return session

    # -- functions -------------------------------------------------------------------------------------------------

    async def Invoke(self, request: Value, context: Context) -> Value:
        """Call a function."""

        async def answer() -> Value:
            function = FUNCTIONS.get(request.tok)
            if function is None:
                raise ProviderError(
                    f"function {request.tok}: this plugin has {', '.join(FUNCTIONS)} only; use the official gcp provider for others"
                )
            arguments = {key: value for key, value in from_struct(request.args).items() if value is not None}
            result = await function(self._session(context), reveal(arguments))
            return provider_pb2.InvokeResponse(**{"return": to_struct(result)})

        return await _answer(context, answer())

    # -- resources -------------------------------------------------------------------------------------------------

    async def Check(self, request: Value, context: Context) -> Value:
        """Validate inputs and fill in defaults."""

        async def answer() -> Value:
            resource = _resource(request.urn)
            news = from_struct(request.news)
            mode = request.autonaming.mode if request.HasField("autonaming") else 0
            inputs, problems = check(
                resource.schema,
                reveal(news),
                reveal(from_struct(request.olds)),
                resource_name=request.urn.rpartition("::")[2],
                naming=resource.naming,
                seed=request.randomSeed,
                proposal=Proposal(request.autonaming.proposed_name, off=mode == _AUTONAMING.DISABLE),
            )
            failures = [
                provider_pb2.CheckFailure(property=problem.property, reason=problem.reason)
                for problem in problems
            ]
            return provider_pb2.CheckResponse(
                inputs=to_struct(_sealed(_secret(resource, inputs), news)), failures=failures
            )

        return await _answer(context, answer())

    async def Diff(self, request: Value, context: Context) -> Value:
        """Say what changes, and if that needs a replacement."""

        async def answer() -> Value:
            resource = _resource(request.urn)
            session = self._session(context)
            state = _state(from_struct(request.olds))
            news = reveal(from_struct(request.news))
            changes = resource.changes(session, state, _inputs(news), tuple(request.ignoreChanges))
            return _diff_response(resource, changes, state, news)

        return await _answer(context, answer())

    async def Create(self, request: Value, context: Context) -> Value:
        """Make a resource, or tell what it would be."""

        async def answer() -> Value:
            resource = _resource(request.urn)
            session = self._session(context)
            given = from_struct(request.properties)
            planned = resource.plan(session, _inputs(reveal(given)))
            if request.preview:
                properties = _outputs(
                    resource, planned, given, UNKNOWN, timeout=request.timeout, step="create"
                )
                return provider_pb2.CreateResponse(properties=to_struct(properties))
            _refuse_unknown(resource, reveal(given))
            try:
                resource_id, state = await resource.create(Request(session, planned, request.timeout))
            except PartialError as error:
                partial = _outputs(
                    resource, error.state, given, error.id, timeout=request.timeout, step="create"
                )
                return await partial_failure(context, error, partial, given)
            properties = _outputs(resource, state, given, resource_id, timeout=request.timeout, step="create")
            return provider_pb2.CreateResponse(id=resource_id, properties=to_struct(properties))

        return await _answer(context, answer())

    async def Read(self, request: Value, context: Context) -> Value:
        """Read a resource: to refresh its state, or to import it."""

        async def answer() -> Value:
            resource = _resource(request.urn)
            old = from_struct(request.properties)
            given = from_struct(request.inputs)
            before = _state(old)
            state = await resource.read(self._session(context), request.id, before)
            if state is None:
                return provider_pb2.ReadResponse()
            fields = resource.schema.fields
            inputs = (
                refreshed_inputs(fields, reveal(given), state)
                if DEFAULTS in given or given
                else imported_inputs(fields, state)
            )
            resource_id = (
                request.id if before else resource.full_id(self._session(context), request.id, state)
            )
            properties = _outputs(resource, state, given, resource_id, meta=old.get("__meta"))
            return provider_pb2.ReadResponse(
                id=resource_id,
                properties=to_struct(properties),
                inputs=to_struct(_sealed(_secret(resource, inputs), given)),
            )

        return await _answer(context, answer())

    async def Update(self, request: Value, context: Context) -> Value:
        """Change a resource, or tell what it would become."""

        async def answer() -> Value:
            resource = _resource(request.urn)
            session = self._session(context)
            given = from_struct(request.news)
            old = from_struct(request.olds)
            prior = _state(old)
            planned = resource.plan(session, _inputs(reveal(given)), prior)
            meta = None if request.timeout else old.get("__meta")
            if request.preview:
                properties = _outputs(
                    resource, planned, given, request.id, timeout=request.timeout, step="update", meta=meta
                )
                return provider_pb2.UpdateResponse(properties=to_struct(properties))
            _refuse_unknown(resource, reveal(given))
            try:
                state = await resource.update(Request(session, planned, request.timeout, prior, request.id))
            except PartialError as error:
                partial = _outputs(
                    resource, error.state, given, error.id, timeout=request.timeout, step="update", meta=meta
                )
                return await partial_failure(context, error, partial, given)
            properties = _outputs(
                resource, state, given, request.id, timeout=request.timeout, step="update", meta=meta
            )
            return provider_pb2.UpdateResponse(properties=to_struct(properties))

        return await _answer(context, answer())

    async def Delete(self, request: Value, context: Context) -> Value:
        """Remove a resource, unless its deletion policy says otherwise."""

        async def answer() -> Value:
            resource = _resource(request.urn)
            prior = _state(from_struct(request.properties))
            policy = prior.get("deletionPolicy")
            if policy == "PREVENT":
                raise ProviderError(
                    f"{request.id}: deletionPolicy is 'PREVENT', which keeps it from being deleted; "
                    "set it to 'DELETE' and run `pulumi up` first"
                )
            if policy != "ABANDON":
                await resource.delete(Request(self._session(context), {}, request.timeout, prior, request.id))
            return empty_pb2.Empty()

        return await _answer(context, answer())


_AUTONAMING = provider_pb2.CheckRequest.AutonamingOptions


async def _answer(context: Context, work: Coroutine[Value, Value, Value]) -> Value:
    """Await an answer; what goes wrong becomes the call's status, with the message a user reads."""
    try:
        return await work
    except CancelledByEngineError as error:
        await context.abort(grpc.StatusCode.CANCELLED, str(error))
    except ApiError as error:
        await context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except ProviderError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _resource(urn: str) -> Resource:
    resource_type = urn.split("::")[2].rpartition("$")[2]
    resource = RESOURCES.get(resource_type)
    if resource is None:
        raise ProviderError(
            f"resource type {resource_type}: this plugin serves {', '.join(sorted(RESOURCES))} only; "
            f"leave such resources out of the local stack, or use the official gcp provider"
        )
    return resource


def _refuse_unknown(resource: Resource, inputs: Properties) -> None:
    for name, value in inputs.items():
        if holds(value, type(UNKNOWN)):
            raise ProviderError(
                f"{resource.type}: {name} is not known, and no resource can be made of what is not known"
            )


def _state(properties: Properties) -> Properties:
    """Return a state without the bookkeeping in it."""
    return {
        name: value
        for name, value in reveal(properties).items()
        if name not in ("__meta", "id") and not name.startswith("__")
    }


def _inputs(properties: Properties) -> Properties:
    """Return inputs without the lists of defaults in them, at any depth."""
    return {name: _stripped(value) for name, value in properties.items() if name != DEFAULTS}


def _stripped(value: Value) -> Value:
    if isinstance(value, dict):
        return _inputs(value)
    if isinstance(value, list):
        return [_stripped(element) for element in value]
    return value


def _secret(resource: Resource, inputs: Properties) -> Properties:
    """Keep secret what the type says is."""
    fields = resource.schema.fields
    return {
        name: Secret(value) if name in fields and fields[name].secret else value
        for name, value in inputs.items()
    }


def _sealed(properties: Properties, given: Properties) -> Properties:
    """Keep secret what came as a secret."""
    secret = {name for name, value in given.items() if holds(value, Secret)}
    return {
        name: Secret(value) if name in secret and not isinstance(value, Secret) else value
        for name, value in properties.items()
    }


def _outputs(
    resource: Resource,
    state: Properties,
    given: Properties,
    resource_id: Value,
    *,
    timeout: float = 0,
    step: str = "",
    meta: Value = None,
) -> Properties:
    """Add to a state what belongs to it on the wire: id, bookkeeping, secrets."""
    fields: Callable[[str], Value] = resource.schema.fields.get
    outputs = {
        name: Secret(value) if (item := fields(name)) is not None and item.secret else value
        for name, value in state.items()
    }
    outputs["id"] = resource_id
    if meta is not None:
        outputs["__meta"] = meta
    elif resource.keeps_meta:
        outputs["__meta"] = resource.meta(timeout, step, preview=resource_id is UNKNOWN)
    return _sealed(
        outputs, {name: value for name, value in given.items() if not isinstance(outputs.get(name), Secret)}
    )


def _diff_response(resource: Resource, changes: list[Change], state: Properties, news: Properties) -> Value:
    kinds = provider_pb2.PropertyDiff.Kind
    replaced = sorted({change.top for change in changes if change.replaces})
    changed = {change.top for change in changes}
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted(changed),
        replaces=replaced,
        stables=[name for name in resource.stable if name not in replaced],
        deleteBeforeReplace=bool(replaced) and _same_name(resource, state, news),
        hasDetailedDiff=True,
    )
    for change in changes:
        kind = kinds.Value(f"{change.kind}_REPLACE" if change.replaces else change.kind)
        response.detailedDiff[change.path].CopyFrom(provider_pb2.PropertyDiff(kind=kind))
    return response


def _same_name(resource: Resource, state: Properties, news: Properties) -> bool:
    """Tell whether the new resource is to have the old one's name: then the old one must go first."""
    naming = resource.naming
    if naming is None or naming.property in news.get(DEFAULTS, []):
        return False
    name = news.get(naming.property)
    return name is not None and name == state.get(naming.property)
