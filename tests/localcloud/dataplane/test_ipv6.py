"""IPv6 in the real kernel: the rule's way from a client to an instance, firewall rules of its own, probes, and nothing leaving."""

from __future__ import annotations

import asyncio

import pytest

from tests.localcloud.dataplane.dual_stack import CLIENT, RULE_ADDRESS, running_dual_stack

pytestmark = pytest.mark.kernel


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

    asyncio.run(scenario())
