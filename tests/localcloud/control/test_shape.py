"""Where instances go: by target shape, while all zones have room and while one is out; and what they are made of."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.control.links import url
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, PROJECT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping


def shaped(shape: str, size: int, **policy: Any) -> Cloud:  # noqa: ANN401 - fields of a JSON document
    """A cloud whose group has this shape."""
    cloud = standard(size=size)
    zones = cloud.group()["distributionPolicy"]["zones"]
    cloud.patch(
        GROUP,
        distributionPolicy={"zones": zones, "targetShape": shape},
        updatePolicy={**cloud.group()["updatePolicy"], **policy},
    )
    return cloud


def outage(cloud: Cloud, letter: str) -> None:
    with cloud.store.transaction() as change:
        record = {
            "name": "out",
            "kind": "zone-outage",
            "zone": f"{REGION}-{letter}",
            "since": 0.0,
            "until": None,
        }
        change.put("control/faults/out", record)


def zones(cloud: Cloud) -> Mapping[str, int]:
    return Counter(member.zone[-1] for member in cloud.members().values())


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("EVEN", {"b": 2, "c": 2, "d": 2}),
        ("BALANCED", {"b": 2, "c": 2, "d": 2}),
        ("ANY", {"b": 2, "c": 2, "d": 2}),
        ("ANY_SINGLE_ZONE", {"b": 6}),
    ],
)
def test_instances_go_where_the_shape_says(shape: str, expected: dict[str, int]) -> None:
    async def story() -> None:
        cloud = shaped(shape, 6, instanceRedistributionType="NONE")
        async with cloud.running():
            await cloud.until_stable()
            assert zones(cloud) == expected

    asyncio.run(story())


@pytest.mark.parametrize(
    ("shape", "expected", "made"),
    [
        ("EVEN", {"b": 2, "c": 2, "d": 2}, 4),
        ("BALANCED", {"c": 3, "d": 3}, 6),
        ("ANY", {"c": 3, "d": 3}, 6),
        ("ANY_SINGLE_ZONE", {"c": 6}, 6),
    ],
)
def test_only_an_even_group_waits_for_a_zone_that_is_out(
    shape: str, expected: dict[str, int], made: int
) -> None:
    async def story() -> None:
        cloud = shaped(shape, 6, instanceRedistributionType="NONE")
        outage(cloud, "b")
        async with cloud.running():
            await cloud.advance(120)
            assert zones(cloud) == expected
            assert len(cloud.instances()) == made
            assert cloud.group()["status"]["isStable"] == (made == 6)

    asyncio.run(story())


@pytest.mark.parametrize(("kind", "expected"), [("PROACTIVE", 1), ("NONE", 2)])
def test_zones_are_evened_out_unless_redistribution_is_off(kind: str, expected: int) -> None:
    async def story() -> None:
        cloud = shaped("EVEN", 6, instanceRedistributionType=kind)
        async with cloud.running():
            await cloud.until_stable()
            gone = [name for name, member in cloud.members().items() if member.zone.endswith("b")]
            cloud.request("deleteInstances", GROUP, instances=gone)
            await cloud.advance(1200)
            counts = [zones(cloud).get(letter, 0) for letter in "bcd"]
            assert max(counts) - min(counts) == expected
            assert len(cloud.instances()) == 4

    asyncio.run(story())


def test_a_single_zone_group_shrinks_whatever_zone_it_is_in() -> None:
    async def story() -> None:
        cloud = shaped("ANY_SINGLE_ZONE", 4, instanceRedistributionType="NONE")
        async with cloud.running():
            await cloud.until_stable()
            cloud.patch(GROUP, targetSize=2)
            await cloud.until_stable()
            assert zones(cloud) == {"b": 2}

    asyncio.run(story())


def test_the_preferred_machine_type_of_a_flexible_group_is_taken() -> None:
    async def story() -> None:
        cloud = standard()
        selections = {
            "second": {"rank": 2, "machineTypes": ["n2-standard-2"]},
            "first": {"rank": 1, "machineTypes": ["e2-standard-4", "e2-standard-2"]},
        }
        cloud.patch(GROUP, instanceFlexibilityPolicy={"instanceSelections": selections})
        async with cloud.running():
            await cloud.until_stable()
            types = {document["machineType"] for document in cloud.instances().values()}
            assert types == {
                url(f"projects/{PROJECT}/zones/{REGION}-{letter}/machineTypes/e2-standard-4")
                for letter in "bcd"
            }

    asyncio.run(story())
