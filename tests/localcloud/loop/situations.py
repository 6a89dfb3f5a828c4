"""What a service's users notice while it is changed, grows smaller or loses a zone.

Each situation is a group of its own behind a balancer of its own, with real instances, and clients that go through its forwarding rule.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from tests.localcloud.loop.live import REGION, TEMPLATES
from tests.localcloud.loop.load import SHORT, Load
from tests.localcloud.loop.settings import Settings
from tests.localcloud.loop.situation import Situation, about, none_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.localcloud.loop.live import LiveCloud
    from tests.localcloud.loop.load import Request
    from tests.localcloud.loop.story import Event

BALANCER, HEALING = Settings(5, 4, 2, 1), Settings(8, 6, 3, 2)
DRAIN = 30  # cloud seconds
RATE = 100.0  # requests in one of this machine's seconds


def share_of(
    cloud: LiveCloud, members: Collection[str], names: Collection[str], requests: Sequence[Request]
) -> float:
    """Return how many of these requests go to those names if the balancer spreads evenly over who is eligible when they start.

    `members`: all instances that there were meanwhile; their stories say who was eligible since when.
    """
    told = sorted(
        (
            event
            for name in members
            for event in cloud.story.of(name)
            if event["kind"] in {"balancer.added", "balancer.removed"}
        ),
        key=lambda event: int(event["seq"]),
    )
    since = [cloud.real(event["at"]) for event in told]
    total, place = 0.0, -1
    for each in sorted(requests, key=lambda one: one.started):
        while place + 1 < len(told) and since[place + 1] <= each.started:
            place += 1
        if place >= 0:
            eligible = told[place]["data"]["eligible"]
            total += sum(1 for one in eligible if one in names) / max(1, len(eligible))
    return total


async def serve(cloud: LiveCloud, group: str, size: int) -> str:
    """Have a group of so many instances serve; returns its balancer's address."""
    address = await cloud.group(group, size, drain=DRAIN)
    await cloud.tune(f"{group}-lb", BALANCER)
    await cloud.tune(f"{group}-heal", HEALING)
    await cloud.settled(size, group)
    return address


async def turn(cloud: LiveCloud, group: str, *versions: dict[str, Any]) -> None:
    """Have the group roll to these versions, three more at a time and none less."""
    policy = {
        "type": "PROACTIVE",
        "minimalAction": "REPLACE",
        "maxSurge": {"fixed": 3},
        "maxUnavailable": {"fixed": 0},
    }
    body = {"versions": list(versions), "updatePolicy": policy}
    await cloud.call("PATCH", f"{REGION}/instanceGroupManagers/{group}", body)


def version(template: str, size: int | None = None) -> dict[str, Any]:
    """Return a version of a group, on all its instances or so many."""
    target = {} if size is None else {"targetSize": {"fixed": size}}
    return {"name": template, "instanceTemplate": f"{TEMPLATES}/{template}", **target}


def names(found: Sequence[dict[str, Any]]) -> set[str]:
    """Return the instances' names."""
    return {str(each["name"]) for each in found}


async def rolling_update(cloud: LiveCloud) -> list[Situation]:
    """Every instance is replaced by one of another version, under load of quick requests and of such as take most of the draining time."""
    rng, longest = random.Random(1), 0.9 * DRAIN / cloud.speed  # noqa: S311 - repeatable, not secret
    address = await serve(cloud, "roll", 4)
    before = names(await cloud.instances("roll"))
    await cloud.template("second", "second")
    async with (
        Load(address, RATE) as quick,
        Load(address, RATE / 5, lambda: rng.uniform(0.1, longest)) as held,
    ):
        await turn(cloud, "roll", version("second"))
        after = names(await cloud.settled(4, "roll", lambda found: not names(found) & before))
        seen = len(quick.requests)
        await cloud.pass_time(10)
    late = quick.requests[seen:]
    assert after.isdisjoint(before)
    assert {each.version for each in late if each.started > late[0].ended} == {"second"}
    return [
        none_of("rolling update, quick requests", "none fails: surge 3, unavailable 0", quick.requests),
        none_of("rolling update, requests inside the draining time", "none fails", held.requests),
    ]


