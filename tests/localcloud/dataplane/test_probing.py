"""Probes through the real kernel: what they find, from where they come, and that the firewall rules apply to them."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme

from localcloud.dataplane.addresses import PROBER_SOURCES, prober_source
from localcloud.dataplane.probing import affordable
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.probe import ProbeSpec
from localcloud.plans.probe_schedule import phase
from localcloud.plans.world import Command
from tests.localcloud.dataplane.cloud import NETWORK, OPEN, PATIENCE, PYTHON, SUBNETWORK, running_cloud

if TYPE_CHECKING:
    from localcloud.plans.probe import Consumer, ProbeResult
    from tests.localcloud.dataplane.cloud import Cloud

pytestmark = pytest.mark.kernel

# for servers that take one at a time, and some work for each: 0.3 real seconds
PATIENT: dict[str, float] = {"interval": 3.0, "timeout": 3.0}
CONSUMERS: tuple[Consumer, ...] = ("autohealing", "balancer")


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_healthy_instance_succeeds_and_a_dead_one_times_out(consumer: Consumer) -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a", "b")
            first, second = cloud.probe(consumer, "a"), cloud.probe(consumer, "b")
            await cloud.watch(first, second)
            assert (await cloud.outcome(first, "success")).weight == 7
            await cloud.world.remove("a", cloud.machines["a"].pid)
            result = await cloud.outcome(first, "timeout")
            assert result.ended_at - result.sent_at >= first.timeout
            await cloud.outcome(second, "success")

    asyncio.run(scenario())


def test_an_instance_behind_no_balancer_is_probed_though_its_neighbour_is_behind_one() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            service = cloud.service("a")
            behind = tuple(backend for backend in service.backends if backend.instance == "a")
            await cloud.world.apply_balancer(BalancerPlan(services=(replace(service, backends=behind),)))
            probe = cloud.probe("autohealing", "b")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")

    asyncio.run(scenario())


def test_outcomes_tell_refusal_wrong_status_and_wrong_content_apart() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            probe = cloud.probe("autohealing", "a")
            cases = {
                "connection refused": replace(probe, port=9),
                "HTTP status 404, expected 200": replace(probe, path="/elsewhere"),
                "not in the body's first 1024 bytes": replace(probe, response="something else"),
            }
            for detail, spec in cases.items():
                await cloud.watch(spec)
                await cloud.outcome(spec, "failure", detail)
            await cloud.watch(replace(probe, response="ok"))
            await cloud.outcome(probe, "success")
            tcp = replace(probe, protocol="TCP", request="knock\n", response='{"name": "a"')
            await cloud.watch(tcp)
            await cloud.outcome(tcp, "success")

    asyncio.run(scenario())


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_without_a_firewall_rule_for_its_range_a_probe_times_out(consumer: Consumer) -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            probe = cloud.probe(consumer, "a")
            source = PROBER_SOURCES[consumer]
            (other,) = {each for each in PROBER_SOURCES.values() if each != source}
            await cloud.apply_network(replace(OPEN, source_ranges=(f"{other}/32", "198.18.0.0/16")))
            await cloud.watch(probe)
            await cloud.outcome(probe, "timeout")
            assert (await cloud.ask())["name"] == "a"
            await cloud.apply_network(replace(OPEN, source_ranges=(f"{source}/32",)))
            await cloud.outcome(probe, "success")

    asyncio.run(scenario())


def test_an_instance_without_the_forwarding_rules_address_fails_the_balancers_probe_only() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            healing, balancing = cloud.probe("autohealing", "a"), cloud.probe("balancer", "a")
            await cloud.watch(healing, balancing)
            await cloud.outcome(balancing, "success")
            await cloud.world.set_local_addresses(cloud.machines["a"].pid, ())
            await cloud.outcome(balancing, "timeout", "no connection")
            await cloud.outcome(healing, "success")

    asyncio.run(scenario())


TLS_SERVER = """
import os, socket, ssl, sys, tempfile
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with tempfile.NamedTemporaryFile() as file:
    file.write(os.environ["CERTIFICATE"].encode())
    file.flush()
    context.load_cert_chain(file.name)
listener = socket.create_server(("", 8443))
os.write(3, b"r")
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            if secure.recv(4096).startswith(b"GET /healthz"):
                secure.sendall(b"HTTP/1.1 200 OK\\r\\nX-Load-Balancing-Endpoint-Weight: 8\\r\\n\\r\\nfine")
    except OSError:
        pass
