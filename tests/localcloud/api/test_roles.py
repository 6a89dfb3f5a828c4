"""Roles are Google's own: every permission that is asked for exists there, and further ones are asked for where Google asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.api import further_permissions
from localcloud.api.app import handlers
from localcloud.api.conditions import holds, understood
from localcloud.api.mounts import MOUNTS
from localcloud.api.permissions import permission_of
from localcloud.api.roles import grants, roles
from localcloud.discovery.document import load
from tests.localcloud.api import resources
from tests.localcloud.api.client import Api, global_path, region_path

if TYPE_CHECKING:
    from collections.abc import Iterator

EMAIL = "deploy-dev@p.iam.gserviceaccount.com"
ALL = "https://www.googleapis.com/auth/cloud-platform"
PROJECT_IAM = "/crm/v1/projects/p:setIamPolicy"


def served() -> Iterator[tuple[str, str]]:
    """Every served method that Google has, with the permission it needs."""
    methods = {
        method.id for names in MOUNTS.values() for name in names for method in load(name).methods.values()
    }
    for method in sorted(methods & {*handlers(), "storage.objects.insert"}):
        permission = permission_of(method)
        if permission is not None:
            yield method, permission


def test_every_permission_is_one_that_google_has() -> None:
    known = frozenset[str]().union(*roles().values())
    assert {method: permission for method, permission in served() if permission not in known} == {}
    further = {name for names in further_permissions._ALWAYS.values() for name in names}
    assert further <= known


def test_what_has_further_permissions_is_a_method_that_is_served() -> None:
    assert {*further_permissions._ALWAYS, *further_permissions._ASKED} <= {method for method, _ in served()}


@pytest.mark.parametrize(
    ("role", "permission", "has"),
    [
        ("roles/compute.networkAdmin", "compute.regionBackendServices.create", True),
        ("roles/compute.networkAdmin", "compute.firewalls.create", False),
        ("roles/compute.instanceAdmin.v1", "compute.networks.create", False),
        ("roles/compute.viewer", "compute.instanceGroupManagers.update", False),
        ("roles/iam.securityReviewer", "storage.buckets.getIamPolicy", True),
        ("roles/storage.objectViewer", "storage.objects.create", False),
        ("roles/owner", "storage.objects.get", False),
    ],
)
def test_roles_have_what_google_gives_them(role: str, permission: str, has: bool) -> None:
    assert grants(role, permission) is has


@pytest.fixture
def ci(api: Api) -> str:
    """A service account without any role; returns its token."""
    api.post("/v1/projects/p/serviceAccounts", {"accountId": "deploy-dev"})
    return api.identities.mint(EMAIL, scopes=[ALL], instance_key=None).access_token


def bind(api: Api, *given: str, expression: str = "") -> None:
    """Give the account these roles on the project, and no others."""
    condition = {"condition": {"title": "t", "expression": expression}} if expression else {}
    bindings = [{"role": role, "members": [f"serviceAccount:{EMAIL}"], **condition} for role in given]
    api.call("POST", PROJECT_IAM, {"policy": {"version": 3, "bindings": bindings}})


def refused(api: Api, token: str, path: str, body: object) -> str:
    """Return the refusal's words; empty if it was allowed."""
    response = api.raw("POST", path, json=body, token=token)
    return str(response.json()["error"]["message"]) if response.status_code == 403 else ""


def test_a_firewall_rule_needs_the_networks_policy_too(api: Api, ci: str) -> None:
    resources.build_until(api, "firewalls")
    rule = resources.firewall()
    bind(api, "roles/compute.networkAdmin")
    assert "compute.firewalls.create" in refused(api, ci, global_path("firewalls"), rule)
    bind(api, "roles/compute.securityAdmin")
    assert refused(api, ci, global_path("firewalls"), rule) == ""


def test_a_template_with_an_account_needs_the_right_to_act_as_it(api: Api, ci: str) -> None:
    api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-vm"})
    resources.build_until(api, "instanceTemplates")
    body = resources.template("t")
    body["properties"]["serviceAccounts"] = [{"email": "web-vm@p.iam.gserviceaccount.com", "scopes": [ALL]}]
    bind(api, "roles/compute.instanceAdmin.v1")
    assert "iam.serviceAccounts.actAs" in refused(api, ci, global_path("instanceTemplates"), body)
    member = {"role": "roles/iam.serviceAccountUser", "members": [f"serviceAccount:{EMAIL}"]}
    account = "/v1/projects/p/serviceAccounts/web-vm@p.iam.gserviceaccount.com"
    api.call("POST", f"{account}:setIamPolicy", {"policy": {"bindings": [member]}})
    assert refused(api, ci, global_path("instanceTemplates"), body) == ""