async def canary(cloud: LiveCloud) -> list[Situation]:
    """One instance of four gets a version that its checks do not find fault with and its users do, and loses it again."""
    address = await serve(cloud, "canary", 4)
    members = names(await cloud.instances("canary"))
    await cloud.template("faulty", "faulty", broken=True)
    async with Load(address, RATE) as load:
        await turn(cloud, "canary", version("first"), version("faulty", 1))
        during = names(await cloud.settled(4, "canary", lambda found: len(names(found) - members) == 1))
        await cloud.pass_time(60)
        await turn(cloud, "canary", version("first"))
        after = names(await cloud.settled(4, "canary", lambda found: not names(found) & (during - members)))
        await cloud.pass_time(10)
    chosen = during - members
    faulty = [each for each in load.requests if each.version == "faulty"]
    others = [each for each in load.requests if each.version != "faulty"]
    assert all(each.trouble for each in faulty)
    expected = share_of(cloud, members | during | after, chosen, load.requests)
    return [
        about(
            "faulty canary, its users",
            "its share of the requests while it serves",
            len(load.requests),
            len(faulty),
            expected,
        ),
        none_of("faulty canary, everybody else's", "none fails", others),
    ]


async def scale_in(cloud: LiveCloud) -> list[Situation]:
    """Six instances become three: requests inside the draining time end, and of those beyond it theory says how many are cut off."""
    rng, drain = random.Random(2), DRAIN / cloud.speed  # noqa: S311 - repeatable, not secret
    address = await serve(cloud, "shrink", 6)
    before = names(await cloud.instances("shrink"))
    async with (
        Load(address, RATE) as quick,
        Load(address, RATE / 5, lambda: rng.uniform(0.1, 0.9 * drain)) as held,
        Load(address, 0.6 * RATE, lambda: rng.expovariate(1 / drain)) as long,
    ):
        await cloud.pass_time(2 * DRAIN)  # until as many of the long ones end as begin
        since = cloud.story.last
        await cloud.call("POST", f"{REGION}/instanceGroupManagers/shrink/resize?size=3")
        after = names(await cloud.settled(3, "shrink"))
    told: dict[str, float] = {}
    for name in before - after:
        deleting = await cloud.story.happens(name, lambda event: event["kind"] == "instance.deleting", since)
        told[name] = cloud.real(deleting["at"])
    open_then = [each for each in long.requests if each.met < told.get(each.instance, 0.0) < each.due]
    cut = sum(1 for each in open_then if each.trouble)
    inside = [each for each in long.requests if each.due < told.get(each.instance, math.inf) + drain]
    return [
        none_of("scale-in, quick requests", "none fails", quick.requests),
        none_of("scale-in, requests inside the draining time", "none fails", [*held.requests, *inside]),
        about(
            "scale-in, open connections of exponential length, mean as long as the draining time",
            "e^(-1) of them are cut off",
            len(open_then),
            cut,
            len(open_then) * math.exp(-1),
        ),
    ]


async def zone_outages(cloud: LiveCloud) -> tuple[list[Situation], list[tuple[float, bool]]]:
    """Each of three zones, with two of six instances, is lost once and comes back.

    Returns with the situations, of each request, when it began after its outage did, in cloud seconds, and whether it failed.
    """
    address = await serve(cloud, "zones", 6)
    during, outside, theirs, shares, timeline = [], [], 0.0, 0.0, []
    rate = 2 * RATE
    members = await cloud.instances("zones")
    for zone in sorted({str(each["zone"]) for each in members}):
        dead = names([each for each in members if each["zone"] == zone])
        async with Load(address, rate, patience=SHORT) as load:
            await cloud.pass_time(5)
            since, begun = cloud.story.last, cloud.now()
            lost = await cloud.lose_zone(zone)
            removed = [await cloud.story.happens(name, _removed, since) for name in dead]
            await cloud.pass_time(15)
        gone = cloud.real(max(event["at"] for event in removed))
        struck = [each for each in load.requests if each.ended >= cloud.real(begun) and each.started <= gone]
        during += struck
        outside += [each for each in load.requests if each not in struck]
        after = [each for each in struck if each.started >= cloud.real(lost)]
        theirs += share_of(cloud, names(members), dead, after)
        shares += len(dead) / len(members)
        timeline += [
            ((each.started - cloud.real(lost)) * cloud.speed, bool(each.trouble)) for each in load.requests
        ]
        await cloud.clear_faults()
        # Autohealing may have come to its verdict before the zone came back, or not: then they are what they were.
        members = await cloud.settled(6, "zones")
    failed, all_of = sum(1 for each in during if each.trouble), len(during) + len(outside)
    least, mean, most = (
        rate * shares * seconds / cloud.speed
        for seconds in (BALANCER.detection[0], BALANCER.mean_detection, BALANCER.detection[1])
    )
    promise = "rate x share x ((k-1/2)I+T) of each"
    return [
        about("three zone outages, by theory", promise, all_of, failed, mean, least=least, most=most),
        about(
            "three zone outages, by when they were noticed",
            "rate x share x that time",
            all_of,
            failed,
            theirs,
        ),
        none_of("three zone outages, before and after", "none fails", outside),
    ], timeline


def _removed(event: Event) -> bool:
    return bool(event["kind"] == "balancer.removed")
