"""Who gets a packet for a forwarding rule, in the real kernel: affinity, tracking, persistence, draining, weights, protocols."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest

from localcloud.plans.balancer import Backend, BalancerPlan
from tests.localcloud.dataplane.cloud import Cloud, running_cloud

pytestmark = pytest.mark.kernel
PING = """
import os, socket, struct, sys
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
sock.settimeout(float(sys.argv[2]))
body = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + bytes(int(sys.argv[3]))
sock.sendto(body, (sys.argv[1], 0))
try:
    print(len(sock.recvfrom(65535)[0]))
except TimeoutError:
    print("silence")
"""
CONNECTING = """
import os, select, socket, sys
sock = socket.socket()
sock.setblocking(False)
sock.connect_ex((sys.argv[1], 8080))
os.write(3, b"s")
select.select([], [sock], [])
error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
os.write(4, os.strerror(error).encode() if error else b"connected")
"""
LARGE = """
import json, socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(20)
sock.sendto(b"x" * int(sys.argv[2]), (sys.argv[1], 8080))
print(len(json.loads(sock.recv(65535))["data"]))
"""

SPREAD = """
import json, socket, sys
def home():
    with socket.create_connection((sys.argv[1], 8080), 20) as sock, sock.makefile("rw") as stream:
        print("who", file=stream, flush=True)
        return json.loads(stream.readline())["name"]
