"""Compute's resources: what the server fills, how they are changed, who holds whom."""

from __future__ import annotations

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import BASE, PROJECT, REGION, Api, global_path, region_path
from tests.localcloud.api.resources import build

GROUPS = region_path("instanceGroupManagers")


def test_a_resource_carries_what_google_fills(api: Api) -> None:
    build(api)
    found = api.get(f"{GROUPS}/web")
    assert found["kind"] == "compute#instanceGroupManager"
    assert found["id"].isdigit()
    assert found["selfLink"] == f"{BASE}/regions/{REGION}/instanceGroupManagers/web"
    assert found["region"] == f"{BASE}/regions/{REGION}"
    assert found["instanceGroup"] == f"{BASE}/regions/{REGION}/instanceGroups/web"
    assert found["creationTimestamp"] == "2027-01-15T08:00:00.000+00:00"
    assert found["versions"] == [{"instanceTemplate": f"{BASE}/global/instanceTemplates/tpl"}]
    assert found["updatePolicy"]["type"] == "OPPORTUNISTIC"
    assert found["updatePolicy"]["maxSurge"] == {"fixed": 3, "calculated": 3}
    assert [last["zone"][-1] for last in found["distributionPolicy"]["zones"]] == ["b", "c", "d"]
    assert found["currentActions"]["recreating"] == 0
    assert found["status"]["isStable"] is False


def test_an_operation_names_its_target_and_is_done_when_it_says_so(api: Api) -> None:
    operation = api.post(global_path("networks"), resources.network())
    assert operation["status"] == "DONE"
    assert operation["progress"] == 100
    assert operation["targetId"] == api.get(global_path("networks/net"))["id"]
    assert operation["targetLink"] == f"{BASE}/global/networks/net"
    assert api.get(global_path(f"operations/{operation['name']}")) == operation
    assert api.post(global_path(f"operations/{operation['name']}/wait")) == operation


def test_resources_are_found_by_numeric_id_too(api: Api) -> None:
    build(api)
    by_name = api.get(global_path("instanceTemplates/tpl"))
    assert api.get(global_path(f"instanceTemplates/{by_name['id']}?view=FULL", "beta")) == by_name


@pytest.mark.parametrize(
    ("path", "user"),
    [
        (global_path("networks/net"), f"projects/{PROJECT}/global/firewalls/fw"),
        (
            global_path("instanceTemplates/tpl"),
            f"projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web",
        ),
        (region_path("healthChecks/lb"), f"projects/{PROJECT}/regions/{REGION}/backendServices/web"),
        (f"{GROUPS}/web", f"projects/{PROJECT}/regions/{REGION}/backendServices/web"),
        (region_path("backendServices/web"), f"projects/{PROJECT}/regions/{REGION}/forwardingRules/web"),
    ],
)
def test_what_is_in_use_cannot_be_deleted(api: Api, path: str, user: str) -> None:
    build(api)
    status, reason, message = api.refused("DELETE", path)
    assert (status, reason) == (400, "resourceInUseByAnotherResource")
    assert f"is already being used by '{user}'" in message


def test_an_old_template_stays_in_use_while_an_instance_of_it_is_left(api: Api) -> None:
    build(api)
    api.post(global_path("instanceTemplates"), resources.template("new"))
    api.call("PATCH", f"{GROUPS}/web", {"versions": [{"instanceTemplate": "global/instanceTemplates/new"}]})
    old = f"projects/{PROJECT}/global/instanceTemplates/tpl"
    member = f"control/managed/projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web/web-aaaa"
    with api.store.transaction() as tx:
        tx.put(member, {"version": {"instanceTemplate": old}})
    assert api.refused("DELETE", global_path("instanceTemplates/tpl"))[1] == "resourceInUseByAnotherResource"
    with api.store.transaction() as tx:
        tx.delete(member)
    api.call("DELETE", global_path("instanceTemplates/tpl"))


def test_names_are_unique_and_missing_resources_named(api: Api) -> None:
    build(api)
    _, reason, message = api.refused("POST", global_path("networks"), resources.network())
    assert (reason, message) == (
        "alreadyExists",
        f"The resource 'projects/{PROJECT}/global/networks/net' already exists",
    )
    status, reason, message = api.refused("GET", global_path("networks/none"))
    assert (status, reason) == (404, "notFound")
    assert message == f"The resource 'projects/{PROJECT}/global/networks/none' was not found"


