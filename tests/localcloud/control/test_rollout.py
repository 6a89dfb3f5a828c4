"""What an update decides, where stories would take long to lead there."""

from __future__ import annotations

from dataclasses import replace

from localcloud.control.actions import Action, Create, Delete, Refresh, Restart
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


OLD = Version(name="old", template="projects/p/global/instanceTemplates/t9")


def _running(names: str, version: Version = OLD, zones: str = "bcd") -> list[Member]:
    """Return available instances, called a letter each, the first the oldest, in these zones by turns."""
    return [
        replace(
            _member(name, f"europe-west1-{zones[number % len(zones)]}", version, "NONE", "RUNNING"),
            created_at=float(number),
        )
        for number, name in enumerate(names)
    ]


def _decided(group: Group, members: list[Member]) -> tuple[Action, ...]:
    return decide(group, members, set(), now=1000.0, needs=lambda _old, _new: "REPLACE").actions


def _removed(actions: tuple[Action, ...]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Delete)]


def _zones_of_new(actions: tuple[Action, ...]) -> list[str]:
    return [action.zone for action in actions if isinstance(action, Create)]


def test_those_that_are_on_their_way_out_count_against_the_surge() -> None:
    leaving = replace(_running("x")[0], action="DELETING", replaced=True)
    group = replace(GROUP, size=3, surge=1, unavailable=0)
    assert len(_zones_of_new(_decided(group, _running("abc")))) == 1
    assert _decided(group, [*_running("abc"), leaving]) == ()
    short = replace(group, surge=0)
    assert len(_zones_of_new(_decided(short, _running("ab", STABLE)))) == 1
    assert _decided(short, [*_running("ab", STABLE), leaving]) == ()


def test_what_is_missing_and_what_an_update_adds_are_within_the_surge_together() -> None:
    actions = _decided(replace(GROUP, size=3, surge=1, unavailable=0), _running("ab"))
    assert len(_zones_of_new(actions)) == 2
    assert len(actions) == 2


def test_no_more_are_replaced_than_may_be_unavailable_the_oldest_first() -> None:
    group = replace(GROUP, size=4, surge=0, unavailable=2)
    assert _removed(_decided(group, _running("abcd"))) == ["a", "b"]
    one_down = [*_running("abc"), replace(_running("abcd")[3], action="VERIFYING", ever_healthy=False)]
    assert _removed(_decided(group, one_down)) == ["d", "a"], "who serves nobody is replaced before others"
    restarted = replace(group, minimal_action="RESTART")
    restarts = decide(
        restarted, _running("abcd"), set(), now=1000.0, needs=lambda _old, _new: "RESTART"
    ).actions
    assert [(type(each), each.name) for each in restarts if isinstance(each, Restart)] == [
        (Restart, "a"),
        (Restart, "b"),
    ]


def test_an_instance_whose_update_failed_is_left_alone_until_it_is_tried_again() -> None:
    group = replace(GROUP, size=3, surge=0, unavailable=3)
    failed = [replace(each, retry_at=1001.0) for each in _running("abc")]
    assert _removed(_decided(group, [*failed[:1], *_running("abc")[1:]])) == ["b", "c"]


def test_an_instance_moves_where_its_zone_has_two_more_than_another() -> None:
    group = replace(GROUP, size=3, surge=1, unavailable=0, redistribute=True)
    assert _decided(group, _running("abc", STABLE, "bbc"))
    assert _zones_of_new(_decided(group, _running("abc", STABLE, "bbc"))) == ["europe-west1-d"]
    assert _decided(replace(group, size=2), _running("ab", STABLE, "bc")) == ()
    assert _decided(replace(group, redistribute=False), _running("abc", STABLE, "bbc")) == ()
    with_room = [*_running("abc", STABLE, "bbc"), replace(_running("d", STABLE, "d")[0], created_at=9.0)]
    assert _removed(_decided(group, with_room)) == ["b"], "the younger of the fullest zone"


def test_a_group_that_is_not_updated_shrinks_to_its_size_and_one_that_is_may_have_its_surge() -> None:
    group = replace(GROUP, size=2, surge=1, unavailable=0)
    assert len(_removed(_decided(group, _running("abc", STABLE)))) == 1
    updating = [*_running("ab"), *_running("c", STABLE)]
    assert _removed(_decided(group, updating)) == ["a"], "replaced, not one too many"
