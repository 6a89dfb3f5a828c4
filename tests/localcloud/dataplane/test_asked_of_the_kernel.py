"""What is asked of the kernel when one instance of many changes: counted, for few and for many, in the real kernel."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.dataplane.helpers import Worker
from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan
from tests.localcloud.dataplane.cloud import NETWORK, OPEN, SUBNETWORK, rule_address, running_cloud

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.dataplane.world import World

pytestmark = pytest.mark.kernel
FEW, MANY = 10, 100
RULES = tuple(
    FirewallRule(
        name=f"rule-{number}",
        network=NETWORK,
        protocols=(("tcp", (str(8000 + number),)),),
        source_tags=frozenset({"web"}),
        target_tags=frozenset({"web"}),
    )
    for number in range(5)
)
Asked = Counter[str]


def interfaces(count: int) -> list[NetworkInterface]:
    return [
        NetworkInterface(
            instance=f"i{number}",
            network=NETWORK,
            subnetwork=SUBNETWORK.key,
            address=f"10.128.1.{number + 2}",
            tags=frozenset({"web"}),
        )
        for number in range(count)
    ]


def network(found: list[NetworkInterface]) -> NetworkPlan:
    return NetworkPlan(subnetworks=(SUBNETWORK,), interfaces=tuple(found), firewall=(OPEN, *RULES))


def balancer(found: list[NetworkInterface], *, ill: str = "") -> BalancerPlan:
    backends = tuple(
        Backend(instance=each.instance, address=each.address, eligible=each.instance != ill) for each in found
    )
    service = VirtualService(
        key="rule",
        backend_service="service",
        address=rule_address(),
        protocol="TCP",
        ports=((8080, 8080),),
        backends=backends,
    )
    return BalancerPlan(services=(service,))


async def _asked(world: World, asked: Asked, count: int) -> dict[str, Asked]:
    """Return what each change of one of so many instances asks."""
    found = interfaces(count)
    retagged = [*found[:-1], replace(found[-1], tags=frozenset({"other"}))]
    changes: dict[str, tuple[NetworkPlan, BalancerPlan]] = {
        "first": (network(found), balancer(found)),
        "tags": (network(retagged), balancer(found)),
        "health": (network(retagged), balancer(found, ill="i0")),
        "gone": (network(retagged[1:]), balancer(found[1:])),
        "back": (network(retagged), balancer(found)),
        "nothing": (network(retagged), balancer(found)),
    }
    counted = {}
    for name, (wanted, balanced) in changes.items():
        asked.clear()
        await world.apply_network(wanted)
        await world.apply_balancer(balanced)
        counted[name] = asked.copy()
    return counted


def test_a_change_of_one_of_many_asks_no_more_than_of_one_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Asked = Counter()
    original = Worker.call

    async def counting(
        worker: Worker, message: dict[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        asked["requests"] += message["do"] in {"ip", "nft", "fill"}
        for step in message.get("steps", ()):
            asked["ip"] += len(step["lines"])
        script = message.get("script", "")
        asked["rules"] += script.count("\n")
        asked["words"] += len(script.split())
        asked["slots"] += len(message.get("slots", ""))
        return await original(worker, message, descriptors)

    monkeypatch.setattr(Worker, "call", counting)

    async def scenario() -> None:
        async with running_cloud(table_size=1021) as cloud:
            few = await _asked(cloud.world, asked, FEW)
            await cloud.world.apply_balancer(BalancerPlan())
            many = await _asked(cloud.world, asked, MANY)
        for change in ("tags", "health", "gone", "back"):
            assert few[change]["rules"] > 0
            # links, neighbours, routes and routing rules: those of the one; a group of routing rules is for several marks
            assert many[change]["ip"] <= few[change]["ip"] + 1, (change, few, many)
            assert many[change]["requests"] <= few[change]["requests"], (change, few, many)
            # rules and tables are for all of them at once; sets of instances have as many elements as there are
            assert many[change]["rules"] <= few[change]["rules"] + 2, (change, few, many)
            assert many[change]["slots"] == few[change]["slots"], (change, few, many)
            assert many[change]["words"] <= MANY / FEW * few[change]["words"], (change, few, many)
        assert many["first"]["ip"] <= MANY / FEW * few["first"]["ip"]
        assert not +many["nothing"]

    asyncio.run(scenario())