def test_a_stale_fingerprint_is_refused_and_the_present_one_taken(api: Api) -> None:
    build(api)
    path = f"{GROUPS}/web"
    first = api.get(path)["fingerprint"]
    api.call("PATCH", path, {"fingerprint": first, "targetSize": 4})
    status, reason, message = api.refused("PATCH", path, {"fingerprint": first, "targetSize": 5})
    assert (status, reason, message) == (412, "conditionNotMet", "Invalid fingerprint.")
    assert api.get(path)["targetSize"] == 4


def test_a_backend_service_is_replaced_only_with_its_fingerprint(api: Api) -> None:
    build(api)
    path = region_path("backendServices/web")
    _, reason, message = api.refused("PUT", path, resources.backend_service())
    assert (reason, message) == ("required", "Required field 'resource.fingerprint' not specified")
    current = api.get(path)
    body = resources.backend_service(
        fingerprint=current["fingerprint"], connectionDraining={"drainingTimeoutSec": 60}
    )
    api.call("PUT", path, body)
    changed = api.get(path)
    assert changed["connectionDraining"] == {"drainingTimeoutSec": 60}
    assert (changed["id"], changed["creationTimestamp"]) == (current["id"], current["creationTimestamp"])


def test_a_put_replaces_and_a_patch_merges(api: Api) -> None:
    path = global_path("healthChecks")
    api.post(path, resources.http_check(description="old", healthyThreshold=3))
    api.call("PATCH", f"{path}/heal", {"unhealthyThreshold": 6, "description": None})
    patched = api.get(f"{path}/heal")
    assert (patched["unhealthyThreshold"], patched["healthyThreshold"]) == (6, 3)
    assert "description" not in patched
    api.call("PUT", f"{path}/heal", resources.http_check())
    assert api.get(f"{path}/heal")["healthyThreshold"] == 2


def test_an_unchanged_put_writes_nothing_new(api: Api) -> None:
    path = global_path("healthChecks/heal")
    api.post(global_path("healthChecks"), resources.http_check())
    before = api.get(path)
    api.call("PUT", path, {key: value for key, value in before.items() if key not in {"id", "selfLink"}})
    assert api.get(path) == before


def test_a_refused_change_leaves_the_document_as_it_was(api: Api) -> None:
    build(api)
    path = region_path("backendServices/web")
    before = api.get(path)
    both = {"sessionAffinity": "GENERATED_COOKIE", "connectionDraining": {"drainingTimeoutSec": 7}}
    api.refused("PATCH", path, both)
    api.refused("PATCH", f"{GROUPS}/web", {"updatePolicy": {"maxSurge": {"fixed": 1}}})
    assert api.get(path) == before


def test_immutable_fields_stay(api: Api) -> None:
    build(api)
    status, _, message = api.refused("PATCH", f"{GROUPS}/web", {"baseInstanceName": "other"})
    assert status == 400
    assert "resource.baseInstanceName" in message


def test_a_repeated_request_id_is_done_once(api: Api) -> None:
    path = f"{global_path('networks')}?requestId=6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    first = api.post(path, resources.network())
    assert api.post(path, resources.network()) == first
    _, _, message = api.refused("POST", f"{global_path('networks')}?requestId=no", resources.network())
    assert "Must be a valid UUID" in message


def test_a_request_id_is_one_requests_only(api: Api) -> None:
    query = "?requestId=6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    api.post(f"{global_path('networks')}{query}", resources.network())
    for method, path, body in (
        ("POST", global_path("networks"), resources.network(mtu=1400)),
        ("POST", global_path("firewalls"), resources.firewall()),
        ("DELETE", global_path("networks/net"), None),
    ):
        status, reason, message = api.refused(method, f"{path}{query}", body)
        assert (status, reason) == (400, "invalid")
        assert "was used for another request" in message


def test_a_field_mask_may_be_a_header(api: Api) -> None:
    api.post(global_path("networks"), resources.network())
    for path, mask, wanted in (
        ("networks/net", "name", {"name": "net"}),
        ("networks", "items(name)", {"items": [{"name": "net"}]}),
    ):
        response = api.raw("GET", global_path(path), headers={"x-goog-fieldmask": mask})
        assert response.json() == wanted == api.get(f"{global_path(path)}?fields={mask}")


