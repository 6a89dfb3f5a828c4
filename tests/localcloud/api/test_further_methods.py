"""Methods beside the collections' own: lists of everything, routers' status, guest attributes, permissions asked for, services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localcloud.api import resources
from tests.localcloud.api.client import PROJECT, REGION, global_path, region_path
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_coverage import told
from tests.localcloud.api.test_every_method import build_all
from tests.localcloud.api.test_groups import ZONE, add_instance, put, requests

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue
    from tests.localcloud.api.client import Api

BASE = f"/compute/v1/projects/{PROJECT}"


def test_backend_services_and_groups_of_all_places_are_in_one_list(api: Api) -> None:
    build(api)
    for segment in ("backendServices", "instanceGroups"):
        items = api.get(f"{BASE}/aggregated/{segment}")["items"]
        assert [entry["name"] for entry in items[f"regions/{REGION}"][segment]] == ["web"]
        assert items["global"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
        filtered = api.get(f"{BASE}/aggregated/{segment}?filter=name+eq+none&returnPartialSuccess=true")
        assert filtered["items"] == {}
        assert api.refused("GET", f"{BASE}/aggregated/{segment}?maxResults=501")[1] == "invalid"


def test_a_routers_gateways_say_that_nothing_passes_through_them(api: Api) -> None:
    build(api)
    nat = {
        "name": "nat",
        "natIpAllocateOption": "MANUAL_ONLY",
        "natIps": [f"regions/{REGION}/addresses/web"],
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    }
    api.post(region_path("routers"), {"name": "r", "network": "global/networks/net", "nats": [nat]})
    status = api.get(region_path("routers/r/getRouterStatus"))["result"]
    address = api.get(region_path("addresses/web"))
    assert status["natStatus"] == [
        {
            "name": "nat",
            "numVmEndpointsWithNatMappings": 0,
            "minExtraNatIpsNeeded": 0,
            "userAllocatedNatIpResources": [address["selfLink"]],
            "userAllocatedNatIps": [address["address"]],
        }
    ]
    path = region_path("routers/r/getNatMappingInfo")
    assert "result" not in api.get(path)
    assert api.refused("GET", f"{path}?natName=other")[0] == 404


def test_guest_attributes_are_what_the_instance_told(api: Api) -> None:
    build(api)
    add_instance(api)
    path = f"/compute/v1/{ZONE}/instances/web-aaaa/getGuestAttributes"
    assert api.refused("GET", f"{path}?queryPath=hostkeys/")[2] == (
        "The resource 'hostkeys/' of type 'Guest Attribute' was not found."
    )
    put(api, "guest/attributes/4001", {"app": {"version": "7", "state": "ready"}})
    assert api.get(f"{path}?queryPath=app/")["queryValue"]["items"] == [
        {"namespace": "app", "key": "state", "value": "ready"},
        {"namespace": "app", "key": "version", "value": "7"},
    ]
    assert api.get(f"{path}?variableKey=app/version")["variableValue"] == "7"
    assert api.refused("GET", f"{path}?variableKey=app/none")[0] == 404


def test_permissions_on_compute_resources_can_be_asked_for(api: Api) -> None:
    build(api)
    asked = {"permissions": ["compute.healthChecks.get", "compute.healthChecks.delete"]}
    path = global_path("healthChecks/heal/testIamPermissions")
    assert api.post(path, asked) == asked
    api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    email = "web-sa@p.iam.gserviceaccount.com"
    scope = "https://www.googleapis.com/auth/cloud-platform"
    token = api.identities.mint(email, scopes=(scope,), instance_key="i").access_token
    assert api.raw("POST", path, token=token, json=asked).json() == {}
    policy = {"bindings": [{"role": "roles/compute.viewer", "members": [f"serviceAccount:{email}"]}]}
    api.post("/crm/v1/projects/p:setIamPolicy", {"policy": policy})
    held = api.raw("POST", path, token=token, json=asked).json()
    assert held == {"permissions": ["compute.healthChecks.get"]}
    assert api.refused("POST", global_path("healthChecks/none/testIamPermissions"), asked)[0] == 404


def test_the_projects_metadata_is_set_with_its_fingerprint(api: Api) -> None:
    found = api.get(BASE)["commonInstanceMetadata"]
    items = [{"key": "enable-guest-attributes", "value": "TRUE"}]
    path = f"{BASE}/setCommonInstanceMetadata"
    assert api.post(path, {"fingerprint": found["fingerprint"], "items": items})["status"] == "DONE"
    assert api.get(BASE)["commonInstanceMetadata"]["items"] == items
    stale = {"fingerprint": found["fingerprint"], "items": []}
    assert api.refused("POST", path, stale)[:2] == (412, "conditionNotMet")


def test_services_are_on_and_stay_on(api: Api) -> None:
    base = "/serviceusage/v1/projects/p/services"
    names = f"{base}:batchGet?names=projects/p/services/compute.googleapis.com&names=projects/p/services/iam.googleapis.com"
    assert [each["state"] for each in api.get(names)["services"]] == ["ENABLED", "ENABLED"]
    assert api.refused("POST", f"{base}/compute.googleapis.com:disable", {})[:2] == (
        400,
        "FAILED_PRECONDITION",
    )
    operation = api.post(f"{base}/compute.googleapis.com:enable")
    assert api.get(f"/serviceusage/v1/{operation['name']}")["done"] is True
    assert api.refused("GET", "/serviceusage/v1/operations/other")[0] == 404


def test_a_group_is_in_no_target_pool(api: Api) -> None:
    build_all(api)
    for path in (region_path("instanceGroupManagers/web"), f"/compute/v1/{ZONE}/instanceGroupManagers/zonal"):
        assert api.post(f"{path}/setTargetPools", {"targetPools": []})["status"] == "DONE"
        pool = {"targetPools": [f"regions/{REGION}/targetPools/old"]}
        for method, where in (("POST", f"{path}/setTargetPools"), ("PATCH", path)):
            code, reason, message = api.refused(method, where, pool)
            assert (code, reason, "backend service" in message) == (400, "invalid", True)
        stale = {"targetPools": [], "fingerprint": "AAAAAAAAAAA="}
        assert api.refused("POST", f"{path}/setTargetPools", stale)[0] == 412


def test_what_would_need_an_external_address_is_refused_or_told(api: Api) -> None:
    build_all(api)
    group = region_path("instanceGroupManagers/web")
    policy = {"statefulPolicy": {"preservedState": {"externalIPs": {"nic0": {"autoDelete": "NEVER"}}}}}
    assert "no external addresses" in api.refused("PATCH", group, policy)[2]
    template = resources.template("outside")
    template["properties"]["networkInterfaces"][0]["accessConfigs"] = [{"type": "ONE_TO_ONE_NAT"}]
    api.post(global_path("instanceTemplates"), template)
    assert [field for _, field in told(api)] == ["properties.networkInterfaces[].accessConfigs"]


def test_a_groups_instances_are_listed_by_a_named_port(api: Api) -> None:
    build_all(api)
    group = region_path("instanceGroups/web")
    api.post(f"{group}/setNamedPorts", {"namedPorts": [{"name": "http", "port": 8080}]})
    assert len(api.post(f"{group}/listInstances", {"portName": "http"})["items"]) == 1
    assert "items" not in api.post(f"{group}/listInstances", {"portName": "https"})


def test_those_who_are_no_members_are_passed_over_where_that_is_asked_for(api: Api) -> None:
    build_all(api)
    verb = region_path("instanceGroupManagers/web/deleteInstances")
    named = [f"zones/{REGION}-b/instances/{name}" for name in ("nobody", "web-aaaa")]
    assert "not a member" in api.refused("POST", verb, {"instances": named})[2]
    api.post(verb, {"instances": named[:1], "skipInstancesOnValidationError": True})
    assert requests(api) == []
    api.post(verb, {"instances": named, "skipInstancesOnValidationError": True})
    assert [request["args"]["instances"] for request in requests(api)] == [["web-aaaa"]]


def test_what_a_group_keeps_without_a_word_is_never_deleted(api: Api) -> None:
    build_all(api)
    path = region_path("instanceGroupManagers/web")
    kept: JsonValue = {"disks": {"persistent-disk-0": {}}, "externalIPs": {}, "internalIPs": {"nic0": {}}}
    change: dict[str, JsonValue] = {"statefulPolicy": {"preservedState": kept}}
    refusal = api.refused("PATCH", path, change)
    assert refusal[1] == "invalid"
    assert "'PROACTIVE'" in refusal[2]
    assert "Must be NONE" in refusal[2]
    change["updatePolicy"] = {"instanceRedistributionType": "NONE"}
    api.call("PATCH", path, change)  # as gcloud sends it
    never = {"autoDelete": "NEVER"}
    wanted = {"disks": {"persistent-disk-0": never}, "internalIPs": {"nic0": never}}
    assert api.get(path)["statefulPolicy"]["preservedState"] == wanted
    goes = {
        "statefulPolicy": {
            "preservedState": {
                "disks": {"persistent-disk-0": {"autoDelete": "ON_PERMANENT_INSTANCE_DELETION"}}
            }
        }
    }
    api.call("PATCH", path, goes)
    api.call("PATCH", path, change)
    assert api.get(path)["statefulPolicy"]["preservedState"]["disks"]["persistent-disk-0"][
        "autoDelete"
    ].startswith("ON_")
    api.call("PATCH", path, {"statefulPolicy": {"preservedState": {"disks": {"persistent-disk-0": None}}}})
    assert api.get(path)["statefulPolicy"]["preservedState"] == {"internalIPs": {"nic0": never}}
    group = {**resources.group(name="second"), **change}
    api.post(region_path("instanceGroupManagers"), group)
    assert api.get(region_path("instanceGroupManagers/second"))["statefulPolicy"]["preservedState"] == wanted


def test_one_asks_what_one_may_do_with_a_group(api: Api) -> None:
    build_all(api)
    asked = {"permissions": ["compute.instanceGroups.use"]}
    for path in (region_path("instanceGroups/web"), f"/compute/v1/{ZONE}/instanceGroups/zonal"):
        assert api.post(f"{path}/testIamPermissions", asked) == asked
    assert api.refused("POST", region_path("instanceGroups/none/testIamPermissions"), asked)[0] == 404
