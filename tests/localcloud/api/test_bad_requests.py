"""Whatever is sent, nothing fails and nothing changes unless the answer says that it did.

Bodies are grown from the discovery schemas and then broken: wrong types, unknown names, absurd sizes, deep nesting.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.api.app import handlers
from localcloud.discovery.document import Method, load
from localcloud.discovery.generate import KEPT
from localcloud.discovery.invalid import InvalidRequestError
from localcloud.discovery.validator import Mode
from tests.localcloud.api.client import PROJECT, REGION, Api
from tests.localcloud.api.resources import STACK, build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.discovery.document import Document

# How many requests; the long campaign raises it (CAMPAIGN=50000).
COUNT = int(os.environ.get("CAMPAIGN", "1000"))

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=30),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["web", "net", "sub", "fw", "lb", "heal", "tpl", "none", "UPPER", "", "0", "a" * 64, "1001", "é", "a:b"]
)
_LINKS = st.sampled_from(
    [
        "global/networks/net", f"regions/{REGION}/subnetworks/sub", "projects/p/global/instanceTemplates/tpl", "http://", "/",
        f"https://www.googleapis.com/compute/v1/projects/p/regions/{REGION}/instanceGroups/web", "projects//x", "a/b/c/d",
        f"regions/{REGION}/healthChecks/lb", "global/healthChecks/heal", "127.101.7.1", "10.0.0.0/8", "8080", "80-90", "-1",
        f"regions/{REGION}/instanceGroupManagers/web", "projects/p/regions/moon/instanceGroups/web", "?x", "e2-small", "0",
    ]
)  # fmt: skip


def _methods() -> list[Method]:
    served = handlers()
    found = []
    for name in sorted(set(KEPT) - {"compute.v1"}):
        found += [method for method in load(name).methods.values() if method.id in served]
    return sorted(found, key=lambda method: method.id)


METHODS = _methods()


def _plausible(method: Method, schema: Mapping[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that nearly fit a schema."""
    if "$ref" in schema:
        return _object(method, schema["$ref"], depth)
    kind = schema.get("type")
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], "", "BOGUS"])
    if kind == "array":
        return st.lists(_plausible(method, schema["items"], depth + 1), max_size=2)
    if kind == "boolean":
        return st.booleans()
    if kind in {"integer", "number"} or schema.get("format") in {"int64", "uint64"}:
        return st.integers(-5, 100_000) | st.integers(-(2**65), 2**65) | st.just("7") | st.floats(0, 1)
    if kind == "object":
        if "properties" in schema:
            return _fields(method, schema["properties"], depth)
        return st.dictionaries(st.text(max_size=5), JSON, max_size=2)
    return _LINKS | _NAMES | st.text(max_size=40)


def plausible_bodies(api: Document, schema: str) -> st.SearchStrategy[Any]:
    """Values that nearly fit a schema of Compute's, by its name."""
    return _object(api.methods["compute.instances.list"], schema, 0)  # any method leads to its API's schemas


def _object(method: Method, name: str, depth: int) -> st.SearchStrategy[Any]:
    if depth > 3:
        return st.just({})
    return _fields(method, method.api.schema(name).get("properties", {}), depth)


