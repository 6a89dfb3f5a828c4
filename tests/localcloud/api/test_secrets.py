"""Secrets: versions hold their values, roles say who reads them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.localcloud.api.client import Api

SECRETS = "/secretmanager/v1/projects/p/secrets"
EMAIL = "web-sa@p.iam.gserviceaccount.com"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"


def add(api: Api, text: str) -> str:
    payload = {"data": base64.b64encode(text.encode()).decode()}
    name: str = api.post(f"{SECRETS}/token:addVersion", {"payload": payload})["name"]
    return name


@pytest.fixture
def secret(api: Api) -> Api:
    api.post(f"{SECRETS}?secretId=token", {"replication": {"automatic": {}}, "labels": {"a": "b"}})
    return api


def value(api: Api, version: str = "latest") -> str:
    return base64.b64decode(api.get(f"{SECRETS}/token/versions/{version}:access")["payload"]["data"]).decode()


def test_latest_is_the_newest_version_that_is_not_destroyed(secret: Api) -> None:
    assert add(secret, "one") == "projects/1/secrets/token/versions/1"
    assert add(secret, "two") == "projects/1/secrets/token/versions/2"
    assert (value(secret), value(secret, "1")) == ("two", "one")
    destroyed = secret.post(f"{SECRETS}/token/versions/2:destroy")
    assert destroyed["state"] == "DESTROYED"
    assert "destroyTime" in destroyed
    assert value(secret) == "one"
    assert [key for key, _ in secret.store.scan("secretmanager/") if key.endswith("2/payload")] == []
    assert add(secret, "three").endswith("/3")
    listed = secret.get(f"{SECRETS}/token/versions")
    assert [version["state"] for version in listed["versions"]] == ["ENABLED", "DESTROYED", "ENABLED"]


def test_a_disabled_version_is_not_read(secret: Api) -> None:
    add(secret, "one")
    secret.post(f"{SECRETS}/token/versions/1:disable")
    status, reason, message = secret.refused("GET", f"{SECRETS}/token/versions/1:access")
    assert (status, reason) == (400, "FAILED_PRECONDITION")
    assert "is in DISABLED state" in message
    secret.post(f"{SECRETS}/token/versions/1:enable")
    assert value(secret) == "one"


def test_a_value_is_read_by_whom_a_binding_lets(secret: Api) -> None:
    add(secret, "one")
    secret.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    token = secret.identities.mint(EMAIL, scopes=(CLOUD,), instance_key="compute/i").access_token
    path = f"{SECRETS}/token/versions/latest:access"
    refused = secret.raw("GET", path, token=token)
    assert refused.status_code == 403
    assert "secretmanager.versions.access" in refused.text
    binding = {"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{EMAIL}"]}
    secret.post(f"{SECRETS}/token:setIamPolicy", {"policy": {"bindings": [binding]}})
    assert secret.raw("GET", path, token=token).status_code == 200
    assert secret.raw("GET", f"{SECRETS}/token", token=token).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            f"{SECRETS}?secretId=a.b",
            {"replication": {"automatic": {}}},
            "[a.b] does not match the expected format",
        ),
        (f"{SECRETS}?secretId=x", {}, "exactly one of automatic and userManaged"),
        (f"{SECRETS}?secretId=token", {"replication": {"automatic": {}}}, "already exists"),
        (f"{SECRETS}/token:addVersion", {"payload": {"data": "***"}}, "Base64"),
        (f"{SECRETS}/token:addVersion", {"payload": {"data": "YQ==", "dataCrc32c": "1"}}, "CRC32C"),
        (f"{SECRETS}/none:addVersion", {"payload": {"data": "YQ=="}}, "[projects/1/secrets/none] not found"),
    ],
)
def test_what_cannot_be_is_refused(secret: Api, path: str, body: dict[str, object], said: str) -> None:
    assert said in secret.refused("POST", path, body)[2]


def test_a_patch_changes_what_its_mask_names(secret: Api) -> None:
    changed = secret.call(
        "PATCH", f"{SECRETS}/token?updateMask=labels,annotations", {"annotations": {"c": "d"}}
    )
    assert changed["annotations"] == {"c": "d"}
    assert "labels" not in changed
    assert "cannot be updated" in secret.refused("PATCH", f"{SECRETS}/token?updateMask=replication", {})[2]


def test_deleting_a_secret_takes_its_versions_and_policy_along(secret: Api) -> None:
    add(secret, "one")
    secret.post(f"{SECRETS}/token:setIamPolicy", {"policy": {}})
    secret.call("DELETE", f"{SECRETS}/token")
    assert list(secret.store.scan("secretmanager/")) == []
