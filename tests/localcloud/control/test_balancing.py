"""Who gets new connections."""

from __future__ import annotations

import asyncio

import pytest

from localcloud.control import balancing
from localcloud.control.links import url
from localcloud.plans.probe import INVALID_WEIGHT, ProbeResult
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import GROUP, HEALING, RULE, SERVICE, VIP, balancer, check, group


def test_weights_are_what_instances_ask_for_if_the_service_listens() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            await cloud.advance(30)
            first, *others = sorted(cloud.instances())

            def answered(name: str, weight: int) -> None:
                now = cloud.clock.now()
                for each in cloud.fabric.probes.values():
                    if each.instance == name and each.consumer == "balancer":
                        found = ProbeResult(
                            id=each.id, sent_at=now, ended_at=now, outcome="success", detail="", weight=weight
                        )
                        cloud.fabric._report(found)

            def weights() -> dict[str, int]:
                (service,) = balancing.plan(cloud.store).services
                return {each.instance: each.weight for each in service.backends}

            equal = dict.fromkeys(cloud.instances(), 1)
            answered(first, 7)
            assert weights() == equal
            cloud.patch(SERVICE, localityLbPolicy="WEIGHTED_MAGLEV")
            assert weights() == equal, "the others ask for none"
            for name in others:
                answered(name, 2)
            assert weights() == {**dict.fromkeys(others, 2), first: 7}
            answered(others[0], INVALID_WEIGHT)
            assert weights() == equal
            answered(others[0], 0)
            assert weights() == {**dict.fromkeys(others, 2), first: 7, others[0]: 0}
            (service,) = balancing.plan(cloud.store).services
            await cloud.advance(1)
            (applied,) = cloud.fabric.balancer.services
            assert set(applied.backends) == set(service.backends)

    asyncio.run(story())


def test_the_plan_names_rule_address_ports_and_backends() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            await cloud.advance(30)
            (service,) = balancing.plan(cloud.store).services
            assert (service.key, service.address, service.ports, service.protocol) == (
                RULE,
                VIP,
                ((8080, 8080),),
                "TCP",
            )
            assert {backend.instance for backend in service.backends} == set(cloud.instances())
            assert all(guest.addresses == (VIP,) for guest in cloud.machines.guests.values())
            verdict = dict(cloud.store.scan(f"control/backends/{SERVICE}/"))
            assert {record["forwardingRuleIp"] for record in verdict.values()} == {VIP}
            with cloud.store.transaction() as change:
                change.delete("compute/" + RULE)
            await cloud.advance(5)
            assert cloud.fabric.balancer.services == ()
            assert all(guest.addresses == () for guest in cloud.machines.guests.values())
            assert not dict(cloud.store.scan(f"control/backends/{SERVICE}/"))
            assert not any(spec.consumer == "balancer" for spec in cloud.fabric.probes.values())

    asyncio.run(story())


def test_a_leaving_instance_drains_before_it_stops() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(60)
            mark, began = cloud.last_seq(), cloud.clock.now()
            cloud.patch(GROUP, targetSize=2)
            removed = await cloud.until("balancer.removed", within=5, after=mark)
            assert removed.at - began < 1
            assert removed.data["reason"] == "it is leaving"
            assert cloud.instances()[removed.subject]["status"] == "RUNNING"
            deleted = await cloud.until("instance.deleted", within=60, after=mark)
            assert deleted.subject == removed.subject
            assert 30 <= deleted.at - began <= 33

    asyncio.run(story())