"""


def test_tls_is_spoken_and_certificates_are_not_verified() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await serve(cloud, TLS_SERVER)
            https = cloud.probe("autohealing", "a", port=8443, protocol="HTTPS", response="fine", **PATIENT)
            ssl_only = replace(https, id="ssl", protocol="SSL", response="")
            plain = replace(https, id="plain", protocol="HTTP")
            await cloud.watch(https, ssl_only, plain)
            assert (await cloud.outcome(https, "success")).weight == 8
            await cloud.outcome(ssl_only, "success")
            await cloud.outcome(plain, "failure")

    asyncio.run(scenario())


def test_results_of_one_probe_come_in_order_and_at_its_interval() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a", interval=2.0, timeout=2.0)
            beats: list[float] = []

            async def until_one_is_on_time() -> None:
                """Take results until a probe started when it was due: on a busy machine any may be late."""
                late = 1.0
                while late > 0.1:
                    sent = (await cloud.outcome(probe, "success")).sent_at
                    beat = sent / probe.interval - phase(probe.id) + 0.001  # a clock's grain is forgiven
                    late = beat % 1
                    beats.append(math.floor(beat))

            await cloud.watch(probe)
            await until_one_is_on_time()
            # the phase is kept though the set of probes changes, and none starts twice in its interval
            await cloud.watch(probe, cloud.probe("autohealing", "a", id="another", port=9))
            await until_one_is_on_time()
            assert beats == sorted(set(beats))

    asyncio.run(scenario())


def test_every_prober_probes_for_itself_from_its_own_address_at_its_own_phase() -> None:
    async def scenario() -> None:
        async with running_cloud(probers=3) as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a", interval=2.0, timeout=2.0)
            # the second prober alone is let in
            await cloud.apply_network(replace(OPEN, source_ranges=(f"{prober_source('autohealing', 1)}/32",)))
            await cloud.watch(probe)
            started: dict[int, float] = {}
            while len(started) < 3:
                result = await cloud.results.get()
                assert result.probers == 3
                late = (result.sent_at / probe.interval - phase(probe.id, result.prober) + 0.001) % 1
                if late > 0.1:  # on a busy machine any may be
                    continue
                started[result.prober] = result.sent_at
                if result.prober == 1:
                    assert result.outcome == "success" or "no complete answer" in result.detail
                else:
                    assert result.outcome == "timeout"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("endpoints", "wished", "speed", "probers"),
    [(6, 5, 1.0, 5), (600, 5, 1.0, 5), (601, 5, 1.0, 3), (601, 10, 1.0, 3), (1000, 5, 1.0, 3), (1001, 5, 1.0, 1),
     (2, 5, 5.0, 5), (3, 5, 5.0, 3), (3, 5, 10.0, 1)],
)  # fmt: skip
def test_there_are_no_more_probers_than_can_be_afforded(
    endpoints: int, wished: int, speed: float, probers: int
) -> None:
    spec = ProbeSpec(
        id="p", consumer="balancer", instance="a", instance_address="10.0.0.2", address="127.64.0.1", protocol="TCP", port=80,
        interval=1.0, timeout=1.0,
    )  # fmt: skip
    assert affordable([spec] * endpoints, wished, speed) == probers


def test_fewer_probers_go_on_where_many_endpoints_are_to_be_probed() -> None:
    async def scenario() -> None:
        async with running_cloud(probers=3) as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a")
            many = [
                cloud.probe("autohealing", "a", id=f"{number}", interval=0.1, timeout=0.1, port=9)
                for number in range(3)
            ]
            await cloud.watch(probe)
            while (await cloud.results.get()).probers != 3:
                pass
            await cloud.watch(probe, *many)
            while (result := await cloud.results.get()).probers != 1:
                assert result.probers == 3
            await cloud.watch(probe)
            while (await cloud.results.get()).probers != 3:
                pass

    asyncio.run(scenario())


def test_a_dead_prober_is_replaced() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")
            channel = cloud.world._probing._channel
            assert channel is not None
            channel._sock.shutdown(2)  # what its death looks like from here; it ends with its connection
            while cloud.world._probing._channel is channel:
                await cloud.results.get()
            await cloud.outcome(probe, "success")

    asyncio.run(scenario())


def test_a_result_that_cannot_be_taken_is_lost_by_itself() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a")
            refused: list[ProbeResult] = []
            later: asyncio.Queue[ProbeResult] = asyncio.Queue()

            def report(result: ProbeResult) -> None:
                if not refused:
                    refused.append(result)
                    msg = "the disk is full"
                    raise OSError(msg)
                later.put_nowait(result)

            await cloud.world.apply_probes(frozenset({probe}), report)
            result = await asyncio.wait_for(later.get(), PATIENCE)
            assert (result.id, result.sent_at >= refused[0].sent_at) == (probe.id, True)

    asyncio.run(scenario())


def test_probes_that_change_while_the_prober_dies_are_its_successors() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.watch(cloud.probe("autohealing", "a"))
            probing = cloud.world._probing
            channel, listener = probing._channel, probing._listener
            assert channel is not None
            assert listener is not None
            changed = cloud.probe("autohealing", "a", id="changed")
            async with probing._turn:
                changing = asyncio.ensure_future(cloud.watch(changed))
                channel._sock.shutdown(2)
                await (
                    listener
                )  # its end has been noticed, and the change has its turn before the successor's start
            await changing
            await cloud.outcome(changed, "success")

    asyncio.run(scenario())


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
HTTP2_SERVER = """
import os, socket, ssl, tempfile
import h2.config, h2.connection, h2.events
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_alpn_protocols(["h2"])
with tempfile.NamedTemporaryFile() as file:
    file.write(os.environ["CERTIFICATE"].encode())
    file.flush()
    context.load_cert_chain(file.name)
