"""The plugin's real gRPC service, driven with requests written as JSON."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import httpx
import uvicorn
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from localcloud.daemon.server import KEEP_ALIVE
from localcloud.provider.plugin import Plugin
from localcloud.provider.session import Defaults
from localcloud.provider.values import Value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json = dict[str, Value]

_REQUESTS = {
    "CheckConfig": provider_pb2.CheckRequest,
    "DiffConfig": provider_pb2.DiffRequest,
    "Configure": provider_pb2.ConfigureRequest,
    "Check": provider_pb2.CheckRequest,
    "Diff": provider_pb2.DiffRequest,
    "Create": provider_pb2.CreateRequest,
    "Read": provider_pb2.ReadRequest,
    "Update": provider_pb2.UpdateRequest,
    "Delete": provider_pb2.DeleteRequest,
    "Invoke": provider_pb2.InvokeRequest,
}


class Driver:
    """One engine's end of a connection with the plugin."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stub = provider_pb2_grpc.ResourceProviderStub(channel)

    async def call(self, method: str, request: Json) -> Json:
        """Call a method; numbers come back whole where they are."""
        message = json_format.ParseDict(request, _REQUESTS[method]())
        response = await getattr(self.stub, method)(message)
        answer: Json = json_format.MessageToDict(response)
        return answer

    async def cancel(self) -> None:
        """Ask the plugin to stop what this connection began."""
        await self.stub.Cancel(empty_pb2.Empty())

    async def configure(self, address: str, **settings: str) -> None:
        """Begin a session with a cloud at an address."""
        endpoints = {
            "computeCustomEndpoint": f"{address}/compute/beta/",
            "storageCustomEndpoint": f"{address}/storage/v1/",
            "iamCustomEndpoint": f"{address}/iam/v1/",
            "resourceManagerCustomEndpoint": f"{address}/crm/v1/",
        }
        await self.call(
            "Configure",
            {
                "args": {
                    "project": "p",
                    "region": "europe-west1",
                    "accessToken": "local",
                    **endpoints,
                    **settings,
                }
            },
        )

    async def create(self, resource_type: str, name: str, inputs: Json, **more: Value) -> Json:
        """Check and create a resource; returns id and properties."""
        urn = f"urn:pulumi:dev::test::{resource_type}::{name}"
        checked = await self.call("Check", {"urn": urn, "news": inputs, "olds": {}})
        assert "failures" not in checked, checked
        return await self.call("Create", {"urn": urn, "properties": checked["inputs"], **more})

    async def update(self, resource_type: str, name: str, created: Json, inputs: Json, **more: Value) -> Json:
        """Check and update what `create` answered; returns the new properties."""
        urn = f"urn:pulumi:dev::test::{resource_type}::{name}"
        checked = await self.call("Check", {"urn": urn, "news": inputs, "olds": {}})
        assert "failures" not in checked, checked
        known = {"urn": urn, "id": created["id"], "olds": created["properties"], "news": checked["inputs"]}
        return await self.call("Update", {**known, **more})


@asynccontextmanager
async def plugin(defaults: Defaults | None = None) -> AsyncIterator[str]:
    """Run a plugin; yields its address."""
    async with httpx.AsyncClient(trust_env=False) as http:
        server = grpc.aio.server()
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(
            Plugin(defaults or Defaults(environment={}), http), server
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(None)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Driver]:
    """Connect to a plugin as an engine of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Driver(channel)


@asynccontextmanager
async def served(app: Value) -> AsyncIterator[str]:
    """Serve an ASGI application over HTTP on a free loopback port; yields its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="error", lifespan="off", timeout_graceful_shutdown=1, timeout_keep_alive=KEEP_ALIVE
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
