"""Per-instance configurations: kept with the group, told apart from what is applied, given back as Google lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.plans import per_instance
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import GROUP, PATH, add_instance, put, requests

if TYPE_CHECKING:
    from tests.localcloud.api.client import Api

STATE = {"metadata": {"shard": "7"}}
KEY = per_instance.key_of(GROUP, "web-aaaa")


def with_config(api: Api) -> None:
    build(api)
    add_instance(api)
    config = {"name": "web-aaaa", "preservedState": STATE}
    api.post(f"{PATH}/updatePerInstanceConfigs", {"perInstanceConfigs": [config]})


def applied(api: Api) -> None:
    """Say what the controllers say when an instance has its configuration."""
    put(api, KEY, {**(api.store.get(KEY) or {}), "status": per_instance.EFFECTIVE})


def test_a_configuration_is_kept_until_it_is_applied(api: Api) -> None:
    with_config(api)
    (found,) = api.post(f"{PATH}/listPerInstanceConfigs")["items"]
    assert (found["name"], found["preservedState"], found["status"]) == ("web-aaaa", STATE, "UNAPPLIED")
    stateful = api.get(PATH)["status"]["stateful"]
    assert stateful == {"hasStatefulConfig": True, "perInstanceConfigs": {"allEffective": False}}
    (member,) = api.post(f"{PATH}/listManagedInstances")["managedInstances"]
    assert "preservedStateFromConfig" not in member
    applied(api)
    (member,) = api.post(f"{PATH}/listManagedInstances")["managedInstances"]
    assert member["preservedStateFromConfig"] == STATE


def test_patching_merges_and_updating_replaces(api: Api) -> None:
    with_config(api)
    more = {"name": "web-aaaa", "preservedState": {"metadata": {"more": "1"}}}
    api.post(f"{PATH}/patchPerInstanceConfigs", {"perInstanceConfigs": [more]})
    (found,) = api.post(f"{PATH}/listPerInstanceConfigs")["items"]
    assert found["preservedState"] == {"metadata": {"shard": "7", "more": "1"}}
    stale = {**more, "fingerprint": "AAAAAAAAAAA="}
    assert api.refused("POST", f"{PATH}/updatePerInstanceConfigs", {"perInstanceConfigs": [stale]})[:2] == (
        412,
        "conditionNotMet",
    )
    current = {**more, "fingerprint": found["fingerprint"]}
    api.post(f"{PATH}/updatePerInstanceConfigs", {"perInstanceConfigs": [current]})
    (found,) = api.post(f"{PATH}/listPerInstanceConfigs")["items"]
    assert found["preservedState"] == {"metadata": {"more": "1"}}


def test_a_deleted_configuration_stays_until_its_deletion_is_applied(api: Api) -> None:
    with_config(api)
    applied(api)
    api.post(f"{PATH}/deletePerInstanceConfigs", {"names": ["web-aaaa"]})
    (found,) = api.post(f"{PATH}/listPerInstanceConfigs")["items"]
    assert found["status"] == "UNAPPLIED_DELETION"
    put(api, f"control/managed/{GROUP}/web-aaaa", None)  # the instance is gone: nothing is left to be undone
    api.post(f"{PATH}/deletePerInstanceConfigs", {"names": ["web-aaaa"]})
    assert api.post(f"{PATH}/listPerInstanceConfigs") == {}
    assert (
        "no per-instance configuration"
        in api.refused("POST", f"{PATH}/deletePerInstanceConfigs", {"names": ["web-aaaa"]})[2]
    )


def test_an_instance_is_made_with_its_configuration(api: Api) -> None:
    build(api)
    api.post(f"{PATH}/createInstances", {"instances": [{"name": "web-new", "preservedState": STATE}]})
    (request,) = requests(api)
    assert request["args"] == {"instances": ["web-new"]}
    kept = api.store.get(per_instance.key_of(GROUP, "web-new")) or {}
    assert (kept["preservedState"], kept["status"]) == (STATE, "UNAPPLIED")


def test_what_cannot_be_kept_is_refused(api: Api) -> None:
    build(api)
    add_instance(api)
    for name, state, message in (
        ("web-zzzz", STATE, "not a member"),
        ("web-aaaa", {"disks": {"data": {"source": "zones/europe-west1-b/disks/d"}}}, "was not found"),
        ("web-aaaa", {"disks": {"data": {"source": "zones/europe-west1-b/instances/d"}}}, "malformed"),
        (
            "web-aaaa",
            {"internalIPs": {"nic0": {"ipAddress": {"literal": "10.0.0"}}}},
            "Must be an IPv4 address",
        ),
        ("web-aaaa", {"externalIPs": {"nic0": {"autoDelete": "NEVER"}}}, "no external addresses"),
    ):
        body = {"perInstanceConfigs": [{"name": name, "preservedState": state}]}
        assert message in api.refused("POST", f"{PATH}/updatePerInstanceConfigs", body)[2]
    assert api.refused("POST", f"{PATH}/updatePerInstanceConfigs", {})[1] == "required"


def test_a_repeated_request_is_answered_once(api: Api) -> None:
    build(api)
    add_instance(api)
    query = "?requestId=6b4d9ba9-1d23-4f1c-9d51-5d5d0f3b7a01"
    body = {"instances": ["web-aaaa"]}
    first = api.post(f"{PATH}/recreateInstances{query}", body)
    again = api.post(f"{PATH}/recreateInstances{query}", body)
    assert first["name"] == again["name"]
    assert len(requests(api)) == 1