def test_a_group_that_the_service_turned_away_from_keeps_its_connections_for_the_draining_time() -> None:
    async def story() -> None:
        other = GROUP.replace("/web", "/other")
        cloud = standard()
        group(cloud, 2, name=other, baseInstanceName="other")
        links = {
            name: url(name.replace("instanceGroupManagers", "instanceGroups")) for name in (GROUP, other)
        }

        def behind() -> set[str]:
            (service,) = cloud.fabric.balancer.services
            return {backend.instance for backend in service.backends}

        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(60)
            old, new = set(cloud.members()), set(cloud.members(other))
            assert (cloud.eligible(), behind()) == (old, old)
            cloud.patch(SERVICE, backends=[{"group": links[other]}])
            await cloud.advance(1)
            assert (cloud.eligible(), behind()) == (new, old | new)
            await cloud.advance(27)
            assert behind() == old | new
            await cloud.advance(3)
            assert (cloud.eligible(), behind()) == (new, new)
            cloud.patch(SERVICE, backends=[{"group": links[GROUP]}])
            await cloud.advance(1)
            cloud.patch(SERVICE, backends=[{"group": links[GROUP]}, {"group": links[other]}])
            await cloud.advance(60)
            assert (cloud.eligible(), behind()) == (old | new, old | new), "who is back does not drain"
            with cloud.store.transaction() as change:
                change.delete("compute/" + SERVICE)
            await cloud.advance(1)
            assert not dict(cloud.store.scan("control/behind/"))

    asyncio.run(story())


def test_connections_are_cut_off_ten_minutes_after_a_failover_and_a_failback() -> None:
    async def story() -> None:
        standby = GROUP.replace("/web", "/backup")
        cloud = standard()
        check(cloud, HEALING, interval=300, timeout=300, healthy=1, unhealthy=10)
        group(cloud, 2, name=standby, baseInstanceName="backup")
        groups = [name.replace("instanceGroupManagers", "instanceGroups") for name in (GROUP, standby)]
        balancer(cloud, backends=[{"group": url(groups[0])}, {"group": url(groups[1]), "failover": True}])

        def keep(pool: set[str]) -> set[str]:
            (service,), (afresh,) = cloud.fabric.balancer.services, balancing.plan(cloud.store).services
            assert set(service.backends) == set(afresh.backends)
            return {each.keeps for each in service.backends if each.instance in pool}

        async def until_served_by(pool: set[str]) -> None:
            for _ in range(120):
                if cloud.eligible() == pool:
                    return
                await cloud.advance(1)
            pytest.fail(cloud.story())

        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(700)
            primaries, backups = set(cloud.members()), set(cloud.members(standby))
            assert (cloud.eligible(), keep(primaries), keep(backups)) == (primaries, {"unhealthy"}, {"never"})
            for member in cloud.members().values():
                await cloud.machines.hang(member.instance_id, 900)
            await until_served_by(backups)
            assert (keep(primaries), keep(backups)) == ({"always"}, {"unhealthy"})
            await cloud.advance(300)
        async with cloud.running():  # the record outlives the daemon
            await cloud.advance(298)
            assert (keep(primaries), cloud.eligible()) == ({"always"}, backups)
            await cloud.advance(3)
            assert (keep(primaries), cloud.eligible()) == ({"never"}, backups)
            await cloud.advance(240)
            await until_served_by(primaries)
            assert (keep(primaries), keep(backups)) == ({"unhealthy"}, {"always"})
            await cloud.advance(602)
            assert (keep(primaries), keep(backups)) == ({"unhealthy"}, {"never"})
            with cloud.store.transaction() as change:
                change.delete("compute/" + RULE)
            await cloud.advance(1)
            assert not cloud.store.keys("control/failover/")

    asyncio.run(story())


def test_failover_groups_take_over_when_the_primaries_are_down() -> None:
    async def story() -> None:
        backup = GROUP.replace("/web", "/backup")
        cloud = standard()
        group(cloud, 2, name=backup, baseInstanceName="backup")
        groups = [name.replace("instanceGroupManagers", "instanceGroups") for name in (GROUP, backup)]
        balancer(cloud, backends=[{"group": url(groups[0])}, {"group": url(groups[1]), "failover": True}])
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(60)
            assert cloud.eligible() == set(cloud.members())
            for member in cloud.members().values():
                await cloud.machines.hang(member.instance_id, 60)
            await cloud.advance(30)
            assert cloud.eligible() == set(cloud.members(backup))
            await cloud.advance(60)
            assert cloud.eligible() == set(cloud.members())

    asyncio.run(story())
