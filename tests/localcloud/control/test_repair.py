"""What repairs are decided on, where stories would take long to lead there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localcloud.control.group import Group, WantedVersion
from localcloud.control.member import Member, Version
from localcloud.control.mig import Seen
from localcloud.control.repair import backoff, decide

CANARY = Version(name="canary", template="projects/p/global/instanceTemplates/t1")
STABLE = Version(name="stable", template="projects/p/global/instanceTemplates/t0")
GROUP = Group(
    key="compute/projects/p/zones/europe-west1-b/instanceGroupManagers/web",
    name="web",
    base_name="web",
    zones=("europe-west1-b",),
    regional=False,
    size=3,
    versions=(WantedVersion(version=STABLE),),
    check="projects/p/global/healthChecks/heal",
)


def _seen(name: str, action: str, health: str, *, repairs: int = 0) -> Seen:
    member = Member(
        name=name,
        zone="europe-west1-b",
        instance=f"compute/projects/p/zones/europe-west1-b/instances/{name}",
        instance_id=name,
        action=action,
        version=STABLE,
        created_at=0.0,
        instance_status="RUNNING",
        running_at=1.0,
        health=health,
        repairs=repairs,
    )
    return Seen(member=member, status="RUNNING", id=name)


@pytest.mark.parametrize("action", ["RECREATING", "VERIFYING", "REFRESHING", "RESTARTING"])
def test_the_last_one_is_not_healed_before_it_is_known_what_became_of_the_others(action: str) -> None:
    others = [_seen(name, action, "UNKNOWN", repairs=1) for name in ("a", "b")]
    sick = _seen("c", "NONE", "TIMEOUT")
    assert decide(GROUP, [*others, sick], now=1000.0).actions == ()


@pytest.mark.parametrize("action", ["NONE", "VERIFYING"])
def test_those_that_were_healed_in_vain_hold_nobody_up(action: str) -> None:
    others = [_seen(name, action, "TIMEOUT", repairs=9) for name in ("a", "b")]
    found = decide(GROUP, [*others, _seen("c", "NONE", "TIMEOUT")], now=1000.0).actions
    assert "c" in [each.name for each in found]


def test_one_is_left_alone_while_all_the_others_are_healed_and_those_healed_least_go_first() -> None:
    sick = [_seen(name, "NONE", "TIMEOUT", repairs=n) for n, name in ((2, "a"), (0, "b"), (1, "c"))]
    assert [each.name for each in decide(GROUP, sick, now=1000.0).actions] == ["b", "c"]
    alone = replace(GROUP, size=1)
    assert [each.name for each in decide(alone, sick[:1], now=1000.0).actions] == ["a"]


def test_after_each_repair_in_vain_the_next_waits_twice_as_long_up_to_half_an_hour() -> None:
    assert [backoff(repairs) for repairs in range(9)] == [0, 30, 60, 120, 240, 480, 960, 1800, 1800]
    again = _seen("a", "NONE", "TIMEOUT", repairs=2)
    again = replace(again, member=replace(again.member, repaired_at=900.0))
    assert decide(GROUP, [again], now=959.0).look_again == 960.0
    assert not decide(GROUP, [again], now=959.0).actions
    assert decide(GROUP, [again], now=960.0).actions


@pytest.mark.parametrize(("ever_healthy", "held_back"), [(True, False), (False, True)])
def test_one_that_worked_for_ten_minutes_is_forgiven_its_repairs(
    *, ever_healthy: bool, held_back: bool
) -> None:
    seen = _seen("a", "NONE", "TIMEOUT", repairs=9)
    member = replace(seen.member, repaired_at=990.0, running_at=300.0, ever_healthy=ever_healthy)
    found = decide(GROUP, [replace(seen, member=member)], now=1000.0)
    assert (not found.actions) == held_back
    late = replace(member, running_at=400.0, ever_healthy=True)  # ten minutes, and not a moment longer
    assert not decide(GROUP, [replace(seen, member=late)], now=1000.0).actions


def test_a_repair_brings_the_version_that_was_there_unless_the_policy_asks_for_the_wanted_one() -> None:
    old = Version(name="old", template="projects/p/global/instanceTemplates/t9")
    versions = (WantedVersion(version=STABLE), WantedVersion(version=CANARY, size=1))
    group = replace(GROUP, versions=versions)
    outdated = _seen("a", "NONE", "TIMEOUT")
    outdated = replace(outdated, member=replace(outdated.member, version=old))
    canary = replace(outdated, member=replace(outdated.member, version=CANARY))

    def brought(group: Group, seen: Seen) -> Version:
        return decide(group, [seen], now=1000.0).actions[0].version

    assert brought(group, outdated) == old
    forced = replace(group, update_on_repair=True)
    assert brought(forced, outdated) == STABLE, "of which there are to be most"
    assert brought(forced, canary) == CANARY
    assert brought(replace(forced, versions=versions[1:]), outdated) == CANARY
