"""Outside of Compute too no field of a request is passed over: it does something, is the server's, is told, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localcloud.api import elsewhere
from localcloud.api.app import handlers
from localcloud.api.effects import NO_EFFECT
from localcloud.discovery.document import load
from localcloud.discovery.generate import KEPT

if TYPE_CHECKING:
    from localcloud.discovery.document import Document
    from tests.localcloud.api.client import Api

SERVED = {*handlers(), "storage.objects.insert"}
APIS = [load(name) for name in KEPT if not name.startswith("compute.")]
# Their methods are always refused, whatever a request says.
REFUSED_METHODS = ("iam.projects.serviceAccounts.keys.", "serviceusage.services.disable")
REQUESTS = sorted(
    {
        (api.name, method.request)
        for api in APIS
        for method in api.methods.values()
        if method.id in SERVED and method.request and not method.id.startswith(REFUSED_METHODS)
    }
)


def settable(api: Document, schema: str) -> set[str]:
    properties = api.schema(schema).get("properties", {})
    return {name for name, child in properties.items() if not child.get("readOnly")}


@pytest.mark.parametrize(("name", "schema"), REQUESTS)
def test_every_field_of_a_request_is_accounted_for(name: str, schema: str) -> None:
    fields = settable(load(name), schema)
    told = {entry.path.partition(".")[0].removesuffix("[]") for entry in NO_EFFECT.get(schema, ())}
    refused = set(elsewhere.REFUSED.get(schema, {}))
    known = (
        elsewhere.SERVED.get(schema, frozenset()) | elsewhere.FILLED.get(schema, frozenset()) | told | refused
    )
    assert fields - known == set(), "neither served, filled, told nor refused"


def test_every_field_that_is_accounted_for_is_one_of_googles() -> None:
    everything: dict[str, set[str]] = {}
    for api in APIS:
        for schema in api.schemas():
            everything.setdefault(schema, set()).update(api.schema(schema).get("properties", {}))
    for table in (elsewhere.SERVED, elsewhere.FILLED, elsewhere.REFUSED):
        for schema, fields in table.items():
            assert set(fields) <= everything[schema], schema


def told(api: Api) -> list[str]:
    return [event.data["field"] for event in api.store.events() if event.kind == "unsupported"]


def test_a_buckets_fields_without_effect_are_told_once(api: Api) -> None:
    body = {
        "name": "p-b",
        "softDeletePolicy": {"retentionDurationSeconds": "604800"},
        "defaultEventBasedHold": True,
    }
    api.post("/storage/v1/b?project=p", body)
    assert sorted(told(api)) == ["defaultEventBasedHold", "softDeletePolicy.retentionDurationSeconds"]
    api.call(
        "PATCH",
        "/storage/v1/b/p-b",
        {"labels": {"a": "b"}, "softDeletePolicy": {"retentionDurationSeconds": "0"}},
    )
    assert len(told(api)) == 2


@pytest.mark.parametrize("field", sorted(elsewhere.REFUSED["Object"]))
def test_what_objects_here_have_not_is_refused(api: Api, field: str) -> None:
    api.post("/storage/v1/b?project=p", {"name": "p-b"})
    api.raw("POST", "/upload/storage/v1/b/p-b/o?uploadType=media&name=n", content=b"x")
    values: dict[str, Any] = {
        "acl": [{"entity": "allUsers", "role": "READER"}],
        "contexts": {"custom": {"a": {"value": "b"}}},
        "customerEncryption": {"keySha256": "x"},
        "kmsKeyName": "k",
        "retention": {"mode": "Locked"},
    }
    body = {field: values[field]}
    for method, path, sent in (
        ("PATCH", "/storage/v1/b/p-b/o/n", body),
        ("PUT", "/storage/v1/b/p-b/o/n", body),
        ("POST", "/storage/v1/b/p-b/o/n/rewriteTo/b/p-b/o/m", body),
        ("POST", "/storage/v1/b/p-b/o/m/compose", {"sourceObjects": [{"name": "n"}], "destination": body}),
    ):
        status, _, message = api.refused(method, path, sent)
        assert (status, f"'{field}'" in message) == (400, True)


def test_a_hold_on_an_object_is_told(api: Api) -> None:
    api.post("/storage/v1/b?project=p", {"name": "p-b"})
    api.raw("POST", "/upload/storage/v1/b/p-b/o?uploadType=media&name=n", content=b"x")
    api.call("PATCH", "/storage/v1/b/p-b/o/n", {"temporaryHold": True})
    api.call("PATCH", "/storage/v1/b/p-b/o/n", {"metadata": {"a": "b"}})
    assert told(api) == ["temporaryHold"]


def test_a_policys_mask_and_audit_configs_are_not_passed_over(api: Api) -> None:
    binding = {"role": "roles/viewer", "members": ["user:ann@example.com"]}
    path = "/crm/v1/projects/p:setIamPolicy"
    api.post(path, {"policy": {"bindings": [binding]}, "updateMask": "bindings,etag"})
    audit = {"auditConfigs": [{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]}
    assert "auditConfigs" in api.refused("POST", path, {"policy": audit})[2]
    assert "updateMask" in api.refused("POST", path, {"policy": {}, "updateMask": "auditConfigs"})[2]
    assert api.post("/crm/v1/projects/p:getIamPolicy")["bindings"] == [binding]