listener = socket.create_server(("", 8443))
os.write(3, b"r")
while True:
    accepted, _ = listener.accept()
    try:
        with context.wrap_socket(accepted, server_side=True) as peer:
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
    except OSError:
        pass
"""


async def serve(cloud: Cloud, program: str) -> None:
    """Start a server with a certificate nobody knows as machine "a", and wait until it listens."""
    certificate = trustme.CA().issue_cert("unrelated.example")
    pem = certificate.private_key_pem.bytes() + certificate.cert_chain_pems[0].bytes()
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


def test_grpc_is_asked_for_its_health_with_and_without_tls() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await serve(cloud, GRPC_SERVER)
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
            for detail, spec in cases.items():
                await cloud.watch(spec)
                await cloud.outcome(spec, "failure", detail)

    asyncio.run(scenario())


def test_http2_is_spoken_over_tls_to_servers_that_offer_it() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await serve(cloud, HTTP2_SERVER)
            probe = cloud.probe("autohealing", "a", port=8443, protocol="HTTP2", **PATIENT)
            cases = {
                "HTTP status 404, expected 200": replace(probe, path="/elsewhere"),
                "not in the body's first 1024 bytes": replace(probe, response="something else"),
            }
            for detail, spec in cases.items():
                await cloud.watch(spec)
                await cloud.outcome(spec, "failure", detail)
            await cloud.watch(replace(probe, response="is fine"))
            assert (await cloud.outcome(probe, "success")).weight == 9

    asyncio.run(scenario())


def test_http2_is_not_spoken_to_a_server_that_does_not_offer_it() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await serve(cloud, TLS_SERVER)
            probe = cloud.probe("autohealing", "a", port=8443, protocol="HTTP2", **PATIENT)
            await cloud.watch(probe)
            await cloud.outcome(probe, "failure", "does not offer HTTP/2")

    asyncio.run(scenario())


def test_a_deny_rule_with_a_lower_number_wins_and_tags_choose_the_instances() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            cloud.interface("a", tags=frozenset({"web"}))
            cloud.interface("b", service_account="other@local")
            await cloud.start("a", "b")
            probes = [cloud.probe("autohealing", name) for name in ("a", "b")]
            await cloud.watch(*probes)
            tagged = replace(OPEN, target_tags=frozenset({"web"}))
            await cloud.apply_network(tagged)
            await cloud.outcome(probes[0], "success")
            await cloud.outcome(probes[1], "timeout")
            account = replace(OPEN, name="account", target_service_accounts=frozenset({"other@local"}))
            denied = replace(tagged, name="no", action="deny", priority=1000)
            await cloud.apply_network(tagged, account, denied)
            await cloud.outcome(probes[0], "timeout")
            await cloud.outcome(probes[1], "success")
            await cloud.apply_network(replace(tagged, priority=999), denied)
            await cloud.outcome(probes[0], "success")

    asyncio.run(scenario())


def test_neighbours_reach_each_other_only_through_the_firewall() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            b = cloud.interface("b", tags=frozenset({"caller"}))
            allowed = replace(OPEN, source_ranges=(), source_tags=frozenset({"caller"}))
            for rules, wanted, patience in (
                ((replace(OPEN, network=NETWORK + "x"),), b"silence", 1),
                ((allowed,), b"answer", 60),
            ):
                await cloud.apply_network(*rules)
                told, told_there = os.pipe()
                program = (
                    "import os,socket\n"
                    f"try: socket.create_connection(('{cloud.interfaces['a'].address}', 8080), {patience}); os.write(3, b'answer')\n"
                    "except TimeoutError: os.write(3, b'silence')\n"
                )
                command = Command(argv=(PYTHON, "-c", program), fds={3: told_there})
                spawned = await cloud.world.spawn(b, SUBNETWORK.gateway, 20, command, [])
                os.close(told_there)
                assert await asyncio.to_thread(os.read, told, 10) == wanted
                os.close(told)
                await cloud.world.remove("b", spawned.pid)

    asyncio.run(scenario())
