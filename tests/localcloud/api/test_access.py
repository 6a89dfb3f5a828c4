"""Who gets in: tokens, hosts, origins, roles and scopes; and what instances are told when a binding is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from localcloud.api.authorization import within_scopes
from localcloud.api.conditions import holds
from localcloud.api.roles import granting, grants, roles
from localcloud.identity import Principal
from tests.localcloud.api import resources
from tests.localcloud.api.client import Api, global_path

if TYPE_CHECKING:
    import httpx

EMAIL = "web-sa@p.iam.gserviceaccount.com"
ALL = "https://www.googleapis.com/auth/cloud-platform"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
OBJECT = "/storage/v1/b/p-scripts/o/startup.sh"
IAM = "/storage/v1/b/p-scripts/iam"


@pytest.fixture
def cloud(api: Api) -> Api:
    api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    api.post("/storage/v1/b?project=p", {"name": "p-scripts"})
    api.raw("POST", "/upload/storage/v1/b/p-scripts/o?uploadType=media&name=startup.sh", content=b"echo hi")
    return api


def token(api: Api, *scopes: str) -> str:
    return api.identities.mint(EMAIL, scopes=scopes or (ALL,), instance_key="compute/i").access_token


def bind(api: Api, role: str, member: str = f"serviceAccount:{EMAIL}", **binding: object) -> None:
    api.call("PUT", IAM, {"version": 3, "bindings": [{"role": role, "members": [member], **binding}]})


def fetch(api: Api, *scopes: str) -> httpx.Response:
    return api.raw("GET", f"{OBJECT}?alt=media", token=token(api, *scopes))


def test_without_a_token_nothing_is_told(api: Api) -> None:
    response = api.raw("GET", global_path("networks"), token=None)
    error = response.json()["error"]
    assert (response.status_code, error["status"]) == (401, "UNAUTHENTICATED")
    assert error["message"].startswith("Request is missing required authentication credential.")
    assert "Bearer" in response.headers["www-authenticate"]
    wrong = api.raw("GET", global_path("networks"), token="ya29.wrong")
    assert wrong.json()["error"]["errors"][0]["reason"] == "authError"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:9822", "", "localhost.evil.example"]
)
def test_a_rebound_host_name_is_refused(api: Api, host: str) -> None:
    assert api.raw("GET", global_path("networks"), headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_web_pages_are_refused(api: Api, headers: dict[str, str]) -> None:
    assert api.raw("GET", global_path("networks"), headers=headers).status_code == 403


def test_googles_own_host_names_are_served(cloud: Api) -> None:
    for host, path in (
        ("compute.googleapis.com", global_path("networks")),
        ("www.googleapis.com", global_path("networks")),
        ("storage.googleapis.com", "/storage/v1/b/p-scripts"),
        ("iam.googleapis.com", "/v1/projects/p/serviceAccounts"),
        ("cloudresourcemanager.googleapis.com", "/v1/projects/p"),
        ("serviceusage.googleapis.com", "/v1/projects/p/services"),
    ):
        assert cloud.raw("GET", path, headers={"host": host}).status_code == 200, host


def test_without_the_binding_the_fetch_is_403_in_googles_words(cloud: Api) -> None:
    response = fetch(cloud)
    assert response.status_code == 403
    assert response.json()["error"]["message"] == (
        f"{EMAIL} does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist)."
    )
    (denied,) = [document for _, document in cloud.store.scan("control/denied/")]
    assert (denied["principal"], denied["permission"], denied["count"]) == (EMAIL, "storage.objects.get", 1)
    assert denied["role"] in roles()
    assert denied["resource"] == "projects/_/buckets/p-scripts/objects/startup.sh"
    bind(cloud, "roles/storage.objectViewer")
    assert fetch(cloud).content == b"echo hi"
    assert not list(cloud.store.scan("control/denied/"))


def test_a_refusal_is_forgotten_with_what_it_was_about(cloud: Api) -> None:
    assert fetch(cloud).status_code == 403
    cloud.call("DELETE", OBJECT, status=204)
    cloud.call("DELETE", "/storage/v1/b/p-scripts", status=204)
    assert not list(cloud.store.scan("control/denied/"))


def test_a_binding_of_the_project_is_inherited(cloud: Api) -> None:
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{EMAIL}"]}]}
    cloud.post("/crm/v1/projects/p:setIamPolicy", {"policy": policy})
    assert fetch(cloud).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("roles/storage.objectCreator", 403),
        ("roles/storage.objectAdmin", 200),
        ("roles/logging.logWriter", 403),
    ],
)
def test_a_role_gives_what_it_holds_and_no_more(cloud: Api, role: str, status: int) -> None:
    bind(cloud, role)
    assert fetch(cloud).status_code == status


def test_a_token_without_the_scope_is_refused_in_spite_of_its_role(cloud: Api) -> None:
    bind(cloud, "roles/storage.objectAdmin")
    assert fetch(cloud, READ_ONLY).status_code == 200
    assert fetch(cloud, "https://www.googleapis.com/auth/logging.write").status_code == 403
    refused = cloud.raw("DELETE", OBJECT, token=token(cloud, READ_ONLY))
    assert refused.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"


def test_a_condition_limits_a_binding(cloud: Api) -> None:
    prefix = "resource.name.startsWith('projects/_/buckets/p-scripts/objects/{}')"
    bind(cloud, "roles/storage.objectViewer", condition={"title": "t", "expression": prefix.format("other/")})
    assert fetch(cloud).status_code == 403
    bind(cloud, "roles/storage.objectViewer", condition={"title": "t", "expression": prefix.format("start")})
    assert fetch(cloud).status_code == 200


def test_plain_urls_serve_public_objects_and_instances_with_a_binding(cloud: Api) -> None:
    google = {"host": "storage.googleapis.com"}
    anonymous = cloud.raw("GET", "/p-scripts/startup.sh", token=None, headers=google)
    assert anonymous.status_code == 403
    assert "<Code>AccessDenied</Code>" in anonymous.text
    assert "Anonymous caller does not have storage.objects.get access" in anonymous.text
    foreign = cloud.raw("GET", "/p-scripts/startup.sh", token="nobodys", headers=google)
    assert (foreign.status_code, "<Code>AuthenticationRequired</Code>" in foreign.text) == (401, True)
    refused = cloud.raw("GET", "/p-scripts/startup.sh", token=token(cloud), headers=google)
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/xml; charset=UTF-8")
    assert f"<Details>{EMAIL} does not have storage.objects.get access" in refused.text
    bind(cloud, "roles/storage.objectViewer")
    assert cloud.raw("GET", "/p-scripts/startup.sh", token=token(cloud), headers=google).content == b"echo hi"
    bind(cloud, "roles/storage.objectViewer", "allUsers")
    assert cloud.raw("GET", "/p-scripts/startup.sh", token=None, headers=google).content == b"echo hi"
    dotted = {"host": "p-scripts.storage.googleapis.com"}
    assert cloud.raw("GET", "/startup.sh", token=None, headers=dotted).content == b"echo hi"
    assert cloud.raw("GET", "/p-scripts/none", token=None, headers=google).status_code == 404
    assert cloud.raw("GET", f"{OBJECT}?alt=media", token=None).content == b"echo hi"


def test_public_access_prevention_holds(cloud: Api) -> None:
    cloud.call(
        "PATCH", "/storage/v1/b/p-scripts", {"iamConfiguration": {"publicAccessPrevention": "enforced"}}
    )
    body = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    assert cloud.refused("PUT", IAM, body)[0] == 412


def test_an_instance_may_not_do_what_its_owner_may(cloud: Api) -> None:
    response = cloud.raw("POST", global_path("networks"), token=token(cloud), json=resources.network())
    assert response.status_code == 403
    assert (
        response.json()["error"]["message"]
        == "Required 'compute.networks.create' permission for 'projects/p'"
    )
    assert not list(cloud.store.scan("compute/"))


def test_policies_change_only_with_their_present_etag(cloud: Api) -> None:
    path = "/crm/v1/projects/p"
    assert cloud.post(f"{path}:getIamPolicy") == {"etag": "ACAB"}
    binding = {"role": "roles/logging.logWriter", "members": [f"serviceAccount:{EMAIL}"]}
    first = cloud.post(f"{path}:setIamPolicy", {"policy": {"etag": "ACAB", "bindings": [binding]}})
    assert (first["version"], first["bindings"]) == (1, [binding])
    body = {"policy": {"etag": "ACAB", "bindings": []}}
    status, reason, message = cloud.refused("POST", f"{path}:setIamPolicy", body)
    assert (status, reason) == (409, "ABORTED")
    assert message.startswith("There were concurrent policy changes.")
    asked = cloud.post(f"{path}:testIamPermissions", {"permissions": ["storage.objects.get"]})
    assert asked == {"permissions": ["storage.objects.get"]}


def test_policies_name_roles_and_members_that_make_sense(cloud: Api) -> None:
    def refusal(**binding: object) -> str:
        return cloud.refused("POST", "/crm/v1/projects/p:setIamPolicy", {"policy": {"bindings": [binding]}})[
            2
        ]

    assert "Role 'viewer' is not valid" in refusal(role="viewer", members=["allUsers"])
    assert "Invalid member 'ann'" in refusal(role="roles/viewer", members=["ann"])
    nobody = "serviceAccount:none@p.iam.gserviceaccount.com"
    assert (
        refusal(role="roles/viewer", members=[nobody])
        == "Service account none@p.iam.gserviceaccount.com does not exist."
    )


def test_service_accounts_live_and_die_as_googles(cloud: Api) -> None:
    path = f"/v1/projects/p/serviceAccounts/{EMAIL}"
    account = cloud.get(path)
    assert (account["email"], account["projectId"], len(account["uniqueId"])) == (EMAIL, "p", 21)
    assert cloud.get(f"/iam/v1/projects/-/serviceAccounts/{account['uniqueId']}") == account
    refused = cloud.refused("POST", "/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    assert refused == (
        409,
        "ALREADY_EXISTS",
        "Service account web-sa already exists within project projects/p.",
    )
    cloud.call("PATCH", path, {"serviceAccount": {"displayName": "Web"}, "updateMask": "display_name"})
    assert cloud.get(path)["displayName"] == "Web"
    bind(cloud, "roles/storage.objectViewer")
    assert fetch(cloud).status_code == 200
    cloud.call("DELETE", path)
    assert cloud.refused("GET", path)[0] == 404
    (binding,) = cloud.get(IAM)["bindings"]
    assert binding["members"] == [f"deleted:serviceAccount:{EMAIL}?uid={account['uniqueId']}"]
    cloud.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    assert fetch(cloud).status_code == 403, "an account made anew inherits nothing"
    assert cloud.refused("POST", f"{path}/keys", {})[:2] == (400, "FAILED_PRECONDITION")
    assert cloud.get(f"{path}/keys") == {}
    assert cloud.refused("GET", f"{path}/keys/abc")[0] == 404


def test_services_that_are_served_are_enabled(api: Api) -> None:
    names = [
        service["config"]["name"] for service in api.get("/serviceusage/v1/projects/p/services")["services"]
    ]
    assert "compute.googleapis.com" in names
    done = api.post("/serviceusage/v1/projects/p/services/compute.googleapis.com:enable")
    assert done["done"] is True
    assert api.refused("POST", "/v1/projects/p/services/run.googleapis.com:enable", {})[0] == 403


def test_a_permission_has_a_narrow_role_as_its_remedy() -> None:
    assert granting("storage.objects.get") in {
        "roles/storage.objectViewer",
        "roles/storage.legacyObjectReader",
    }
    assert grants("roles/compute.admin", "compute.instances.get")
    assert not grants("roles/compute.viewer", "compute.instances.delete")
    assert not grants("roles/invented", "compute.instances.get")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("resource.name.endsWith('.sh')", True),
        ("resource.name == 'x'", False),
        (
            "resource.type == 'storage.googleapis.com/Object' && resource.name.startsWith(\"projects/_\")",
            True,
        ),
        ("request.time < timestamp('2030-01-01T00:00:00Z')", True),
        ("request.time < timestamp('2020-01-01T00:00:00Z')", False),
        ("true", False),
        ("resource.name.matches('.*')", False),
    ],
)
def test_conditions_hold_only_where_they_are_understood(expression: str, *, wanted: bool) -> None:
    assert holds(expression, "projects/_/buckets/b/objects/a.sh", 1_800_000_000.0) is wanted


def test_scopes_bound_by_service_and_by_reading() -> None:
    reader = Principal(email=EMAIL, scopes=frozenset({READ_ONLY}))
    assert within_scopes(reader, "storage.objects.get")
    assert not within_scopes(reader, "storage.objects.delete")
    assert not within_scopes(reader, "compute.instances.get")
    assert within_scopes(Principal(email=EMAIL, scopes=frozenset({ALL})), "compute.instances.delete")


def test_errors_never_show_a_token(cloud: Api) -> None:
    secret = token(cloud)
    response = cloud.raw("GET", global_path("networks/none"), token=secret)
    assert secret not in response.text
    assert secret not in json.dumps(dict(cloud.store.scan("")))