def test_a_backend_service_needs_the_use_of_its_check_and_its_group(
    api: Api, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources.build_until(api, "backendServices")
    held = {"compute.regionBackendServices.create"}
    monkeypatch.setattr("localcloud.api.authorization.grants", lambda _, permission: permission in held)
    bind(api, "roles/compute.viewer")
    path, body = region_path("backendServices"), resources.backend_service()
    assert "compute.regionHealthChecks.useReadOnly" in refused(api, ci, path, body)
    held.add("compute.regionHealthChecks.useReadOnly")
    assert "compute.instanceGroups.use" in refused(api, ci, path, body)
    held.add("compute.instanceGroups.use")
    assert refused(api, ci, path, body) == ""


def test_an_alert_that_goes_by_logs_needs_a_rule_of_cloud_logging(api: Api, ci: str) -> None:
    condition = {"displayName": "c", "conditionMatchedLog": {"filter": "severity>=ERROR"}}
    limit = {"notificationRateLimit": {"period": "300s"}}
    body = {"displayName": "a", "combiner": "OR", "conditions": [condition], "alertStrategy": limit}
    bind(api, "roles/monitoring.alertPolicyEditor")
    path = "/v3/projects/p/alertPolicies"
    assert "logging.notificationRules.create" in refused(api, ci, path, body)
    bind(api, "roles/monitoring.alertPolicyEditor", "roles/logging.configWriter")
    assert refused(api, ci, path, body) == ""


ONLY_LOGS = (
    "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', [])"
    ".hasOnly(['roles/logging.logWriter', 'roles/monitoring.metricWriter'])"
)


def test_a_grant_is_judged_by_the_roles_that_change(api: Api, ci: str) -> None:
    bind(api, "roles/resourcemanager.projectIamAdmin", expression=ONLY_LOGS)
    policy = api.call("POST", "/crm/v1/projects/p:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    log = {"role": "roles/logging.logWriter", "members": ["serviceAccount:web-vm@p.iam.gserviceaccount.com"]}
    api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-vm"})
    policy["bindings"].append(log)
    assert refused(api, ci, PROJECT_IAM, {"policy": policy}) == ""

    policy = api.call("POST", "/crm/v1/projects/p:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    owner = {"role": "roles/owner", "members": [f"serviceAccount:{EMAIL}"]}
    told = refused(api, ci, PROJECT_IAM, {"policy": {**policy, "bindings": [*policy["bindings"], owner]}})
    assert "resourcemanager.projects.setIamPolicy" in told
    unconditional = [
        {name: value for name, value in one.items() if name != "condition"} for one in policy["bindings"]
    ]
    assert refused(api, ci, PROJECT_IAM, {"policy": {**policy, "bindings": unconditional}}), (
        "its own condition is no log role"
    )


def test_the_condition_on_grants_holds_where_nothing_is_granted() -> None:
    assert understood(ONLY_LOGS)
    assert holds(ONLY_LOGS, "projects/p", 0.0)
    assert holds(ONLY_LOGS, "projects/p", 0.0, frozenset({"roles/logging.logWriter"}))
    assert not holds(ONLY_LOGS, "projects/p", 0.0, frozenset({"roles/logging.logWriter", "roles/owner"}))


def test_writing_over_an_object_needs_the_right_to_delete_it(api: Api, ci: str) -> None:
    api.post("/storage/v1/b?project=p", {"name": "p-b"})

    def upload(kind: str, name: str) -> str:
        path = f"/upload/storage/v1/b/p-b/o?uploadType={kind}&name={name}"
        content = b"x" if kind == "media" else b"{}"
        response = api.raw("POST", path, content=content, headers={"content-type": "text/plain"}, token=ci)
        return str(response.json()["error"]["message"]) if response.status_code == 403 else ""

    bind(api, "roles/storage.objectCreator")
    assert upload("media", "new") == ""
    for kind in ("media", "resumable"):
        assert "does not have storage.objects.delete access" in upload(kind, "new")
    before = api.get("/storage/v1/b/p-b/o/new")["generation"]
    bind(api, "roles/storage.objectUser")
    assert upload("media", "new") == ""
    assert api.get("/storage/v1/b/p-b/o/new")["generation"] != before


def test_an_upload_that_meets_an_object_when_it_ends_needs_the_right_too(api: Api, ci: str) -> None:
    api.post("/storage/v1/b?project=p", {"name": "p-b"})
    bind(api, "roles/storage.objectCreator")
    path = "/upload/storage/v1/b/p-b/o?uploadType={}&name=new"
    begun = api.raw("POST", path.format("resumable"), json={}, token=ci)
    session = begun.headers["location"].partition("/upload")
    plain = {"content-type": "text/plain"}
    assert api.raw("POST", path.format("media"), content=b"other", headers=plain).status_code == 200
    ended = api.raw("PUT", "/upload" + session[2], content=b"mine", token=ci)
    assert (ended.status_code, "storage.objects.delete" in ended.text) == (403, True)
    assert api.raw("GET", "/storage/v1/b/p-b/o/new?alt=media").content == b"other"