print(*{home() for _ in range(30)})
"""


async def _flow(cloud: Cloud, sock: socket.socket) -> str:
    return str((await cloud.ask_datagram(sock))["name"])


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def test_new_connections_go_to_eligible_backends_and_old_ones_stay() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c")
            clients = [await cloud.connect() for _ in range(30)]
            homes = [(await client.ask("who"))["name"] for client in clients]
            assert set(homes) == {"a", "b", "c"}
            await cloud.balance("b", "c")
            assert {(await cloud.ask())["name"] for _ in range(30)} == {"b", "c"}
            assert [(await client.ask("who"))["name"] for client in clients] == homes
            for client in clients:
                await client.close()

    asyncio.run(scenario())


def test_datagrams_leave_an_ineligible_backend() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a", protocol="UDP", persistence="none")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                assert (await cloud.ask_datagram(sock))["name"] == "a"
                await cloud.balance("b", protocol="UDP", persistence="none")
                assert (await cloud.ask_datagram(sock))["name"] == "b"

    asyncio.run(scenario())


def test_datagrams_stay_on_an_unhealthy_backend_only_if_they_are_tracked_and_everything_persists() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            stack = ExitStack()  # no port is to be some earlier flow's
            for affinity, persistence, home in (
                ("CLIENT_IP_PORT_PROTO", "all", "a"),
                ("CLIENT_IP", "all", "a"),
                ("CLIENT_IP_PORT_PROTO", "tcp", "b"),
                ("CLIENT_IP_PORT_PROTO", "none", "b"),
                ("NONE", "all", "b"),
            ):
                fields: dict[str, Any] = {"protocol": "UDP", "affinity": affinity, "persistence": persistence}
                await cloud.balance("a", **fields)
                sock = stack.enter_context(closing(_udp()))
                assert await _flow(cloud, sock) == "a"
                await cloud.balance("b", **fields)
                assert await _flow(cloud, sock) == home, fields
            stack.close()

    asyncio.run(scenario())


def test_a_drained_backend_keeps_datagrams_that_are_tracked_too_and_gets_nothing_new() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            stack = ExitStack()  # no port is to be some earlier flow's
            for affinity, home in (("CLIENT_IP_PORT_PROTO", "a"), ("NONE", "b")):
                fields: dict[str, Any] = {"protocol": "UDP", "affinity": affinity, "persistence": "none"}
                cloud.keeps = {}
                await cloud.balance("a", **fields)
                old, new = (stack.enter_context(closing(_udp())) for _ in range(2))
                assert await _flow(cloud, old) == "a"
                cloud.keeps["a"] = "always"
                await cloud.balance("b", **fields)
                assert await _flow(cloud, old) == home, affinity
                assert await _flow(cloud, new) == "b"
            stack.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("affinity", "tracked"), [("CLIENT_IP_PORT_PROTO", True), ("NONE", False)])
def test_datagrams_are_tracked_only_with_an_affinity(affinity: str, tracked: bool) -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            fields: dict[str, Any] = {"protocol": "UDP", "affinity": affinity}
            await cloud.balance("a", "b", **fields)
            with ExitStack() as stack:
                flows = [stack.enter_context(closing(_udp())) for _ in range(40)]
                before = [await _flow(cloud, sock) for sock in flows]
                assert set(before) == {"a", "b"}
                await cloud.balance("a", "b", "c", **fields)
                after = [await _flow(cloud, sock) for sock in flows]
            assert (
                after == before
            ) is tracked  # a third of the flows is c's now: none of 40 once in ten million

    asyncio.run(scenario())


def test_a_syn_to_a_dead_backend_is_sent_again_to_another_and_begins_anew_whatever_was_before() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("b")
            silent = cloud.interface("silent")  # nobody is there
            rule = cloud.service("b")
            dead = Backend(instance="silent", address=silent.address, eligible=True)
            alive = rule.backends[0]
            first = replace(rule, backends=(replace(alive, eligible=False), dead))
            await cloud.world.apply_balancer(BalancerPlan(services=(first,)))
            sent, sent_there = os.pipe()
            told, told_there = os.pipe()
            spawned = await cloud.begin(
                "client", CONNECTING, {2: 2, 3: sent_there, 4: told_there}, cloud.address
            )
            for descriptor in (sent_there, told_there):
                os.close(descriptor)
            assert await asyncio.to_thread(os.read, sent, 1) == b"s"
            # connections stay on one that is unhealthy; what only begins does not
            second = replace(rule, backends=(alive, replace(dead, eligible=False)), persistence="all")
            await cloud.world.apply_balancer(BalancerPlan(services=(second,)))
            assert await asyncio.to_thread(os.read, told, 10) == b"connected"
            for descriptor in (sent, told):
                os.close(descriptor)
            await cloud.world.remove("client", spawned.pid)

    asyncio.run(scenario())


def test_without_draining_on_failover_connections_end_at_once() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a")
            client = await cloud.connect()
            assert (await client.ask("before"))["name"] == "a"
            cloud.keeps["a"] = "never"
            await cloud.balance("b")
            with pytest.raises(ConnectionError):  # b knows nothing of it and resets it
                await client.ask("after")
            assert (await cloud.ask())["name"] == "b"

    asyncio.run(scenario())


def test_weights_share_out_new_connections_and_nothing_means_nothing() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            cloud.weights = {"a": 9, "b": 1, "c": 0}
            await cloud.balance("a", "b", "c")
            homes = [(await cloud.ask())["name"] for _ in range(60)]
            assert "c" not in homes
            assert homes.count("a") > homes.count("b")  # 54 of 60 are expected: fewer than 31 once in 10^13
            cloud.weights = {"a": 0, "b": 0, "c": 0}
            await cloud.balance("a", "b", "c")
            assert {(await cloud.ask())["name"] for _ in range(60)} == {"a", "b", "c"}

    asyncio.run(scenario())


def test_rules_with_source_ranges_take_clients_from_their_base_rule_the_most_specific_first() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            base, wide, narrow = (cloud.service(name) for name in ("a", "b", "c"))
            wide = replace(wide, key=wide.key + "-wide", sources=("198.18.1.0/24", "198.18.2.0/24"))
            narrow = replace(narrow, key=narrow.key + "-narrow", sources=("198.18.1.7", "198.18.3.7/32"))

            async def homes_of(*sources: str) -> list[str]:
                return [(await cloud.ask(source))["name"] for source in sources]

            async def homes() -> list[str]:
                return await homes_of("127.0.1.7", "127.0.3.7", "127.0.1.8", "127.0.2.7", "127.0.3.8")

            await cloud.world.apply_balancer(BalancerPlan(services=(base, wide, narrow)))
            assert await homes() == ["c", "c", "b", "b", "a"]
            await cloud.world.apply_balancer(BalancerPlan(services=(narrow, wide, base)))
            assert await homes() == ["c", "c", "b", "b", "a"]
            await cloud.world.apply_balancer(
                BalancerPlan(services=(base, replace(wide, sources=("198.18.3.0/24",))))
            )
            assert await homes() == ["a", "b", "a", "a", "b"]
            await cloud.world.apply_balancer(BalancerPlan(services=(base,)))
            assert await homes() == ["a"] * 5
            await cloud.world.apply_balancer(BalancerPlan(services=(wide, narrow)))
            assert (await homes_of("127.0.1.7", "127.0.1.8")) == ["c", "b"]
            with pytest.raises(TimeoutError):  # nobody takes it
                async with asyncio.timeout(1):
                    await cloud.ask("127.0.3.8")

    asyncio.run(scenario())


def test_one_address_has_several_rules_and_the_most_particular_one_decides() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            tcp, udp, rest = (cloud.service(name) for name in ("a", "b", "c"))
            udp = replace(udp, key=udp.key + "-udp", protocol="UDP")
            rest = replace(rest, key=rest.key + "-rest", protocol="L3_DEFAULT", ports=())
            await cloud.world.apply_balancer(BalancerPlan(services=(tcp, udp, rest)))
            assert (await cloud.ask())["name"] == "a"
            with closing(_udp()) as sock:
                assert await _flow(cloud, sock) == "b"
            assert await _pinged(cloud) == "64"
            await cloud.world.apply_balancer(BalancerPlan(services=(tcp, udp)))
            assert await _pinged(cloud, patience=0.5) == "silence"

    asyncio.run(scenario())


async def _pinged(cloud: Cloud, *, size: int = 56, patience: float = 20.0) -> str:
    """Return how long the answer is that another machine gets from the forwarding rule's address by ICMP."""
    return (await cloud.execute("pinger", PING, cloud.address, str(patience), str(size))).strip()


def test_all_protocols_pass_fragments_included() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c", protocol="L3_DEFAULT", ports=())
            assert await _pinged(cloud) == "64"
            assert await _pinged(cloud, size=5000) == "5008"  # four fragments of one datagram each way
            heard = await cloud.execute("sender", LARGE, cloud.address, "5000")
            assert heard.strip() == "5000"
            # one client's connections are spread by their ports: all 30 on one of three once in 10^14
            assert len((await cloud.execute("client", SPREAD, cloud.address)).split()) > 1

    asyncio.run(scenario())


def test_large_datagrams_reach_one_backend_whole() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c", protocol="UDP")
            heard = [await cloud.execute("sender", LARGE, cloud.address, "5000") for _ in range(3)]
            assert [each.strip() for each in heard] == ["5000"] * 3

    asyncio.run(scenario())
