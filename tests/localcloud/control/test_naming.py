"""What new instances are called: nobody is called as another is, or is about to be."""

from __future__ import annotations

import random

import pytest

from localcloud.control.group import Group
from localcloud.control.look import Look
from localcloud.control.member import Member, Version
from localcloud.control.naming import new_name
from localcloud.control.roster import Roster
from localcloud.store import Store, Transaction

ZONES = ("europe-west1-b", "europe-west1-c")
KEY = "projects/p/regions/europe-west1/instanceGroupManagers/web"


def key(name: str, zone: str = ZONES[0]) -> str:
    return f"compute/projects/p/zones/{zone}/instances/{name}"


def look(base_name: str, store: Store) -> Look:
    group = Group(key=KEY, name="web", base_name=base_name, zones=ZONES, regional=True, size=9, versions=())
    return Look(group=group, roster=Roster(store, KEY), change=Transaction(), now=0.0)


def member(name: str) -> Member:
    return Member(
        name=name,
        zone=ZONES[0],
        instance=key(name),
        action="NONE",
        version=Version(name="", template="t"),
        created_at=0.0,
    )


def begun(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable, not secret


@pytest.mark.parametrize(
    ("base_name", "first"),
    [("web-#", "web-1"), ("web-###", "web-001"), ("web-##[7]", "web-07"), ("web-#[0]", "web-0"), ("web-#[98]", "web-98")],
)  # fmt: skip
def test_numbers_begin_with_one_or_as_asked_for(base_name: str, first: str) -> None:
    store = Store()
    assert new_name(store, begun(), look(base_name, store)) == first


def test_a_number_that_any_instance_has_or_is_about_to_have_is_passed_over() -> None:
    store = Store()
    with store.transaction() as change:
        change.put(key("web-1"), {})  # abandoned, say
        change.put(key("web-2", ZONES[1]), {})
        change.put(key("web-6", "europe-west1-d"), {})  # the group is not there
    looked = look("web-#", store)
    looked.change.put(key("web-3"), {})
    looked.members["web-4"] = member("web-4")
    assert new_name(store, begun(), looked) == "web-5"
    looked.members["web-5"] = member("web-5")
    assert new_name(store, begun(), looked) == "web-6"


def test_a_random_name_that_is_taken_is_drawn_again() -> None:
    store = Store()
    first = new_name(store, begun(), look("web", store))
    assert new_name(store, begun(), look("web", store)) == first
    with store.transaction() as change:
        change.put(key(first, ZONES[1]), {})
    second = new_name(store, begun(), look("web", store))
    assert second != first
    looked = look("web", store)
    looked.change.put(key(second), {})
    assert new_name(store, begun(), looked) not in {first, second}
