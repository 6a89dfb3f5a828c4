"""What the operator may ask for, what it means for each instance's link, and how a wrong request is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.control import faults
from localcloud.control.network import plan
from tests.localcloud.control.cloud import Cloud, standard

if TYPE_CHECKING:
    from localcloud.plans.fault import LinkFault


def _running(check: Any) -> None:  # noqa: ANN401 - any function of a cloud
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            check(cloud)

    asyncio.run(story())


def _links(cloud: Cloud, **body: Any) -> tuple[LinkFault, ...]:  # noqa: ANN401 - JSON
    record = faults.parse(cloud.store, body, cloud.clock.now())
    with cloud.store.transaction() as change:
        change.put(faults.PREFIX + "fault-1", {"name": "fault-1", **record})
    return plan(cloud.store).faults


def test_parties_become_links_of_the_instances_they_are() -> None:
    def check(cloud: Cloud) -> None:
        instances = cloud.instances()
        addresses = {name: each["networkInterfaces"][0]["networkIP"] for name, each in instances.items()}
        one, other, third = sorted(instances)
        found = _links(cloud, kind="partition", between=["prober", "all"])
        assert [(each.instance, each.peers, each.kind, each.share) for each in found] == [
            (name, ("prober",), "loss", 1.0) for name in sorted(instances)
        ]
        (here, there) = _links(
            cloud, kind="delay", between=[one, other], delaySeconds=0.2, jitterSeconds=0.1, seed=4
        )
        assert (here.instance, here.peers, here.forwarded) == (one, (f"{addresses[other]}/32",), False)
        assert (there.instance, there.peers, there.forwarded) == (other, (f"{addresses[one]}/32",), True)
        assert (here.delay, here.jitter, here.seed) == (0.2, 0.1, 4)
        found = _links(cloud, kind="loss", between=["all", "all"], share=0.5)
        pairs = [
            frozenset({each.instance, name})
            for each in found
            if not each.forwarded
            for name in addresses
            if f"{addresses[name]}/32" in each.peers
        ]
        assert sorted(map(sorted, pairs)) == [[one, other], [one, third], [other, third]]
        zone = instances[one]["zone"].rpartition("/")[2]
        (slow,) = _links(cloud, kind="slow", instance="zone:" + zone, port=8080, delaySeconds=3)
        assert (slow.instance, slow.kind, slow.port, slow.delay) == (one, "slow", 8080, 3.0)

    _running(check)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "flood"}, "kind 'flood': must be one of loss, partition, delay, slow, zone-outage"),
        ({"kind": "loss", "between": ["all", "client"], "share": 2}, "share 2: must be a number above 0 and at most 1"),
        ({"kind": "loss", "between": ["all", "client"], "share": True}, "share True: must be a number"),
        ({"kind": "loss", "between": ["all", "client"]}, "share None: must be a number"),
        ({"kind": "partition", "between": ["all"]}, "must name two parties"),
        ({"kind": "partition", "between": ["client", "prober"]}, "name an instance, all, or zone:ZONE as one of them"),
        ({"kind": "partition", "between": ["web-none", "client"]}, "between 'web-none': no such instance; instances are web-"),
        ({"kind": "partition", "between": ["all", "10.1.2.3/8"]}, "host bits set; give an IPv4 range"),
        ({"kind": "partition", "between": ["all", "client"], "share": 1}, "share 1: a partition has no such field"),
        ({"kind": "delay", "between": ["all", "client"], "delaySeconds": 0}, "delaySeconds 0: must be a number above 0"),
        ({"kind": "slow", "instance": "metadata", "delaySeconds": 1}, "a service runs on an instance"),
        ({"kind": "zone-outage", "zone": "mars-a"}, "zone 'mars-a': nothing is or can be there; zones of groups"),
        ({"kind": "zone-outage", "zone": "europe-west1-b", "seconds": -1}, "seconds -1: must be a number above 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_field_value_rule_and_fix(body: dict[str, Any], words: str) -> None:
    def check(cloud: Cloud) -> None:
        with pytest.raises(faults.FaultError) as refusal:
            faults.parse(cloud.store, body, cloud.clock.now())
        assert words in str(refusal.value)

    _running(check)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "loss", "between": ["all", "client"], "share": 0.25, "burst": 3}, "25.00% of packets are lost, 3 in a row between"),
        ({"kind": "partition", "between": ["all", "prober"]}, "nothing passes between all and prober"),
        ({"kind": "delay", "between": ["all", "client"], "delaySeconds": 0.2}, "packets take 0.2 s more between all and client"),
        ({"kind": "slow", "instance": "all", "port": 80, "delaySeconds": 3}, "all answers on port 80 3 s late"),
        ({"kind": "zone-outage", "zone": "europe-west1-b"}, "zone europe-west1-b is out"),
    ],
)  # fmt: skip
def test_faults_are_described_in_words(body: dict[str, Any], words: str) -> None:
    _running(lambda cloud: _same(faults.describe(faults.parse(cloud.store, body, 0.0)), words))


def _same(found: str, expected: str) -> None:
    assert found.startswith(expected)
