"""Members keep disks and addresses when they are made anew: those that a group's policy names, and those that are given to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.clients import keeping
from tests.localcloud.clients.client import GROUP, Operator, RefusedError
from tests.localcloud.clients.conftest import EVERYONE
from tests.localcloud.clients.keeping import held, instances
from tests.localcloud.clients.resting import put_to
from tests.localcloud.clients.test_life import build_group

if TYPE_CHECKING:
    from tests.localcloud.clients.client import Client, Json


@pytest.mark.parametrize("client", EVERYONE, indirect=True)
def test_members_keep_what_their_group_and_their_own_configurations_say(client: Client) -> None:
    build_group(client)
    if isinstance(client, Operator):
        a_disk_made_by_hand_is_given_to_a_member(client)
        a_disk_is_attached_by_hand(client)
    keeping.keep_for_all(client, "persistent-disk-0")
    group = client.cloud.store.get(f"compute/{GROUP}") or {}
    assert set(group["statefulPolicy"]["preservedState"]["disks"]) == {"persistent-disk-0"}
    assert group["status"]["stateful"]["hasStatefulConfig"]
    if isinstance(client, Operator):
        a_member_keeps_what_the_policy_says(client)


def a_member_keeps_what_the_policy_says(client: Operator) -> None:
    member, _, first = chosen(client)
    client.recreate("web", [member])  # which applies the policy to it
    kept = instances(client)[member]
    assert kept["id"] != first["id"]
    (listed,) = [each for each in client.members("web") if each["name"] == member]
    assert {kind: set(of) for kind, of in listed["preservedStateFromPolicy"].items()} == {
        "disks": {"persistent-disk-0"},
        "internalIPs": {"nic0"},
    }
    client.recreate("web", [member])
    again = instances(client)[member]
    assert again["id"] != kept["id"]
    assert held(again) == held(kept)


def a_disk_made_by_hand_is_given_to_a_member(client: Operator) -> None:
    member, zone, first = chosen(client)
    keeping.make_disk(client, zone, "archive", 20)
    address, disks = held(first)
    keeping.keep_for(client, zone, member, "archive", address)
    given = instances(client)[member]
    assert held(given) == (address, {**disks, "archive": "archive"})
    assert keeping.disks(client, zone)["archive"]["users"] == [given["selfLink"]]
    (config,) = client.kept("web")
    assert set(config["preservedState"]["disks"]) == {"archive"}
    with pytest.raises(RefusedError, match=r"disk resource .* is already being used by"):
        keeping.delete_disk(client, zone, "archive")
    keeping.keep_also(client, member, "shard", "7")
    client.recreate("web", [member])
    anew = instances(client)[member]
    assert anew["id"] != given["id"]
    assert held(anew)[0] == address
    assert held(anew)[1]["archive"] == "archive"
    assert {"key": "shard", "value": "7"} in anew["metadata"]["items"]
    keeping.keep_no_more(client, member)
    assert "archive" not in held(instances(client)[member])[1]
    assert keeping.disks(client, zone)["archive"]["sizeGb"] == "21"


def a_disk_is_attached_by_hand(client: Operator) -> None:
    member, zone, _ = chosen(client)
    with pytest.raises(RefusedError, match="stop it first"):
        keeping.attach(client, zone, member, "archive")
    put_to(client, "stop", "web", [member])
    instances(client)
    keeping.attach(client, zone, member, "archive")
    assert held(instances(client)[member])[1]["archive"] == "archive"
    keeping.detach(client, zone, member, "archive")
    keeping.delete_disk(client, zone, "archive")
    put_to(client, "start", "web", [member])
    assert "archive" not in held(instances(client)[member])[1]


def chosen(client: Client) -> tuple[str, str, Json]:
    """Return the name of one member, always the same, its zone and its instance."""
    found = instances(client)
    name = min(found)
    return name, found[name]["zone"].rpartition("/")[2], found[name]
