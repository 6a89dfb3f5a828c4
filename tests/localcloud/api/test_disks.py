"""Disks as clients see them: the controllers make them; those that nobody has can be deleted, and given to instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.plans import per_instance
from tests.localcloud.api.client import BASE, PROJECT, REGION
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_coverage import told
from tests.localcloud.api.test_groups import GROUP, INSTANCE, PATH, add_instance, put

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue
    from tests.localcloud.api.client import Api

ZONE = f"projects/{PROJECT}/zones/{REGION}-b"
DISKS = f"/compute/v1/{ZONE}/disks"
USER = f"{BASE}/zones/{REGION}-b/instances/web-aaaa"


def with_disk(api: Api, *, name: str = "data", users: tuple[str, ...] = ()) -> str:
    """Keep a disk as the controllers do; returns its link."""
    link = f"https://www.googleapis.com/compute/v1/{ZONE}/disks/{name}"
    document = {
        "kind": "compute#disk", "id": "77", "name": name, "sizeGb": "10", "status": "READY", "zone": f"{BASE}/zones/{REGION}-b",
        "creationTimestamp": "2027-01-15T08:00:00.000+00:00", "selfLink": link, "labelFingerprint": "42WmSpB8rSM=",
    }  # fmt: skip
    put(api, f"compute/{ZONE}/disks/{name}", {**document, **({"users": list(users)} if users else {})})
    return link


def test_a_disk_is_read_listed_and_deleted(api: Api) -> None:
    build(api)
    link = with_disk(api)
    assert api.get(f"{DISKS}/data")["selfLink"] == link
    assert [disk["name"] for disk in api.get(DISKS)["items"]] == ["data"]
    found = api.get(f"/compute/v1/projects/{PROJECT}/aggregated/disks")["items"]
    assert [disk["name"] for disk in found[f"zones/{REGION}-b"]["disks"]] == ["data"]
    asked = {"permissions": ["compute.disks.delete", "compute.disks.use"]}
    assert api.post(f"{DISKS}/data/testIamPermissions", asked) == asked
    api.call("DELETE", f"{DISKS}/data")
    assert api.refused("GET", f"{DISKS}/data")[0] == 404
    assert api.store.get(f"compute/{ZONE}/disks/data") is None


def test_a_disk_that_an_instance_has_is_not_deleted(api: Api) -> None:
    build(api)
    with_disk(api, users=(USER,))
    code, reason, message = api.refused("DELETE", f"{DISKS}/data")
    assert (code, reason) == (400, "resourceInUseByAnotherResource")
    assert "instances/web-aaaa" in message


def test_disks_and_addresses_are_configured_for_one_instance(api: Api) -> None:
    build(api)
    add_instance(api)
    link = with_disk(api)
    state = {
        "disks": {"archive": {"source": f"zones/{REGION}-b/disks/data"}},
        "internalIPs": {
            "nic0": {"autoDelete": "ON_PERMANENT_INSTANCE_DELETION", "ipAddress": {"literal": "10.0.0.9"}}
        },
    }
    body = {"perInstanceConfigs": [{"name": "web-aaaa", "preservedState": state}]}
    api.post(f"{PATH}/updatePerInstanceConfigs", body)
    kept = api.store.get(per_instance.key_of(GROUP, "web-aaaa")) or {}
    archive = {"source": link, "mode": "READ_WRITE", "autoDelete": "NEVER"}
    assert kept["preservedState"] == {**state, "disks": {"archive": archive}}


def test_a_disk_is_made_by_hand_and_grows(api: Api) -> None:
    api.post(DISKS, {"name": "mine", "type": f"zones/{REGION}-b/diskTypes/pd-ssd", "labels": {"a": "b"}})
    made = api.get(f"{DISKS}/mine")
    assert (made["status"], made["sizeGb"], made["type"].rpartition("/")[2]) == ("READY", "500", "pd-ssd")
    api.post(f"{DISKS}?sourceImage=projects/debian-cloud/global/images/family/debian-12", {"name": "boot"})
    assert api.get(f"{DISKS}/boot")["sizeGb"] == "10"
    assert api.refused("POST", f"{DISKS}/mine/resize", {"sizeGb": "499"})[:2] == (400, "invalid")
    assert api.refused("POST", f"{DISKS}/mine/resize", {})[1] == "required"
    api.post(f"{DISKS}/mine/resize", {"sizeGb": "501"})
    changed = {"labels": {"c": "d"}, "labelFingerprint": made["labelFingerprint"]}
    api.post(f"{DISKS}/mine/setLabels", changed)
    made = api.get(f"{DISKS}/mine")
    assert (made["sizeGb"], made["labels"]) == ("501", {"c": "d"})
    assert told(api) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sourceSnapshot", "global/snapshots/s", "no snapshots"),
        ("replicaZones", [f"zones/{REGION}-b"], "one zone each"),
        ("type", f"zones/{REGION}-b/diskTypes/floppy", "must be one of pd-standard"),
        ("sizeGb", "65537", "between 1 GB and 65536 GB"),
    ],
)
def test_a_disk_that_there_cannot_be_is_refused(api: Api, field: str, value: JsonValue, words: str) -> None:
    code, reason, message = api.refused("POST", DISKS, {"name": "d", field: value})
    assert (code, reason) == (400, "invalid")
    assert words in message


def stopped_with_boot_disk(api: Api) -> str:
    """Have a stopped instance with its boot disk; returns its path."""
    build(api)
    add_instance(api)
    boot = with_disk(api, name="web-aaaa", users=(USER,))
    entry = {
        "deviceName": "persistent-disk-0",
        "boot": True,
        "autoDelete": True,
        "source": boot,
        "index": 0,
        "type": "PERSISTENT",
    }
    instance = {**(api.store.get(INSTANCE) or {}), "status": "TERMINATED", "disks": [entry]}
    put(api, INSTANCE, instance)
    return f"/compute/v1/{ZONE}/instances/web-aaaa"


def test_a_disk_is_attached_and_detached(api: Api) -> None:
    path = stopped_with_boot_disk(api)
    link = with_disk(api)
    api.post(f"{path}/attachDisk", {"source": f"zones/{REGION}-b/disks/data", "diskSizeGb": "20"})
    entry = api.get(path)["disks"][1]
    wanted = {
        "source": link,
        "deviceName": "persistent-disk-1",
        "mode": "READ_WRITE",
        "boot": False,
        "index": 1,
    }
    assert {name: entry[name] for name in wanted} == wanted
    assert api.get(f"{DISKS}/data")["users"] == [USER]
    assert told(api) == [(f"{ZONE}/instances/web-aaaa", "diskSizeGb")]
    assert api.refused("POST", f"{path}/attachDisk", {"source": link})[1] == "resourceInUseByAnotherResource"
    api.post(f"{path}/setDiskAutoDelete?deviceName=persistent-disk-1&autoDelete=true", {})
    assert api.get(path)["disks"][1]["autoDelete"] is True
    api.post(f"{path}/detachDisk?deviceName=persistent-disk-1", {})
    assert [each["deviceName"] for each in api.get(path)["disks"]] == ["persistent-disk-0"]
    assert "users" not in api.get(f"{DISKS}/data")


def test_what_cannot_be_attached_or_detached_is_refused(api: Api) -> None:
    path = stopped_with_boot_disk(api)
    link = with_disk(api)
    for body, words in (
        ({"source": link, "boot": True}, "keep their boot disks"),
        ({"initializeParams": {"diskName": "new"}}, "disks.insert"),
        ({"source": link, "deviceName": "persistent-disk-0"}, "already"),
        ({"source": "zones/europe-west1-c/disks/none"}, "was not found"),
        ({}, "Required field 'resource.source'"),
    ):
        assert words in api.refused("POST", f"{path}/attachDisk", body)[2]
    other = api.store.get(f"compute/{ZONE}/disks/data") or {}
    put(api, f"compute/{ZONE}/disks/data", {**other, "zone": f"{BASE}/zones/{REGION}-c"})
    assert "must be in the instance's zone" in api.refused("POST", f"{path}/attachDisk", {"source": link})[2]
    assert "boot disks" in api.refused("POST", f"{path}/detachDisk?deviceName=persistent-disk-0", {})[2]
    assert "No attached disk" in api.refused("POST", f"{path}/detachDisk?deviceName=none", {})[2]
    put(api, INSTANCE, {**(api.store.get(INSTANCE) or {}), "status": "RUNNING"})
    assert "stop it first" in api.refused("POST", f"{path}/attachDisk", {"source": link})[2]
