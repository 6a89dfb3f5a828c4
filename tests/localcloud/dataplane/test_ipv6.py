"""IPv6 in the real kernel: the rule's way from a client to an instance, firewall rules of its own, probes, and nothing leaving."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from typing import Any

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane import family, host_listener
from localcloud.dataplane.doorkeeper import client_process
from localcloud.dataplane.world import World
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.fault import LinkFault
from localcloud.plans.network import FirewallRule
from localcloud.plans.world import Spawned
from tests.localcloud.dataplane.cloud import CLOUD_SPEED, NETWORK, OPEN, PYTHON, Client
from tests.localcloud.dataplane.dual_stack import (
    CLIENT,
    OPEN_IPV6,
    RANGE,
    RULE,
    RULE_ADDRESS,
    DualStackCloud,
    running_dual_stack,
)
from tests.localcloud.dataplane.ipv6_programs import ASKING, ECHO, FAMILIES, SAYING, SENDING, TIMING

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not family.kernel_has_ipv6(), reason="this machine's kernel has no IPv6"),
]
SILENCE = "0.2"  # seconds without an answer: what is dropped stays dropped


async def _as_client(cloud: DualStackCloud, program: str, *arguments: str) -> str:
    """Run a program in the internet namespace and return what it prints."""
    pid = client_process(cloud.world.home)
    enter = ["nsenter", "--target", str(pid), "--user", "--net", "--preserve-credentials", "--"]
    process = await asyncio.create_subprocess_exec(
        *enter, PYTHON, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    return printed.decode()


def test_an_instance_sees_the_client_and_the_rule_and_an_ineligible_one_gets_nothing_new() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c")
            assert cloud.world.problems() == {}
            clients = [await cloud.connect() for _ in range(30)]
            facts = [await client.ask("hello") for client in clients]
            for client, seen in zip(clients, facts, strict=True):
                _, port, *_ = client.writer.get_extra_info("sockname")
                assert seen["client"][:2] == [CLIENT, port]
                assert seen["local"][:2] == [RULE_ADDRESS, 8080]
            homes = [seen["name"] for seen in facts]
            assert set(homes) == {"a", "b", "c"}
            await cloud.balance("b", "c")
            assert {(await cloud.ask())["name"] for _ in range(30)} == {"b", "c"}
            assert [(await client.ask("who"))["name"] for client in clients] == homes
            await cloud.balance("b", "c", affinity="CLIENT_IP", tracking="PER_SESSION")
            (home,) = {(await cloud.ask())["name"] for _ in range(10)}
            (other,) = {"b", "c"} - {home}
            await cloud.balance(other, "a", affinity="CLIENT_IP", tracking="PER_SESSION")
            assert {(await cloud.ask())["name"] for _ in range(10)} == {home}, "its session stays"

    asyncio.run(scenario())


def test_both_families_are_balanced_beside_each_other_and_outlive_the_daemon() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            await cloud.start("a", "b")
            four = replace(
                cloud.service("a"), key="projects/local/regions/r/forwardingRules/four", address=cloud.address
            )
            await cloud.world.apply_balancer(BalancerPlan(services=(four, cloud.service("b"))))
            client = await cloud.connect()
            assert (await client.ask("who"))["name"] == "b"
            reader, writer = await asyncio.open_connection(cloud.address, 8080)
            writer.write(b"who\n")
            assert b'"a"' in await reader.readline()
            writer.close()
            place = cloud.place
            await cloud.world.close()
            assert (await client.ask("who"))["name"] == "b", "the connection goes on without a daemon"
            cloud.world = await World.open(cloud.world.home, RealClock(CLOUD_SPEED))
            await cloud.apply_network()
            await cloud.world.apply_balancer(BalancerPlan(services=(four, cloud.service("a"))))
            assert cloud.place == place
            assert (await client.ask("who"))["name"] == "b"
            assert (await cloud.ask())["name"] == "a"
            await cloud.world.apply_balancer(BalancerPlan(services=(four,)))
            with pytest.raises(ConnectionRefusedError):
                await Client.connect(*place)

    asyncio.run(scenario())


def test_every_protocol_fragments_and_pings_meet_a_rule_for_all_of_them() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            ready, ready_there = os.pipe()
            cloud.machines["a"] = await cloud.begin("a", ECHO, {3: ready_there}, RULE_ADDRESS)
            os.close(ready_there)
            await cloud.world.set_local_addresses(cloud.machines["a"].pid, (RULE,))
            assert await asyncio.to_thread(os.read, ready, 1) == b"r"
            os.close(ready)
            for affinity in ("NONE", "CLIENT_IP_PROTO", "CLIENT_IP_NO_DESTINATION"):
                tracking = "PER_CONNECTION" if affinity == "NONE" else "PER_SESSION"
                everything: dict[str, Any] = {"protocol": "L3_DEFAULT", "ports": ()}
                await cloud.balance("a", **everything, affinity=affinity, tracking=tracking)
                echo_reply = "129"
                assert (await _as_client(cloud, SAYING, RULE_ADDRESS, "5000")).split() == ["5000", echo_reply]

    asyncio.run(scenario())


def test_firewall_rules_of_one_family_are_not_about_the_other() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            own = cloud.interfaces["a"].address_ipv6
            assert '"a"' in await _as_client(cloud, ASKING, own, "10"), "its own address is on the internet"
            await cloud.apply_network(OPEN)
            assert "timed out" in await _as_client(cloud, ASKING, own, SILENCE), "implied: nothing comes in"
            assert "timed out" in await _as_client(cloud, ASKING, RULE_ADDRESS, SILENCE)
            clients = FirewallRule(
                name="clients",
                network=NETWORK,
                protocols=(("tcp", ("8080",)),),
                source_ranges=("2001:2::/48",),
            )
            await cloud.apply_network(clients)
            assert '"a"' in await _as_client(cloud, ASKING, RULE_ADDRESS, "10")
            printed = await cloud.execute("b", ASKING, own, SILENCE)
            assert "timed out" in printed, "an instance is no client"
            tagged = FirewallRule(
                name="tagged", network=NETWORK, protocols=(("tcp", ()),), source_tags=frozenset({"b"})
            )
            cloud.interfaces["b"] = replace(cloud.interfaces["b"], tags=frozenset({"b"}))
            await cloud.apply_network(tagged)
            assert '"a"' in await cloud.execute("b", ASKING, own, "10"), "tags are of both families"
            deny = replace(
                OPEN_IPV6,
                name="deny",
                direction="EGRESS",
                action="deny",
                source_ranges=(),
                destination_ranges=(RANGE,),
            )
            await cloud.apply_network(OPEN, OPEN_IPV6, deny)
            assert "timed out" in await cloud.execute("b", ASKING, own, SILENCE)

    asyncio.run(scenario())


def test_probes_come_over_ipv6_from_googles_range_and_pass_the_firewall() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a", "b")
            probers = FirewallRule(
                name="probers",
                network=NETWORK,
                protocols=(("tcp", ("8080",)),),
                source_ranges=("2600:1901:8001::/48",),
            )
            await cloud.apply_network(probers)
            probes = [cloud.probe("balancer", name) for name in ("a", "b")]
            await cloud.watch(*probes)
            for probe in probes:
                assert (await cloud.outcome(probe, "success")).detail == "HTTP status 200"
            await cloud.apply_network(OPEN)  # of IPv4
            for probe in probes:
                await cloud.outcome(probe, "timeout")
            await cloud.apply_network(probers)
            await cloud.outcome(probes[0], "success")
            await cloud.world.remove("a", cloud.machines["a"].pid)
            await cloud.outcome(probes[0], "timeout")
            await cloud.outcome(probes[1], "success")

    asyncio.run(scenario())


def test_nothing_leaves_nobody_speaks_for_others_and_only_some_have_ipv6() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            outside = ["2001:4860:4860::8888", "2600::1", "fd00::1", "64:ff9b::8.8.8.8"]
            printed = await cloud.execute("b", SENDING, "::", *outside)
            assert printed.split() == ["1"] * len(outside)
            assert await cloud.world.border() == {"astray": len(outside), "outside": 0}
            printed = await cloud.execute("b", SENDING, "2001:db8:0:9::1", *outside)
            assert printed.split() == ["1"] * len(outside)
            assert await cloud.world.border() == {"astray": len(outside), "outside": 0}, "dropped before"
            cloud.interface("four", address_ipv6="")
            assert (await cloud.execute("four", FAMILIES)).split() == []
            six = (await cloud.execute("six", FAMILIES)).split()
            loopback, own = "1".rjust(32, "0"), "20010db8000000070a80000400000000"
            assert six == sorted([loopback, own, "fe8000000000000040010afffe800004"])
            cloud.machines = {"four": Spawned(pid=0, listeners=())}
            with pytest.raises(ValueError, match="four has no IPv6 address"):
                await cloud.balance("four")

    asyncio.run(scenario())


def test_faults_are_about_both_families() -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            fault = LinkFault(name="fault", instance="a", kind="loss", peers=("client",))
            await cloud.break_links(fault)
            assert "timed out" in await _as_client(cloud, ASKING, RULE_ADDRESS, SILENCE)
            own = cloud.interfaces["a"].address_ipv6
            assert '"a"' in await cloud.execute("b", ASKING, own, "10"), "an instance is no client"
            ranges = ("10.128.0.3/32", cloud.interfaces["b"].address_ipv6 + "/128")
            await cloud.break_links(replace(fault, peers=ranges, forwarded=True))
            assert '"a"' in await cloud.execute("b", ASKING, own, "10"), "only what is addressed to a rule"
            assert "timed out" in await cloud.execute("b", ASKING, RULE_ADDRESS, SILENCE)
            everyone = ("0.0.0.0/0", "::/0")
            await cloud.break_links(replace(fault, kind="slow", peers=everyone, port=8080, delay=2.0))
            connected, answered = map(float, (await _as_client(cloud, TIMING, RULE_ADDRESS)).split())
            assert answered - connected >= 2.0 / CLOUD_SPEED
            await cloud.break_links(replace(fault, kind="delay", peers=("client",), delay=2.0))
            connected, _ = map(float, (await _as_client(cloud, TIMING, RULE_ADDRESS)).split())
            assert connected >= 2 * 2.0 / CLOUD_SPEED, "there and back"

    asyncio.run(scenario())


def test_without_ipv6_in_the_kernel_the_rest_works_and_what_needs_it_says_so() -> None:
    async def scenario() -> None:
        async with running_dual_stack(ipv6=False) as cloud:
            await cloud.start("a")
            four = replace(cloud.service("a"), key="f/four", address=cloud.address)
            six = cloud.service("a")
            await cloud.world.apply_balancer(BalancerPlan(services=(four, six)))
            reader, writer = await asyncio.open_connection(cloud.address, 8080)
            writer.write(b"who\n")
            assert b'"a"' in await reader.readline()
            writer.close()
            problems = cloud.world.problems()
            assert problems.keys() == {six.key, cloud.subnetwork.key}
            assert all(
                "has no IPv6 (it was booted with ipv6.disable=1" in words for words in problems.values()
            )
            assert cloud.world.places() == {"f/four": (f"{cloud.address}:8080",), six.key: ()}
            assert (await cloud.execute("b", FAMILIES)).split() == []

    asyncio.run(scenario())


def test_a_rule_whose_port_is_taken_here_is_found_at_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with running_dual_stack() as cloud:
            await cloud.start("a")
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as taken:
                taken.bind(("::1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                await cloud.balance("a", ports=((port, port),))
                assert cloud.place[1] != port
                assert cloud.world.problems() == {}
            await cloud.balance("a")
            assert (await cloud.ask())["name"] == "a"
            # a host whose loopback has no IPv6
            monkeypatch.setattr(host_listener, "_HOST_IPV6", "2001:db8::1")
            await cloud.world.apply_balancer(BalancerPlan())
            await cloud.balance("a")
            (words,) = cloud.world.problems().values()
            assert "sudo sysctl net.ipv6.conf.lo.disable_ipv6=0" in words
            assert '"a"' in await _as_client(cloud, ASKING, RULE_ADDRESS, "10")

    asyncio.run(scenario())
