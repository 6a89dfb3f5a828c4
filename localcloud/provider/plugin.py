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
from localcloud.provider.creations import Creations, decided
from localcloud.provider.diff import unchanged
from localcloud.provider.endpoints import require_loopback
from localcloud.provider.engine_folder import engine_folder
from localcloud.provider.errors import PartialError, ProviderError
from localcloud.provider.refresh import imported_inputs, refreshed_inputs
from localcloud.provider.registry import FUNCTIONS, RESOURCES, resource_of
from localcloud.provider.resource import Request
from localcloud.provider.session import Defaults, Session, configure
from localcloud.provider.status import answered, partial_failure
from localcloud.provider.values import UNKNOWN, Secret, Value, from_struct, reveal, to_struct
from localcloud.provider.wire import (
    diff_response,
    inputs_of,
    outputs_of,
    refuse_unknown,
    sealed,
    secret_inputs,
    state_of,
)

if TYPE_CHECKING:
    import httpx

VERSION = "10.2.0"
_SECRET_SETTINGS = ("accessToken", "credentials")
_MOST_SESSIONS = 64

Context: TypeAlias = grpc.aio.ServicerContext


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """One long-lived plugin, which may serve several engines at a time; each connection is a session of its own."""

    def __init__(
        self, defaults: Defaults, http: httpx.AsyncClient, creations: Creations | None = None
    ) -> None:
        """`creations`: where what is being created is noted; nowhere, unless given."""
        self._defaults = defaults
        self._http = http
        self._creations = creations or Creations()
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

        return await answered(context, answer())

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

        return await answered(context, answer())

    # -- resources -------------------------------------------------------------------------------------------------

    async def Check(self, request: Value, context: Context) -> Value:
        """Validate inputs and fill in defaults."""

        async def answer() -> Value:
            resource = resource_of(request.urn)
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
                inputs=to_struct(sealed(secret_inputs(resource, inputs), news)), failures=failures
            )

        return await answered(context, answer())

    async def Diff(self, request: Value, context: Context) -> Value:
        """Say what changes, and if that needs a replacement."""

        async def answer() -> Value:
            resource = resource_of(request.urn)
            session = self._session(context)
            state = state_of(from_struct(request.olds))
            news = reveal(from_struct(request.news))
            changes = resource.changes(session, state, inputs_of(news), tuple(request.ignoreChanges))
            return diff_response(resource, changes, state, news)

        return await answered(context, answer())

    async def Create(self, request: Value, context: Context) -> Value:
        """Make a resource, or tell what it would be."""

        async def answer() -> Value:
            resource = resource_of(request.urn)
            session = self._session(context)
            given = from_struct(request.properties)
            planned = resource.plan(session, inputs_of(reveal(given)))
            if request.preview:
                properties = outputs_of(
                    resource, planned, given, UNKNOWN, timeout=request.timeout, step="create"
                )
                return provider_pb2.CreateResponse(properties=to_struct(properties))
            refuse_unknown(resource, reveal(given))
            try:
                with self._creations.begun(request.urn, reveal(given)) as creation:
                    wanted = Request(session.again() if creation.again else session, planned, request.timeout)
                    resource_id, state = await decided(creation, resource.create(wanted), context)
            except PartialError as error:
                partial = outputs_of(
                    resource, error.state, given, error.id, timeout=request.timeout, step="create"
                )
                return await partial_failure(context, error, partial, given)
            properties = outputs_of(
                resource, state, given, resource_id, timeout=request.timeout, step="create"
            )
            return provider_pb2.CreateResponse(id=resource_id, properties=to_struct(properties))

        return await answered(context, answer())

    async def Read(self, request: Value, context: Context) -> Value:
        """Read a resource: to refresh its state, or to import it."""

        async def answer() -> Value:
            resource = resource_of(request.urn)
            old = from_struct(request.properties)
            given = from_struct(request.inputs)
            before = state_of(old)
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
            properties = outputs_of(resource, state, given, resource_id, meta=old.get("__meta"))
            return provider_pb2.ReadResponse(
                id=resource_id,
                properties=to_struct(properties),
                inputs=to_struct(sealed(secret_inputs(resource, inputs), given)),
            )

        return await answered(context, answer())

    async def Update(self, request: Value, context: Context) -> Value:
        """Change a resource, or tell what it would become."""

        async def answer() -> Value:
            resource = resource_of(request.urn)
            session = self._session(context)
            given = from_struct(request.news)
            old = from_struct(request.olds)
            prior = state_of(old)
            planned = resource.plan(session, inputs_of(reveal(given)), prior)
            planned = unchanged(planned, prior, request.ignoreChanges)
            meta = None if request.timeout else old.get("__meta")
            if request.preview:
                properties = outputs_of(
                    resource, planned, given, request.id, timeout=request.timeout, step="update", meta=meta
                )
                return provider_pb2.UpdateResponse(properties=to_struct(properties))
            refuse_unknown(resource, reveal(given))
            try:
                state = await resource.update(Request(session, planned, request.timeout, prior, request.id))
            except PartialError as error:
                partial = outputs_of(
                    resource, error.state, given, error.id, timeout=request.timeout, step="update", meta=meta
                )
                return await partial_failure(context, error, partial, given)
            properties = outputs_of(
                resource, state, given, request.id, timeout=request.timeout, step="update", meta=meta
            )
            return provider_pb2.UpdateResponse(properties=to_struct(properties))

        return await answered(context, answer())

    async def Delete(self, request: Value, context: Context) -> Value:
        """Remove a resource, unless its deletion policy says otherwise."""

        async def answer() -> Value:
            resource = resource_of(request.urn)
            prior = state_of(from_struct(request.properties))
            policy = prior.get("deletionPolicy")
            if policy == "PREVENT":
                raise ProviderError(
                    f"{request.id}: deletionPolicy is 'PREVENT', which keeps it from being deleted; "
                    "set it to 'DELETE' and run `pulumi up` first"
                )
            if policy != "ABANDON":
                await resource.delete(Request(self._session(context), {}, request.timeout, prior, request.id))
            return empty_pb2.Empty()

        return await answered(context, answer())


_AUTONAMING = provider_pb2.CheckRequest.AutonamingOptions
