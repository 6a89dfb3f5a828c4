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
    from collections.abc import Iterator, Mapping

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


TABLES = (elsewhere.SERVED, elsewhere.NESTED, elsewhere.WHOLE, elsewhere.FILLED, elsewhere.REFUSED)


def accounted(schema: str) -> set[str]:
    """Return the fields of a schema that the tables name, dotted."""
    told = {entry.path.replace("[]", "") for entry in NO_EFFECT.get(schema, ())}
    return told.union(*(set(table.get(schema, ())) for table in TABLES))


def fields(
    api: Document, node: Mapping[str, Any], path: str, known: set[str], within: tuple[str, ...]
) -> Iterator[str]:
    """Yield the fields that clients may set: those that have none below, or stand for all that is below them.

    A schema that is accounted for by itself stands for what is below it, and a served object does not. `within` are the schemas around.
    """
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if child.get("readOnly"):
            continue
        inner = child.get("items") or child.get("additionalProperties") or child
        inner = inner if isinstance(inner, dict) else {}
        reference = inner.get("$ref", "")
        schema = within[0]
        in_parts = below in elsewhere.SERVED.get(schema, ()) and below not in elsewhere.WHOLE.get(schema, ())
        whole = below in known and not in_parts
        ours = bool(reference) and (reference in elsewhere.SERVED or reference in within)
        sub = api.schema(reference) if reference else inner
        if whole or ours or not sub.get("properties"):
            yield below
        else:
            yield from fields(api, sub, below, known, (*within, reference))


@pytest.mark.parametrize(("name", "schema"), REQUESTS)
def test_every_field_of_a_request_is_accounted_for(name: str, schema: str) -> None:
    api, known = load(name), accounted(schema)
    found = set(fields(api, api.schema(schema), "", known, (schema,)))
    assert found - known == set(), "neither served, filled, told nor refused"


def test_every_field_that_is_accounted_for_is_one_of_googles() -> None:
    for table in TABLES:
        for schema, names in table.items():
            for path in names:
                assert any(has(api, schema, path) for api in APIS if schema in api.schemas()), (
                    f"{schema}.{path}"
                )


def has(api: Document, schema: str, path: str) -> bool:
    """Tell whether a schema has a field, dotted."""
    node: Any = api.schema(schema)
    for name in path.split("."):
        node = node.get("items") or node
        node = api.schema(node["$ref"]) if "$ref" in node else node
        if name not in node.get("properties", {}):
            return False
        node = node["properties"][name]
    return True


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


def test_what_is_below_other_fields_is_not_passed_over_either(api: Api) -> None:
    key = {"customerManagedEncryption": {"kmsKeyName": "projects/p/locations/x/keyRings/r/cryptoKeys/k"}}
    path = "/secretmanager/v1/projects/p/secrets"
    api.post(f"{path}?secretId=one", {"replication": {"automatic": key}})
    replicas = [{"location": "europe-west1", **key}]
    api.post(f"{path}?secretId=two", {"replication": {"userManaged": {"replicas": replicas}}})
    assert told(api) == [
        "replication.automatic.customerManagedEncryption",
        "replication.userManaged.replicas[].customerManagedEncryption",
    ]
    older = {"iamConfiguration": {"bucketPolicyOnly": {"enabled": True}}}
    api.post("/storage/v1/b?project=p", {"name": "p-b", **older})
    assert api.get("/storage/v1/b/p-b")["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
