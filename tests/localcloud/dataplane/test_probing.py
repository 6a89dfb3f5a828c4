"""Probes through the real kernel: what they find, from where they come, and that the firewall rules apply to them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from localcloud.dataplane.addresses import PROBER_SOURCES
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.world import Command
from tests.localcloud.dataplane.cloud import NETWORK, OPEN, PYTHON, SUBNETWORK, running_cloud

if TYPE_CHECKING:
    from localcloud.plans.probe import Consumer


pytestmark = pytest.mark.kernel
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
