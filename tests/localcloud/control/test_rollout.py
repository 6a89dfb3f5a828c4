"""What an update decides, where stories would take long to lead there."""

from __future__ import annotations

from dataclasses import replace

from localcloud.control.actions import Delete, Refresh
from localcloud.control.group import Group, WantedVersion
from localcloud.control.member import Member, Version
from localcloud.control.rollout import decide

ZONES = ("europe-west1-b", "europe-west1-c", "europe-west1-d")
STABLE = Version(name="stable", template="projects/p/global/instanceTemplates/t0")
CANARY = Version(name="canary", template="projects/p/global/instanceTemplates/t1")

GROUP = Group(
    key="compute/projects/p/regions/europe-west1/instanceGroupManagers/web",
    name="web",
    base_name="web",
    zones=ZONES,
    regional=True,
    size=2,
    versions=(WantedVersion(version=STABLE),),
    proactive=True,
    check="projects/p/global/healthChecks/heal",
)


def _member(name: str, zone: str, version: Version, action: str, status: str) -> Member:
    return Member(
        name=name,
        zone=zone,
        instance=f"compute/projects/p/zones/{zone}/instances/{name}",
        action=action,
        version=version,
        created_at=0.0,
        instance_status=status,
        running_at=1.0,
        health="HEALTHY",
        ever_healthy=action == "NONE",
        healthy_at=2.0,
    )


def test_one_too_many_of_a_version_is_removed_not_restarted_for_ever() -> None:
    group = replace(
        GROUP,
        versions=(WantedVersion(version=STABLE), WantedVersion(version=CANARY, size=1)),
        minimal_action="RESTART",
        surge=3,
        unavailable=0,
    )
    members = [
        _member("old", ZONES[1], STABLE, "RESTARTING", "PROVISIONING"),  # its zone is out
        _member("new", ZONES[2], CANARY, "NONE", "RUNNING"),
        _member("more", ZONES[0], CANARY, "RESTARTING", "STOPPING"),
    ]
    decided = decide(group, members, set(), now=1000.0, needs=lambda _old, _new: "REPLACE")
    assert [(type(action), action.name) for action in decided.actions if isinstance(action, Delete)] == [
        (Delete, "more")
    ]
    assert len(decided.actions) == 1


def test_an_instance_of_a_version_that_only_got_a_name_is_told_so_and_the_update_ends() -> None:
    group = replace(
        GROUP,
        size=1,
        minimal_action="NONE",
        most_disruptive="REFRESH",
        surge=0,
        unavailable=3,
    )
    nameless = _member("one", ZONES[0], replace(STABLE, name=""), "NONE", "RUNNING")
    decided = decide(group, [nameless], set(), now=1000.0, needs=lambda _old, _new: "NONE")
    assert decided.actions == (Refresh(name="one", version=STABLE),)
    named = replace(nameless, version=STABLE)
    after = decide(group, [named], set(), now=1000.0, needs=lambda _old, _new: "NONE")
    assert (after.actions, after.pending, after.reached) == ((), False, True)


def test_with_two_versions_a_new_configuration_comes_to_everyone_who_has_the_old_one_goes() -> None:
    group = replace(
        GROUP,
        versions=(WantedVersion(version=STABLE), WantedVersion(version=CANARY, size=2)),
        surge=2,
        unavailable=0,
        config="new",
    )
    old = [replace(_member(name, ZONES[0], CANARY, "NONE", "RUNNING"), config="old") for name in ("a", "b")]
    made = [
        replace(_member(name, ZONES[0], CANARY, "CREATING", "PROVISIONING"), config="new")
        for name in ("c", "d")
    ]
    meanwhile = decide(group, [*old, *made], set(), now=1000.0, needs=lambda _old, _new: "REPLACE")
    assert (meanwhile.actions, meanwhile.pending) == ((), True)
    ready = [replace(each, action="NONE", instance_status="RUNNING", ever_healthy=True) for each in made]
    then = decide(group, [*old, *ready], set(), now=1000.0, needs=lambda _old, _new: "REPLACE")
    assert {(type(action), action.name) for action in then.actions if isinstance(action, Delete)} == {
        (Delete, "a"),
        (Delete, "b"),
    }
    assert len(then.actions) == 2
