"""The methods that no other test drives: lists of every kind, zonal groups' verbs, whole updates, permissions asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import PROJECT, REGION, Api, global_path, region_path
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import INSTANCE, ZONE, add_instance, put

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue

BASE = f"/compute/v1/projects/{PROJECT}"
ZONAL = f"/compute/v1/{ZONE}/instanceGroupManagers"
ZONAL_NAME = f"{ZONE}/instanceGroupManagers/zonal"
EMAIL = "web-sa@p.iam.gserviceaccount.com"


def build_all(api: Api) -> None:
    """Make one of everything, zonal and regional."""
    build(api)
    api.post(region_path("autoscalers"), resources.autoscaler())
    api.post(region_path("routers"), {"name": "r", "network": "global/networks/net"})
    template = resources.template("regional")
    api.post(region_path("instanceTemplates"), template)
    api.post(ZONAL, resources.group(name="zonal", targetSize=1))
    target = f"zones/{REGION}-b/instanceGroupManagers/zonal"
    api.post(f"/compute/v1/{ZONE}/autoscalers", resources.autoscaler(name="zonal", target=target))
    add_instance(api)


def zonal_member(api: Api) -> None:
    """Make an instance of the zonal group, as its controller's records say it."""
    record = api.store.get(
        f"control/managed/projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web/web-aaaa"
    )
    put(api, f"control/managed/{ZONAL_NAME}/web-aaaa", {**(record or {}), "currentAction": "NONE"})


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (region_path("addresses"), ["web"]),
        (global_path("firewalls"), ["fw"]),
        (region_path("forwardingRules"), ["web"]),
        (region_path("backendServices"), ["web"]),
        (region_path("healthChecks"), ["lb"]),
        (region_path("instanceGroups"), ["web"]),
        (region_path("instanceTemplates"), ["regional"]),
        (region_path("routers"), ["r"]),
        (region_path("subnetworks"), ["sub"]),
        (f"/compute/v1/{ZONE}/autoscalers", ["zonal"]),
        (f"/compute/v1/{ZONE}/instanceGroups", ["zonal"]),
        (f"/compute/v1/{ZONE}/instances", ["web-aaaa"]),
        (ZONAL, ["zonal"]),
    ],
)
def test_a_list_has_what_there_is_and_a_page_of_it(api: Api, path: str, names: list[str]) -> None:
    build_all(api)
    assert [item["name"] for item in api.get(path)["items"]] == names
    assert [item["name"] for item in api.get(f"{path}?filter=name={names[0]}&maxResults=1")["items"]] == names
    assert "items" not in api.get(f"{path}?filter=name=none")


@pytest.mark.parametrize(
    ("segment", "place"),
    [
        ("addresses", f"regions/{REGION}"),
        ("autoscalers", f"zones/{REGION}-b"),
        ("forwardingRules", f"regions/{REGION}"),
        ("instanceTemplates", "global"),
        ("instances", f"zones/{REGION}-b"),
        ("operations", "global"),
        ("routers", f"regions/{REGION}"),
        ("subnetworks", f"regions/{REGION}"),
    ],
)
def test_an_aggregated_list_has_each_place(api: Api, segment: str, place: str) -> None:
    build_all(api)
    whole = api.get(f"{BASE}/aggregated/{segment}")["items"]
    assert whole[place][segment]
    first = api.get(f"{BASE}/aggregated/{segment}?maxResults=1")
    assert sum(len(entry.get(segment, [])) for entry in first["items"].values()) == 1


def test_the_catalog_is_listed(api: Api) -> None:
    regions = [region["name"] for region in api.get(f"{BASE}/regions")["items"]]
    assert REGION in regions
    assert api.get(f"{BASE}/zones/{REGION}-b")["region"].endswith(REGION)
    types = {kind["name"] for kind in api.get(f"{BASE}/zones/{REGION}-b/machineTypes")["items"]}
    assert {"e2-small", "n2-standard-4"} <= types
    everywhere = api.get(f"{BASE}/aggregated/machineTypes?filter=name=e2-small")["items"]
    assert everywhere[f"zones/{REGION}-b"]["machineTypes"][0]["guestCpus"] == 2
    images = api.get("/compute/v1/projects/debian-cloud/global/images")["items"]
    assert "debian-12" in [image["family"] for image in images]


@pytest.mark.parametrize("scope", ["global", f"regions/{REGION}", f"zones/{REGION}-b"])
def test_operations_are_listed_and_forgotten(api: Api, scope: str) -> None:
    build_all(api)
    path = f"{BASE}/{scope}/operations"
    first = api.get(path)["items"][0]
    assert api.raw("DELETE", f"{path}/{first['name']}").status_code == 204
    assert first["name"] not in [each["name"] for each in api.get(path).get("items", [])]


