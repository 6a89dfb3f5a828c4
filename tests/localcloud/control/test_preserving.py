"""What is kept for an instance: when it goes, and what it takes to give it something else."""

from __future__ import annotations

import pytest

from localcloud.control.group import Group
from localcloud.control.links import url
from localcloud.control.member import Member, Version
from localcloud.control.preserving import give_up, needed
from localcloud.store import Store

ZONE = "europe-west1-b"
DISK = f"projects/p/zones/{ZONE}/disks/data"
GROUP = Group(
    key="projects/p/regions/europe-west1/instanceGroupManagers/web",
    name="web",
    base_name="web",
    zones=(ZONE,),
    regional=True,
    size=1,
    versions=(),
)


def keeping(rule: str, origin: str = "policy") -> Member:
    disk = {"source": url(DISK), "mode": "READ_WRITE", "autoDelete": rule, "from": origin}
    return Member(
        name="web-1",
        zone=ZONE,
        instance=f"compute/projects/p/zones/{ZONE}/instances/web-1",
        action="DELETING",
        version=Version(name="", template="t"),
        created_at=0.0,
        preserved={"disks": {"data": disk}},
    )


@pytest.mark.parametrize(
    ("rule", "users", "stays"),
    [
        ("NEVER", [], True),
        ("ON_PERMANENT_INSTANCE_DELETION", [], False),
        ("ON_PERMANENT_INSTANCE_DELETION", ["another"], True),
    ],
)
def test_a_disk_that_goes_with_its_instance_stays_if_another_has_it(
    *, rule: str, users: list[str], stays: bool
) -> None:
    store = Store()
    with store.transaction() as change:
        change.put("compute/" + DISK, {"name": "data", "users": users})
    with store.transaction() as change:
        give_up(store, change, keeping(rule))
    assert (store.get("compute/" + DISK) is not None) == stays


@pytest.mark.parametrize(("origin", "takes"), [("policy", "NONE"), ("config", "RESTART")])
def test_a_disk_that_an_instance_was_given_and_is_to_have_no_more_takes_a_restart(
    origin: str, takes: str
) -> None:
    assert needed(GROUP, keeping("NEVER", origin)) == takes
