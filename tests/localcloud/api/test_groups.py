"""Managed groups, autoscalers, instances and backend health: what the API writes for the controllers, and reads of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import BASE, PROJECT, REGION, Api, global_path, region_path
from tests.localcloud.api.resources import build

if TYPE_CHECKING:
    from localcloud.store import Document


GROUP = f"projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web"
ZONE = f"projects/{PROJECT}/zones/{REGION}-b"
INSTANCE = f"compute/{ZONE}/instances/web-aaaa"
PATH = region_path("instanceGroupManagers/web")


def put(api: Api, key: str, document: Document | None) -> None:
    """Write as a controller would."""
    with api.store.transaction() as tx:
        if document is None:
            tx.delete(key)
        else:
            tx.put(key, document)


def add_instance(api: Api, **changes: object) -> None:
    """Make one member of the group, as its controller's records say it."""
    instance = {
        "kind": "compute#instance",
        "id": "4001",
        "name": "web-aaaa",
        "zone": f"{BASE}/zones/{REGION}-b",
        "status": "RUNNING",
        "selfLink": f"https://www.googleapis.com/compute/v1/{ZONE}/instances/web-aaaa",
        "metadata": {"kind": "compute#metadata", "fingerprint": "AAAAAAAAAAA="},
        "networkInterfaces": [
            {"name": "nic0", "networkIP": "10.128.0.2", "network": f"{BASE}/global/networks/net"}
        ],
        "creationTimestamp": "2027-01-15T08:00:00.000+00:00",
    }
    put(api, INSTANCE, instance)
    record = {
        "name": "web-aaaa",
        "zone": f"{REGION}-b",
        "instance": INSTANCE,
        "currentAction": "VERIFYING",
        "targetStatus": "RUNNING",
        "instanceStatus": "RUNNING",
        "version": {"name": "", "instanceTemplate": f"projects/{PROJECT}/global/instanceTemplates/tpl"},
        "health": "HEALTHY",
        "createdAt": api.clock.now(),
        "lastAttempt": {},
    }
    put(api, f"control/managed/{GROUP}/web-aaaa", {**record, **changes})


def requests(api: Api) -> list[Document]:
    return [document for _, document in api.store.scan("control/requests/")]


def test_deleting_a_group_lasts_until_the_controllers_have_removed_it(api: Api) -> None:
    build(api)
    api.call("DELETE", region_path("forwardingRules/web"))
    api.call("DELETE", region_path("backendServices/web"))
    operation = api.call("DELETE", PATH)
    assert (operation["status"], operation["progress"]) == ("RUNNING", 0)
    path = region_path(f"operations/{operation['name']}")
    assert api.store.get(f"control/deleting/{GROUP}") == {"requestedAt": api.clock.now()}
    assert api.refused("DELETE", PATH)[1] == "resourceNotReady"
    put(api, f"control/deleting/{GROUP}", None)
    assert api.get(path)["status"] == "RUNNING"
    api.reopen()  # what it waits for is not forgotten
    put(api, f"compute/{GROUP}", None)
    assert api.get(path)["status"] == "DONE"
    assert api.get(PATH, status=404)["error"]["errors"][0]["reason"] == "notFound"


def test_limits_and_shares_in_percent_are_told_in_instances(api: Api) -> None:
    build(api)
    limits = {"maxSurge": {"fixed": None, "percent": 25}, "maxUnavailable": {"fixed": None, "percent": 24}}
    tpl = {"instanceTemplate": "global/instanceTemplates/tpl"}
    versions = [tpl, {**tpl, "name": "canary", "targetSize": {"percent": 11}}]
    api.call("PATCH", PATH, {"targetSize": 10, "updatePolicy": limits, "versions": versions})
    found = api.get(PATH)
    update = found["updatePolicy"]
    assert [update[name]["calculated"] for name in limits] == [3, 2]
    assert found["versions"][1]["targetSize"] == {"percent": 11, "calculated": 2}
    api.post(f"{PATH}/resize?size=4")  # what is a percentage already goes on being one
    found = api.get(PATH)
    assert [found["updatePolicy"][name]["calculated"] for name in limits] == [1, 1]
    assert found["versions"][1]["targetSize"] == {"percent": 11, "calculated": 1}


