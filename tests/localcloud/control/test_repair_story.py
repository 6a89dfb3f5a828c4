"""A group is created, loses an instance and is repaired; all in virtual time, with bounds on the cloud's clock."""

from __future__ import annotations

import asyncio

from tests.localcloud.control.cloud import standard


def test_a_new_group_boots_gets_healthy_and_gets_traffic() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            instances = cloud.instances()
            assert len(instances) == 3
            assert {document["status"] for document in instances.values()} == {"RUNNING"}
            assert {document["zone"].rpartition("/")[2] for document in instances.values()} == {
                "europe-west1-b",
                "europe-west1-c",
                "europe-west1-d",
            }
            assert sorted(
                document["networkInterfaces"][0]["networkIP"] for document in instances.values()
            ) == [
                "10.128.0.2",
                "10.128.0.3",
                "10.128.0.4",
            ]
            await cloud.advance(30)
            assert cloud.eligible() == set(instances)
            assert {event.subject for event in cloud.events("balancer.added")} == set(instances)
            assert cloud.group()["currentActions"]["none"] == 3
            assert not cloud.events("controller.error")

    asyncio.run(story())


def test_a_crashed_instance_leaves_the_balancer_first_and_is_recreated_later() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            await cloud.advance(200)
            victim = min(cloud.instances())
            before = cloud.instances()[victim]
            mark, began = cloud.last_seq(), cloud.clock.now()
            await cloud.machines.crash(before["id"])

            removed = await cloud.until("balancer.removed", within=60, after=mark)
            assert removed.subject == victim
            # Two probes 5 s apart with 5 s of timeout: (k-1)I+T to kI+T.
            assert 10 <= removed.at - began <= 15
            assert cloud.instances()[victim]["status"] == "RUNNING"  # only a check finds a crash

            recreated = await cloud.until("autohealing.recreate", within=200, after=mark)
            assert recreated.subject == victim
            assert 130 <= recreated.at - began <= 160
            await cloud.until_stable()
            await cloud.advance(30)
            after = cloud.instances()[victim]
            assert after["id"] != before["id"]
            assert after["zone"] == before["zone"]
            assert cloud.eligible() == set(cloud.instances())
            assert len(cloud.events("autohealing.recreate")) == 1
            assert len(cloud.instances()) == 3

    asyncio.run(story())