def _fields(method: Method, properties: Mapping[str, Any], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields; chosen first, so that large schemas do not make huge bodies."""

    def grow(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {name: _plausible(method, properties[name], depth + 1) | JSON for name in names}
        )

    if not properties:
        return st.just({})
    must = [
        name
        for name in ("name", "versions", "targetSize", "properties", "type", "target")
        if name in properties
    ]
    chosen = st.lists(st.sampled_from(sorted(properties)), max_size=4, unique=True)
    return chosen.map(lambda names: sorted({*names, *must})).flatmap(grow)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes | None]:
    """A method of the API with a path, a query and a body that may or may not make sense."""
    method = draw(st.sampled_from(METHODS))
    prefix = {
        "compute": "compute/beta",
        "storage": "storage/v1",
        "iam": "v1",
        "cloudresourcemanager": "crm/v1",
        "secretmanager": "secretmanager/v1",
        "monitoring": f"monitoring/{method.api.version}",
    }
    segments = [prefix.get(method.id.partition(".")[0], "serviceusage/v1")]
    for segment in method.segments:
        usual = {
            "{project}": PROJECT,
            "{region}": REGION,
            "{zone}": f"{REGION}-b",
            "{bucket}": "p-scripts",
            "{projectsId}": PROJECT,
        }
        value = segment
        if segment.startswith("{"):
            value = usual[segment] if segment in usual and draw(st.integers(0, 9)) else draw(_NAMES)
        segments.append(
            "".join(f"%{byte:02X}" for byte in value.encode()) if not value.isascii() or not value else value
        )
    path = "/" + "/".join(segments) + (f":{method.verb}" if method.verb else "")
    names = st.sampled_from(
        [
            "filter",
            "maxResults",
            "pageToken",
            "orderBy",
            "fields",
            "requestId",
            "size",
            "autoscaler",
            "view",
            "x",
        ]
    )
    values = st.sampled_from(
        ["", "1", "-1", "web", "name eq (", "a(b", "name=web", "99999999999", "%00", "items(name)"]
    )
    query = draw(st.lists(st.tuples(names, values), max_size=2))
    path += "?" + "&".join(f"{name}={value.replace(' ', '+')}" for name, value in query) if query else ""
    if method.request is None:
        return method.http, path, None
    body = draw(_object(method, method.request, 0) | JSON)
    text = json.dumps(body).encode()
    return method.http, path, draw(st.sampled_from([text, text, text, text[:-1], b"\xff", b"[" * 5000]))


_BY_PATH = {path.replace("/v1/", "/beta/"): body for path, body in STACK}
_SCHEMAS = {
    "networks": "Network", "subnetworks": "Subnetwork", "firewalls": "Firewall", "addresses": "Address",
    "healthChecks": "HealthCheck", "instanceTemplates": "InstanceTemplate", "instanceGroupManagers": "InstanceGroupManager",
    "backendServices": "BackendService", "forwardingRules": "ForwardingRule",
}  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, str, bytes | None]:
    """A body that is accepted, with a field or two replaced: made anew under another name, or changed where it stands."""
    path = draw(st.sampled_from(sorted(_BY_PATH)))
    method = load("compute.beta").methods[
        "compute.instances.list"
    ]  # any method of that API leads to its schemas
    fields = method.api.schema(_SCHEMAS[path.rpartition("/")[2]])["properties"]
    names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True))
    body = {**_BY_PATH[path], **{name: draw(_plausible(method, fields[name], 1) | JSON) for name in names}}
    verb = draw(st.sampled_from(["POST", "PATCH", "PUT"]))
    if verb == "POST":
        return verb, path, json.dumps({**body, "name": "another"}).encode()
    return (
        verb,
        f"{path}/{_BY_PATH[path]['name']}",
        json.dumps(body if verb == "PUT" else {n: body[n] for n in names}).encode(),
    )


@pytest.fixture(scope="module")
def cloud() -> Any:  # noqa: ANN401 - a generator fixture
    with tempfile.TemporaryDirectory() as folder:
        api = Api(Path(folder))
        api.client = ""  # what is grown at random drives nothing on purpose
        api.post("/storage/v1/b?project=p", {"name": "p-scripts"})
        build(api)
        yield api
        api.close()


@settings(
    max_examples=COUNT,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="CAMPAIGN" not in os.environ,
)
@given(request=requests() | broken())
def test_bad_requests_fail_nothing_and_change_nothing(
    cloud: Api, request: tuple[str, str, bytes | None]
) -> None:
    method, path, body = request
    before = cloud.snapshot()
    headers = {"content-type": "application/json"}
    response = cloud.raw(
        method, path, content=body, headers=headers
    )  # refuses 5xx, and answers that break their schema
    if response.status_code >= 400:
        assert cloud.snapshot() == before
        assert set(response.json()["error"]) >= {"code", "message"}
    else:
        _restore(cloud, before)  # so that the next request finds the whole stack again


def _restore(cloud: Api, before: dict[str, Any]) -> None:
    with cloud.store.transaction() as tx:
        for key, document in dict(cloud.store.scan("")).items():
            if before.get(key) != document:
                tx.delete(key)
        for key, document in before.items():
            if cloud.store.get(key) != document:
                tx.put(key, document)


def _fits(value: Any, schema: str) -> bool:  # noqa: ANN401 - JSON
    try:
        load("compute.v1").validator(schema, Mode.REQUEST)(value)
    except InvalidRequestError:
        return False
    return True


@settings(max_examples=300, deadline=None, derandomize=True)
@given(value=JSON)
def test_the_validator_only_ever_refuses_or_cleans(value: Any) -> None:  # noqa: ANN401 - JSON
    if _fits(value, "HealthCheck"):
        cleaned = load("compute.v1").validator("HealthCheck", Mode.REQUEST)(value)
        assert load("compute.v1").validator("HealthCheck", Mode.REQUEST)(cleaned) == cleaned


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_the_validator_lets_in_may_be_answered(data: st.DataObject) -> None:
    method = load("compute.v1").methods["compute.regionInstanceGroupManagers.insert"]
    value = data.draw(_object(method, "InstanceGroupManager", 0))
    if _fits(value, "InstanceGroupManager"):
        cleaned = load("compute.v1").validator("InstanceGroupManager", Mode.REQUEST)(value)
        load("compute.v1").validator("InstanceGroupManager", Mode.RESPONSE)(cleaned)
