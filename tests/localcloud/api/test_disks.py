"""Disks as clients see them: the controllers make them; those that nobody has can be deleted, and given to instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.plans import per_instance
from tests.localcloud.api.client import PROJECT, REGION
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import BASE, GROUP, PATH, add_instance, put

if TYPE_CHECKING:
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
