"""Probes by TLS, HTTP/2 and gRPC, as servers answer them."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme

from localcloud.plans.world import Command
from tests.localcloud.dataplane.cloud import SUBNETWORK, running_cloud

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from localcloud.plans.probe import ProbeSpec
    from tests.localcloud.dataplane.cloud import Cloud


pytestmark = pytest.mark.kernel
# for servers that take one at a time, and some work for each: 0.3 real seconds
PATIENT: dict[str, float] = {"interval": 3.0, "timeout": 3.0}
TLS = """
import os, socket, ssl, tempfile
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with tempfile.NamedTemporaryFile() as file:
    file.write(os.environ["CERTIFICATE"].encode())
    file.flush()
    context.load_cert_chain(file.name)
def serve(answer):
    listener = socket.create_server(("", 8443))
    os.write(3, b"r")
    while True:
        accepted, _ = listener.accept()
        try:
            with context.wrap_socket(accepted, server_side=True) as peer:
                answer(peer)
        except OSError:
            pass
"""
HTTPS_SERVER = f"""{TLS}
def answer(peer):
    if peer.recv(4096).startswith(b"GET /healthz"):
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nX-Load-Balancing-Endpoint-Weight: 8\\r\\n\\r\\nfine")
serve(answer)
"""
HTTP2_SERVER = f"""{TLS}
import h2.config, h2.connection, h2.events
context.set_alpn_protocols(["h2"])
def answer(peer):
    speaking = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    speaking.initiate_connection()
    peer.sendall(speaking.data_to_send())
    while data := peer.recv(65536):
        for event in speaking.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                fine = dict(event.headers)[":path"] == "/healthz"
                weight = ("x-load-balancing-endpoint-weight", "9")
                speaking.send_headers(event.stream_id, [(":status", "200" if fine else "404"), weight])
                speaking.send_data(event.stream_id, b"all is fine", end_stream=True)
        peer.sendall(speaking.data_to_send())
serve(answer)
"""
GRPC_SERVER = """
import os, grpc
from concurrent.futures import ThreadPoolExecutor
ANSWERS = {b"": b"\\x08\\x01", b"\\x0a\\x04sick": b"\\x08\\x02"}
def check(request, context):
    if request not in ANSWERS:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return ANSWERS[request]
handler = grpc.unary_unary_rpc_method_handler(check)
server = grpc.server(ThreadPoolExecutor(2))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})])
pem = os.environ["CERTIFICATE"].encode()
server.add_insecure_port("0.0.0.0:50051")
server.add_secure_port("0.0.0.0:50052", grpc.ssl_server_credentials([(pem, pem)]))
server.start()
os.write(3, b"r")
server.wait_for_termination()
"""


@asynccontextmanager
async def serving(program: str) -> AsyncIterator[Cloud]:
    """A cloud whose machine "a" is such a server, with a certificate nobody knows, and listens."""
    certificate = trustme.CA().issue_cert("unrelated.example")
    pem = certificate.private_key_pem.bytes() + certificate.cert_chain_pems[0].bytes()
    async with running_cloud() as cloud:
        interface = cloud.interface("a")
        await cloud.apply_network()
        told, told_there = os.pipe()
        command = Command(
            argv=(sys.executable, "-c", program), env={"CERTIFICATE": pem.decode()}, fds={3: told_there}
        )
        await cloud.world.spawn(interface, SUBNETWORK.gateway, 20, command, [])
        os.close(told_there)
        assert await asyncio.to_thread(os.read, told, 1) == b"r"
        os.close(told)
        yield cloud


async def fail(cloud: Cloud, cases: Mapping[str, ProbeSpec]) -> None:
    """Watch each probe fail, one after the other, with this said of it."""
    for detail, spec in cases.items():
        await cloud.watch(spec)
        await cloud.outcome(spec, "failure", detail)


def test_tls_is_spoken_and_certificates_are_not_verified() -> None:
    async def scenario() -> None:
        async with serving(HTTPS_SERVER) as cloud:
            https = cloud.probe("autohealing", "a", port=8443, protocol="HTTPS", response="fine", **PATIENT)
            ssl_only = replace(https, id="ssl", protocol="SSL", response="")
            plain = replace(https, id="plain", protocol="HTTP")
            await cloud.watch(https, ssl_only, plain)
            assert (await cloud.outcome(https, "success")).weight == 8
            await cloud.outcome(ssl_only, "success")
            await cloud.outcome(plain, "failure")

    asyncio.run(scenario())


def test_grpc_is_asked_for_its_health_with_and_without_tls() -> None:
    async def scenario() -> None:
        async with serving(GRPC_SERVER) as cloud:
            plain = cloud.probe("autohealing", "a", port=50051, protocol="GRPC", **PATIENT)
            secure = replace(plain, id="tls", port=50052, protocol="GRPC_WITH_TLS")
            await cloud.watch(plain, secure)
            assert (await cloud.outcome(plain, "success")).detail == "gRPC status OK, SERVING"
            await cloud.outcome(secure, "success")
            cases = {
                "the service is NOT_SERVING, expected SERVING": replace(plain, grpc_service="sick"),
                "gRPC status NOT_FOUND: unknown service, expected OK": replace(plain, grpc_service="none"),
                "the connection was closed before": replace(plain, port=50052),
                "TLS": replace(plain, port=50051, protocol="GRPC_WITH_TLS"),
            }
            await fail(cloud, cases)

    asyncio.run(scenario())


def test_http2_is_spoken_over_tls_to_servers_that_offer_it() -> None:
    async def scenario() -> None:
        async with serving(HTTP2_SERVER) as cloud:
            probe = cloud.probe("autohealing", "a", port=8443, protocol="HTTP2", **PATIENT)
            cases = {
                "HTTP status 404, expected 200": replace(probe, path="/elsewhere"),
                "not in the body's first 1024 bytes": replace(probe, response="something else"),
            }
            await fail(cloud, cases)
            await cloud.watch(replace(probe, response="is fine"))
            assert (await cloud.outcome(probe, "success")).weight == 9

    asyncio.run(scenario())


def test_http2_is_not_spoken_to_a_server_that_does_not_offer_it() -> None:
    async def scenario() -> None:
        async with serving(HTTPS_SERVER) as cloud:
            probe = cloud.probe("autohealing", "a", port=8443, protocol="HTTP2", **PATIENT)
            await fail(cloud, {"does not offer HTTP/2": probe})

    asyncio.run(scenario())