@pytest.mark.parametrize(
    ("method", "path", "change"),
    [
        ("PATCH", global_path("firewalls/fw"), {"priority": 900}),
        ("PUT", global_path("firewalls/fw"), resources.firewall(priority=901)),
        ("PATCH", global_path("networks/net"), {"mtu": 1400}),
        ("PATCH", region_path("forwardingRules/web"), {"networkTier": "PREMIUM"}),
        ("PATCH", region_path("healthChecks/lb"), {"unhealthyThreshold": 4}),
        (
            "PUT",
            region_path("routers/r"),
            {"name": "r", "network": "global/networks/net", "description": "x"},
        ),
        ("PUT", region_path("instanceGroupManagers/web", "beta"), resources.group(description="y")),
        (
            "PUT",
            f"{ZONAL}/zonal".replace("/v1/", "/beta/"),
            resources.group(name="zonal", targetSize=1, description="z"),
        ),
        (
            "PATCH",
            f"/compute/v1/{ZONE}/autoscalers?autoscaler=zonal",
            {"autoscalingPolicy": {"maxNumReplicas": 9}},
        ),
    ],
)
def test_a_change_is_kept(api: Api, method: str, path: str, change: dict[str, JsonValue]) -> None:
    build_all(api)
    api.call(method, path, change)
    found = api.get(path.replace("?autoscaler=", "/"))
    name, value = next(
        item
        for item in change.items()
        if item[0] not in {"name", "network", "allowed", "versions", "targetSize"}
    )
    assert found[name] == value if not isinstance(value, dict) else value.items() <= found[name].items()


def test_a_subnetwork_is_patched_with_its_fingerprint(api: Api) -> None:
    build_all(api)
    found = api.get(region_path("subnetworks/sub"))
    change = {"privateIpGoogleAccess": True, "fingerprint": found["fingerprint"]}
    api.call("PATCH", region_path("subnetworks/sub"), change)
    assert api.get(region_path("subnetworks/sub"))["privateIpGoogleAccess"] is True


def test_a_zonal_group_has_all_verbs(api: Api) -> None:
    build_all(api)
    zonal_member(api)
    path = f"{ZONAL}/zonal"
    (member,) = api.post(f"{path}/listManagedInstances")["managedInstances"]
    assert member["name"] == "web-aaaa"
    assert api.post(f"{path}/listPerInstanceConfigs") == {}
    assert api.get(f"{path}/listErrors") == {}
    config = {"name": "web-aaaa", "preservedState": {"metadata": {"a": "1"}}}
    for verb, body in (
        ("updatePerInstanceConfigs", {"perInstanceConfigs": [config]}),
        ("patchPerInstanceConfigs", {"perInstanceConfigs": [config]}),
        ("deletePerInstanceConfigs", {"names": ["web-aaaa"]}),
        ("createInstances", {"instances": [{"name": "web-new"}]}),
        ("recreateInstances", {"instances": [member["instance"]]}),
        ("applyUpdatesToInstances", {"allInstances": True}),
        ("deleteInstances", {"instances": [member["instance"]]}),
        ("abandonInstances", {"instances": [member["instance"]]}),
        ("setInstanceTemplate", {"instanceTemplate": "global/instanceTemplates/tpl"}),
    ):
        assert api.post(f"{path}/{verb}", body)["status"] == "DONE", verb
    verbs = [request["verb"] for _, request in api.store.scan("control/requests/")]
    assert verbs == [
        "createInstances",
        "recreateInstances",
        "applyUpdatesToInstances",
        "deleteInstances",
        "abandonInstances",
    ]
    assert api.refused("POST", f"{path}/resize?size=3")[1] == "conditionNotMet"
    api.call("DELETE", f"/compute/v1/{ZONE}/autoscalers/zonal")
    api.post(f"{path}/resize?size=3")
    assert api.get(path)["targetSize"] == 3
    group = f"/compute/v1/{ZONE}/instanceGroups/zonal"
    ports = [{"name": "http", "port": 80}]
    api.post(f"{group}/setNamedPorts", {"namedPorts": ports, "fingerprint": api.get(group)["fingerprint"]})
    assert api.post(f"{group}/listInstances", {})["items"][0]["namedPorts"] == ports