def test_managed_instances_are_listed_with_what_is_done_to_them(api: Api) -> None:
    build(api)
    assert api.post(f"{PATH}/listManagedInstances") == {}
    api.call("PATCH", PATH, {"autoHealingPolicies": [{"healthCheck": "global/healthChecks/heal"}]})
    add_instance(api)
    (entry,) = api.post(f"{PATH}/listManagedInstances")["managedInstances"]
    assert entry == {
        "instance": f"{BASE}/zones/{REGION}-b/instances/web-aaaa",
        "name": "web-aaaa",
        "id": "4001",
        "instanceStatus": "RUNNING",
        "currentAction": "VERIFYING",
        "targetStatus": "RUNNING",
        "version": {"instanceTemplate": f"{BASE}/global/instanceTemplates/tpl"},
        "instanceHealth": [
            {"healthCheck": f"{BASE}/global/healthChecks/heal", "detailedHealthState": "HEALTHY"}
        ],
    }
    put(api, INSTANCE, None)
    (entry,) = api.post(f"{PATH}/listManagedInstances")["managedInstances"]
    assert "id" not in entry
    assert "instanceStatus" not in entry


@pytest.mark.parametrize(
    "verb", ["recreateInstances", "deleteInstances", "abandonInstances", "applyUpdatesToInstances"]
)
def test_verbs_on_members_are_handed_to_the_controllers(api: Api, verb: str) -> None:
    build(api)
    add_instance(api)
    operation = api.post(f"{PATH}/{verb}", {"instances": [f"zones/{REGION}-b/instances/web-aaaa"]})
    assert operation["status"] == "DONE"
    (request,) = requests(api)
    assert (request["verb"], request["target"], request["args"]["instances"]) == (verb, GROUP, ["web-aaaa"])
    assert "not a member" in api.refused("POST", f"{PATH}/{verb}", {"instances": ["web-zzzz"]})[2]


def test_an_update_that_takes_more_than_is_allowed_is_refused(api: Api) -> None:
    build(api)
    add_instance(api)
    larger = resources.template("larger", machineType="e2-medium")
    api.post(global_path("instanceTemplates"), larger)
    api.call("PATCH", PATH, {"versions": [{"instanceTemplate": "global/instanceTemplates/larger"}]})
    body = {"instances": [INSTANCE.removeprefix("compute/")], "mostDisruptiveAllowedAction": "REFRESH"}
    status, _, message = api.refused("POST", f"{PATH}/applyUpdatesToInstances", body)
    assert status == 400
    assert "'REFRESH'. Updating instance web-aaaa takes RESTART: allow that, or leave" in message
    assert not requests(api)
    api.post(f"{PATH}/applyUpdatesToInstances", {**body, "mostDisruptiveAllowedAction": "RESTART"})
    assert len(requests(api)) == 1


def test_a_group_on_its_way_out_is_left_alone(api: Api) -> None:
    build(api)
    put(api, f"control/deleting/{GROUP}", {"requestedAt": 0.0})
    for method, path, body in (
        ("PATCH", PATH, {"targetSize": 1}),
        ("POST", f"{PATH}/resize?size=1", {}),
        ("POST", f"{PATH}/createInstances", {"instances": [{"name": "web-new"}]}),
    ):
        assert api.refused(method, path, body)[1] == "resourceNotReady"


def test_instances_are_made_by_name(api: Api) -> None:
    build(api)
    add_instance(api)
    api.post(f"{PATH}/createInstances", {"instances": [{"name": "web-new"}]})
    (request,) = requests(api)
    assert (request["verb"], request["args"]) == ("createInstances", {"instances": ["web-new"]})
    assert (
        "already" in api.refused("POST", f"{PATH}/createInstances", {"instances": [{"name": "web-aaaa"}]})[2]
    )


def test_an_instance_is_read_and_acted_upon(api: Api) -> None:
    build(api)
    add_instance(api)
    path = f"/compute/v1/{ZONE}/instances/web-aaaa"
    assert api.get(path)["networkInterfaces"][0]["networkIP"] == "10.128.0.2"
    operation = api.post(f"{path}/stop")
    poll = f"/compute/v1/{ZONE}/operations/{operation['name']}"
    assert (operation["status"], operation["zone"]) == (
        "RUNNING",
        f"https://www.googleapis.com/compute/v1/{ZONE}",
    )
    (request,) = requests(api)
    assert (request["verb"], request["target"]) == ("stop", f"{ZONE}/instances/web-aaaa")
    for key, _ in api.store.scan("control/requests/"):
        put(api, key, None)
    assert api.get(poll)["status"] == "RUNNING"  # taken up is not done
    put(api, INSTANCE, {**(api.store.get(INSTANCE) or {}), "status": "TERMINATED"})
    assert api.get(poll)["status"] == "DONE"


def test_waiting_for_an_operation_ends_when_it_is_done(api: Api) -> None:
    build(api)
    add_instance(api)
    operation = api.call("DELETE", f"/compute/v1/{ZONE}/instances/web-aaaa")

    def controllers() -> None:
        for key, _ in api.store.scan("control/requests/"):
            put(api, key, None)

    path = f"/compute/v1/{ZONE}/operations/{operation['name']}/wait"
    assert api.while_waiting(path, controllers)["status"] == "DONE"


