"""No parameter of a query is passed over: each does something, asks for what happens anyway, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.api.app import handlers
from localcloud.api.query_parameters import ANYWAY, REFUSED, SERVED
from localcloud.discovery.document import load
from localcloud.discovery.generate import KEPT
from tests.localcloud.api.client import PROJECT, REGION, region_path
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import ZONE, add_instance

if TYPE_CHECKING:
    from tests.localcloud.api.client import Api

METHODS = {*handlers(), "storage.objects.insert"}


def test_every_parameter_of_a_served_method_is_accounted_for() -> None:
    apis = [load(name) for name in KEPT]
    found = {
        name
        for api in apis
        for method in api.methods.values()
        if method.id in METHODS
        for name in method.parameters().names
    }
    assert found == {*SERVED, *ANYWAY, *REFUSED}
    assert len(found) == len(SERVED) + len(ANYWAY) + len(REFUSED), "one is in two tables"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/compute/v1/projects/{PROJECT}/zones?callback=run"),
        ("GET", f"/compute/v1/projects/{PROJECT}/aggregated/addresses?serviceProjectNumber=7"),
        ("GET", region_path("subnetworks/sub?views=WITH_UTILIZATION")),
        ("PATCH", region_path("subnetworks/sub?drainTimeoutSeconds=5")),
        ("POST", f"/compute/v1/{ZONE}/instances/web-aaaa/attachDisk?forceAttach=true"),
        ("POST", "/storage/v1/b?project=p&predefinedAcl=publicRead"),
        ("POST", "/storage/v1/b?project=p&enableObjectRetention=true"),
        ("POST", "/upload/storage/v1/b/b/o?uploadType=media&name=n&predefinedAcl=publicRead"),
        ("POST", "/upload/storage/v1/b/b/o?uploadType=media&name=n&kmsKeyName=k"),
        ("GET", "/storage/v1/b/b/o?softDeleted=true"),
        ("GET", "/storage/v1/b/b/o/n?restoreToken=t"),
    ],
)
def test_what_would_be_pretending_is_refused(api: Api, method: str, path: str) -> None:
    build(api)
    add_instance(api)
    code, reason, message = api.refused(method, path, {} if method != "GET" else None)
    assert (code, reason) == (400, "invalidParameter")
    name = next(name for name in REFUSED if f"{name}=" in path)
    assert f"'{name}' is not served by the local cloud" in message


def test_what_asks_for_what_happens_anyway_is_taken(api: Api) -> None:
    build(api)
    assert api.get(region_path("subnetworks/sub?views=DEFAULT"))["name"] == "sub"
    assert (
        f"regions/{REGION}"
        in api.get(f"/compute/v1/projects/{PROJECT}/aggregated/addresses?includeAllScopes=true")["items"]
    )
    api.post("/storage/v1/b?project=p&predefinedAcl=projectPrivate&projection=full", {"name": "p-b"})
    path = "/upload/storage/v1/b/p-b/o?uploadType=media&name=n&contentEncoding=gzip"
    assert api.raw("POST", path, content=b"x").json()["contentEncoding"] == "gzip"


def test_a_secret_is_deleted_as_it_was_read(api: Api) -> None:
    secrets = "/secretmanager/v1/projects/p/secrets"
    made = api.post(f"{secrets}?secretId=s", {"replication": {"automatic": {}}})
    stale = "%22000000000000%22"
    assert api.refused("DELETE", f"{secrets}/s?etag={stale}")[0] == 409
    api.call("DELETE", f"{secrets}/s?etag={made['etag'].replace(chr(34), '%22')}")
    assert api.refused("GET", f"{secrets}/s")[0] == 404