def test_v1_does_not_show_what_only_beta_knows(api: Api) -> None:
    build(api)
    beta = region_path("instanceGroupManagers/web", "beta")
    api.call("PATCH", beta, {"updatePolicy": {"minReadySec": 30}})
    assert api.get(beta)["updatePolicy"]["minReadySec"] == 30
    assert "minReadySec" not in api.get(f"{GROUPS}/web")["updatePolicy"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/compute/v1/projects/p/global/snapshots", "Method compute.snapshots.list is not served"),
        ("/compute/v1/projects/p/global/urlMaps", "Method compute.urlMaps.list is not served"),
    ],
)
def test_what_is_not_served_says_so_with_its_name(api: Api, path: str, words: str) -> None:
    status, _, message = api.refused("GET", path)
    assert status == 501
    assert words in message


def test_unknown_places_are_refused(api: Api) -> None:
    assert api.refused("GET", "/compute/v1/nothing")[0] == 404
    assert api.refused("GET", "/compute/v1/projects/other/global/networks")[0] == 404
    assert "Unknown region." in api.refused("GET", "/compute/v1/projects/p/regions/moon/addresses")[2]
    assert "Cannot bind query parameter" in api.refused("GET", global_path("networks?colour=red"))[2]


def test_private_google_access_is_switched_by_its_own_method(api: Api) -> None:
    resources.build_until(api, "firewalls")
    path = region_path("subnetworks/sub")
    assert api.get(path)["privateIpGoogleAccess"] is False
    for wanted in (True, False):
        operation = api.post(f"{path}/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": wanted})
        assert operation["operationType"] == "setPrivateIpGoogleAccess"
        assert api.get(path)["privateIpGoogleAccess"] is wanted


def test_lists_are_filtered_ordered_cut_and_masked(api: Api) -> None:
    path = global_path("networks")
    for name in ("a-one", "a-two", "b-one"):
        api.post(path, resources.network(name=name))
    names = [item["name"] for item in api.get(f"{path}?filter=name%3Da-*")["items"]]
    assert names == ["a-one", "a-two"]
    names = [item["name"] for item in api.get(f"{path}?filter=name+eq+.*one")["items"]]
    assert names == ["a-one", "b-one"]
    names = [item["name"] for item in api.get(f"{path}?filter=(name%3Db-one)+OR+(name%3Da-two)")["items"]]
    assert names == ["a-two", "b-one"]
    first = api.get(f"{path}?maxResults=2")
    assert [item["name"] for item in first["items"]] == ["a-one", "a-two"]
    second = api.get(f"{path}?maxResults=2&pageToken={first['nextPageToken']}")
    assert [item["name"] for item in second["items"]] == ["b-one"]
    assert "nextPageToken" not in second
    assert api.get(f"{path}?fields=items(name),kind&maxResults=1") == {
        "kind": "compute#networkList",
        "items": [{"name": "a-one"}],
    }
    assert api.refused("GET", f"{path}?filter=name+%3D")[0] == 400
    assert api.refused("GET", f"{path}?maxResults=501")[0] == 400


def test_aggregated_lists_go_by_location(api: Api) -> None:
    build(api)
    items = api.get(f"/compute/v1/projects/{PROJECT}/aggregated/instanceGroupManagers")["items"]
    assert [item["name"] for item in items[f"regions/{REGION}"]["instanceGroupManagers"]] == ["web"]
    assert items["zones/europe-west1-b"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"


def test_the_catalog_has_zones_machine_types_and_images(api: Api) -> None:
    zones = api.get(f"/compute/v1/projects/{PROJECT}/zones?filter=name%3Deurope-west1-*")["items"]
    assert [zone["name"][-1] for zone in zones] == ["b", "c", "d"]
    small = api.get(f"/compute/v1/projects/{PROJECT}/zones/europe-west1-b/machineTypes/e2-small")
    assert (small["guestCpus"], small["memoryMb"]) == (2, 2048)
    image = api.get("/compute/v1/projects/debian-cloud/global/images/family/debian-12")
    assert image["family"] == "debian-12"
    assert api.get(f"/compute/v1/projects/debian-cloud/global/images/{image['name']}") == image
    assert api.get("/compute/beta/projects/1")["name"] == PROJECT