def test_serial_output_is_read_on_from_where_it_was_left(api: Api) -> None:
    build(api)
    add_instance(api)
    path = f"/compute/v1/{ZONE}/instances/web-aaaa/serialPort"
    api.serial["4001"] = b"booting\n"
    first = api.get(path)
    assert (first["contents"], first["start"], first["next"]) == ("booting\n", "0", "8")
    api.serial["4001"] += b"ready\n"
    assert api.get(f"{path}?start=8")["contents"] == "ready\n"
    api.serial["4001"] += b"x" * 2**20
    jumped = api.get(f"{path}?start=8")
    assert (int(jumped["start"]), len(jumped["contents"])) == (14, 2**20)


def test_metadata_is_set_with_its_fingerprint_only(api: Api) -> None:
    build(api)
    add_instance(api)
    path = f"/compute/v1/{ZONE}/instances/web-aaaa"
    items = [{"key": "a", "value": "1"}]
    _, reason, message = api.refused(
        "POST", f"{path}/setMetadata", {"fingerprint": "BBBBBBBBBBA=", "items": items}
    )
    assert (reason, message) == (
        "conditionNotMet",
        "Supplied fingerprint does not match current metadata fingerprint.",
    )
    api.post(f"{path}/setMetadata", {"fingerprint": "AAAAAAAAAAA=", "items": items})
    assert api.get(path)["metadata"]["items"] == items


def test_health_is_what_the_balancers_checks_found(api: Api) -> None:
    build(api)
    path, body = (
        region_path("backendServices/web/getHealth"),
        {"group": f"{BASE}/regions/{REGION}/instanceGroups/web"},
    )
    assert api.post(path, body) == {"kind": "compute#backendServiceGroupHealth"}
    add_instance(api)
    service = f"projects/{PROJECT}/regions/{REGION}/backendServices/web"
    verdict = {"healthState": "UNHEALTHY", "ipAddress": "10.128.0.2", "port": 8080, "instance": INSTANCE,
               "forwardingRule": f"projects/{PROJECT}/regions/{REGION}/forwardingRules/web", "forwardingRuleIp": "127.101.7.2"}  # fmt: skip
    put(api, f"control/backends/{service}/web-aaaa/web", verdict)
    (entry,) = api.post(path, body)["healthStatus"]
    assert (entry["healthState"], entry["ipAddress"], entry["port"]) == ("UNHEALTHY", "10.128.0.2", 8080)
    assert entry["instance"] == f"{BASE}/zones/{REGION}-b/instances/web-aaaa"
    assert entry["forwardingRule"] == f"{BASE}/regions/{REGION}/forwardingRules/web"
    assert "weight" not in entry
    put(api, f"control/backends/{service}/web-aaaa/web", {**verdict, "weight": 7})
    heal = region_path("healthChecks")
    http = resources.http_check(name="weights", timeoutSec=5)
    api.post(heal, http)
    weighted = {
        "localityLbPolicy": "WEIGHTED_MAGLEV",
        "healthChecks": [f"{heal}/weights".partition("/v1/")[2]],
    }
    api.call("PATCH", region_path("backendServices/web"), weighted)
    assert api.post(path, body)["healthStatus"][0]["weight"] == "7"
    for weight, state, error in (
        (-1, "UNHEALTHY", "UNAVAILABLE_WEIGHT"),
        (-1, "HEALTHY", "MISSING_WEIGHT"),
        (-2, "HEALTHY", "INVALID_WEIGHT"),
    ):
        asked = {**verdict, "weight": weight, "healthState": state}
        put(api, f"control/backends/{service}/web-aaaa/web", asked)
        (entry,) = api.post(path, body)["healthStatus"]
        assert (entry.get("weight"), entry["weightError"]) == (None, error)


def test_the_instance_group_is_its_managers(api: Api) -> None:
    build(api)
    add_instance(api)
    path = region_path("instanceGroups/web")
    group = api.get(path)
    assert (group["size"], group["network"]) == (1, f"{BASE}/global/networks/net")
    ports = [{"name": "http", "port": 8080}]
    api.post(f"{path}/setNamedPorts", {"namedPorts": ports, "fingerprint": group["fingerprint"]})
    assert api.get(PATH)["namedPorts"] == ports
    (entry,) = api.post(f"{path}/listInstances", {"instanceState": "RUNNING"})["items"]
    assert entry == {
        "instance": f"{BASE}/zones/{REGION}-b/instances/web-aaaa",
        "status": "RUNNING",
        "namedPorts": ports,
    }