def test_an_instance_is_started_reset_and_labelled(api: Api) -> None:
    build_all(api)
    path = f"/compute/v1/{ZONE}/instances/web-aaaa"
    for verb in ("start", "reset"):
        assert api.post(f"{path}/{verb}")["operationType"] == verb
    instance = api.store.get(INSTANCE) or {}
    put(api, INSTANCE, {**instance, "labelFingerprint": "AAAAAAAAAAA="})
    api.post(f"{path}/setLabels", {"labels": {"a": "b"}, "labelFingerprint": "AAAAAAAAAAA="})
    assert api.get(path)["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    "path",
    [
        region_path("addresses/web"),
        region_path("autoscalers/web"),
        region_path("backendServices/web"),
        region_path("healthChecks/lb"),
        region_path("subnetworks/sub"),
        global_path("firewalls/fw"),
        global_path("instanceTemplates/tpl"),
        f"/compute/v1/{ZONE}/autoscalers/zonal",
        f"/compute/v1/{ZONE}/instances/web-aaaa",
    ],
)
def test_permissions_on_each_kind_can_be_asked_for(api: Api, path: str) -> None:
    build_all(api)
    asked = {"permissions": ["compute.networks.get", "storage.objects.get"]}
    assert api.post(f"{path}/testIamPermissions", asked) == asked


@pytest.mark.parametrize(
    "path",
    [
        region_path("instanceGroupManagers/web"),
        f"{ZONAL}/zonal",
        region_path("forwardingRules/web"),
        region_path("routers/r"),
        global_path("networks/net"),
    ],
)
def test_permissions_on_others_can_be_asked_for_in_beta(api: Api, path: str) -> None:
    build_all(api)
    asked = {"permissions": ["compute.instanceGroupManagers.get"]}
    assert api.post(f"{path.replace('/v1/', '/beta/')}/testIamPermissions", asked) == asked


def test_other_services_lists_updates_and_permissions(api: Api) -> None:
    account = api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    path = f"/v1/projects/p/serviceAccounts/{EMAIL}"
    asked = {"permissions": ["iam.serviceAccounts.actAs"]}
    assert api.post(f"{path}:testIamPermissions", asked) == asked
    api.post(f"{path}:disable")
    assert api.get(path)["disabled"] is True
    api.post(f"{path}:enable")
    assert "disabled" not in api.get(path)
    api.call("PUT", path, {"displayName": "Web", "etag": api.get(path)["etag"]})
    assert (api.get(path)["displayName"], account["email"]) == ("Web", EMAIL)
    assert [each["projectId"] for each in api.get("/crm/v1/projects")["projects"]] == ["p"]
    services = "/serviceusage/v1/projects/p/services"
    assert api.get(f"{services}/compute.googleapis.com")["state"] == "ENABLED"
    enabled = api.post(
        f"{services}:batchEnable", {"serviceIds": ["compute.googleapis.com", "iam.googleapis.com"]}
    )
    assert len(enabled["response"]["services"]) == 2
    secret: dict[str, JsonValue] = {"replication": {"automatic": {}}}
    api.post("/secretmanager/v1/projects/p/secrets?secretId=s", secret)
    assert len(api.get("/secretmanager/v1/projects/p/secrets")["secrets"]) == 1
    asked = {"permissions": ["secretmanager.versions.access"]}
    assert api.post("/secretmanager/v1/projects/p/secrets/s:testIamPermissions", asked) == asked
    assert "alertPolicies" not in api.get("/monitoring/v3/projects/p/alertPolicies")
    channels = "/monitoring/v3/projects/p/notificationChannels"
    made = api.post(channels, {"type": "email", "labels": {"email_address": "a@example.com"}})
    name = made["name"].rpartition("/")[2]
    api.call("PATCH", f"{channels}/{name}?updateMask=displayName", {"displayName": "Ann"})
    assert [each["displayName"] for each in api.get(channels)["notificationChannels"]] == ["Ann"]


def test_buckets_and_objects_are_updated_as_a_whole(api: Api) -> None:
    bucket = "/storage/v1/b/p-data"
    api.post("/storage/v1/b?project=p", {"name": "p-data"})
    api.call("PUT", bucket, {"labels": {"a": "b"}})
    assert api.get(bucket)["labels"] == {"a": "b"}
    held = api.get(
        f"{bucket}/iam/testPermissions?permissions=storage.objects.get&permissions=storage.objects.list"
    )
    assert held["permissions"] == ["storage.objects.get", "storage.objects.list"]
    api.raw("POST", "/upload/storage/v1/b/p-data/o?uploadType=media&name=n", content=b"x")
    api.call("PATCH", f"{bucket}/o/n", {"cacheControl": "no-store"})
    assert api.get(f"{bucket}/o/n")["cacheControl"] == "no-store"
    api.call("PUT", f"{bucket}/o/n", {"contentType": "text/plain"})
    found = api.get(f"{bucket}/o/n")
    assert (found["contentType"], "cacheControl" in found) == ("text/plain", False)
