"""Every list there is, asked for in every way that Google's discovery documents allow: filtered, ordered, in pages of any size."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.plans import per_instance
from tests.localcloud.api.client import PROJECT, REGION, Api
from tests.localcloud.api.lists import IDS, LISTS, ask, entries, parameters, sizes, walk
from tests.localcloud.api.test_every_method import build_all, zonal_member
from tests.localcloud.api.test_groups import put
from tests.localcloud.api.test_time_series import METRIC, series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.discovery.document import Method
    from localcloud.discovery.json_value import JsonValue


COPIES = 3  # of each resource, beside the first
# Filters that are not of the common kind (objects have no contexts, so all are refused), have a test of their own, or are always set.
OWN_FILTERS = {
    "compute.machineTypes.aggregatedList",
    "monitoring.projects.timeSeries.list",
    "serviceusage.services.list",
    "storage.objects.list",
}
# In these there is nothing, or one thing, ever.
SHORT = {
    "storage.anywhereCaches.list",
    "compute.routers.getNatMappingInfo",
    "cloudresourcemanager.projects.list",
}


def _disk(api: Api) -> None:
    """Keep a disk, as the controllers do of an instance that is gone."""
    place = f"projects/{PROJECT}/zones/{REGION}-b/disks/kept"
    document = {
        "kind": "compute#disk",
        "id": "77",
        "name": "kept",
        "creationTimestamp": "2026-01-01T00:00:00.000+00:00",
        "selfLink": f"https://www.googleapis.com/compute/v1/{place}",
    }
    with api.store.transaction() as change:
        change.put(f"compute/{place}", document)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A cloud with several of everything that lists have. Nothing here changes it."""
    api = Api(tmp_path_factory.mktemp("crowded"))
    build_all(api)
    zonal_member(api)
    _more_services(api)
    _disk(api)
    with api.store.transaction() as change:
        for key, document in list(api.store.scan("")):
            head, _, name = key.rpartition("/")
            if key.startswith("compute/") or (key.startswith("control/managed/") and name):
                for number in range(COPIES):
                    twin = copy.deepcopy(dict(document))
                    twin |= {
                        "name": f"{document['name']}-{number}",
                        "creationTimestamp": f"2026-01-0{number + 1}",
                    }
                    change.put(f"{head}/{name}-{number}", twin)
        for group in (
            "zones/europe-west1-b/instanceGroupManagers/zonal",
            f"regions/{REGION}/instanceGroupManagers/web",
        ):
            place = f"projects/{PROJECT}/{group}"
            errors = [
                {"error": {"code": f"E{number}"}, "timestamp": f"2026-01-0{number + 1}T00:00:00Z"}
                for number in range(4)
            ]
            change.put(f"control/errors/{place}", {"items": errors})
            for number in range(4):
                config = {
                    "name": f"web-{number}",
                    "fingerprint": "AAAA",
                    "preservedState": {},
                    "status": "EFFECTIVE",
                }
                change.put(per_instance.key_of(place, f"web-{number}"), config)
            managed = dict(api.store.get(f"compute/{place}") or {})
            change.put(f"compute/{place}", {**managed, "listManagedInstancesResults": "PAGINATED"})
    yield api
    api.close()


def _more_services(api: Api) -> None:
    for number in range(4):
        api.post("/storage/v1/b?project=p", {"name": f"p-data{number or ''}"})
        api.raw("POST", f"/upload/storage/v1/b/p-data/o?uploadType=media&name=n{number}", content=b"x")
        api.post("/v1/projects/p/serviceAccounts", {"accountId": f"web-sa{number}"})
        secret: dict[str, JsonValue] = {"replication": {"automatic": {}}}
        api.post(f"/secretmanager/v1/projects/p/secrets?secretId=s{number or ''}", secret)
        api.post("/secretmanager/v1/projects/p/secrets/s:addVersion", {"payload": {"data": "eA=="}})
        dashboard: dict[str, JsonValue] = {"displayName": f"d{number}", "gridLayout": {}}
        api.post("/monitoring/v1/projects/p/dashboards", dashboard)
        condition = {"displayName": "c", "conditionAbsent": {"filter": 'metric.type="x"', "duration": "60s"}}
        policy = {"displayName": f"a{number}", "combiner": "OR", "conditions": [condition]}
        api.post("/monitoring/v3/projects/p/alertPolicies", policy)
        channel = {"type": "email", "labels": {"email_address": "a@example.com"}, "displayName": f"n{number}"}
        api.post("/monitoring/v3/projects/p/notificationChannels", channel)
        api.post(
            "/monitoring/v3/projects/p/timeSeries",
            {"timeSeries": [series(api.clock.now(), number, f"400{number}")]},
        )


def some(found: list[Any]) -> list[str]:
    return [json.dumps(each, sort_keys=True) for each in found]


@pytest.mark.parametrize("method", LISTS, ids=IDS)
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.integers(1, 6), newest=st.booleans())
def test_pages_of_any_size_make_the_whole_list(
    crowded: Api, method: Method, share: int, newest: bool
) -> None:
    order: dict[str, Any] = (
        {"orderBy": "creationTimestamp desc"} if newest and method.id.startswith("compute.") else {}
    )
    whole = entries(ask(crowded, method, **order))
    assert len(whole) > 2 or method.id in SHORT, (
        "the cloud must have several of these for the test to say anything"
    )
    size = len(whole) * share // 6 + 1
    walked = some(walk(crowded, method, size, **order))
    if "aggregated" in method.segments:  # an answer groups them by location: there is no order across these
        assert sorted(walked) == sorted(some(whole))
    else:
        assert walked == some(whole)


@pytest.mark.parametrize(
    "method", [each for each in LISTS if "filter" in parameters(each)], ids=lambda each: each.id
)
def test_a_filter_chooses_and_nonsense_is_refused(crowded: Api, method: Method) -> None:
    refusal = ask(crowded, method, status=400, filter="name =")
    assert "ilter" in refusal["error"]["message"]
    whole = entries(ask(crowded, method))
    if method.id in OWN_FILTERS or not whole:
        return
    field = next(name for name in ("name", "instance", "timestamp") if name in whole[0])
    wanted = whole[len(whole) // 2][field]
    chosen = entries(ask(crowded, method, filter=f'{field} = "{wanted}"'))
    assert sorted(some(chosen)) == sorted(some([each for each in whole if each[field] == wanted]))
    others = walk(crowded, method, len(whole) // 3 + 1, filter=f'{field} != "{wanted}"')
    assert sorted(some(others)) == sorted(some([each for each in whole if each[field] != wanted]))


@pytest.mark.parametrize(
    "method", [each for each in LISTS if "orderBy" in parameters(each)], ids=lambda each: each.id
)
def test_an_order_is_kept_or_refused(crowded: Api, method: Method) -> None:
    if method.id.startswith("monitoring."):
        query: dict[str, Any] = {"orderBy": "-display_name"}
        if method.id.endswith("timeSeries.list"):
            assert "orderBy" in ask(crowded, method, status=400, **query)["error"]["message"]
            return
        names = [each["displayName"] for each in entries(ask(crowded, method, **query))]
        assert names == sorted(names, reverse=True)
        return
    # An answer for all locations groups what it has by them, so only its pages tell the order: six pages of one are enough.
    alone = "aggregated" in method.segments
    size = 1 if alone else len(entries(ask(crowded, method))) // 3 + 1
    pages = walk(crowded, method, size, most=6 if alone else None, orderBy="creationTimestamp desc")
    ages = [each.get("creationTimestamp", each.get("timestamp", "")) for each in pages]
    assert ages == sorted(ages, reverse=True)
    assert "Must be 'name'" in ask(crowded, method, status=400, orderBy="size")["error"]["message"]


@pytest.mark.parametrize("method", LISTS, ids=IDS)
def test_a_page_token_is_for_its_own_list_only(crowded: Api, method: Method) -> None:
    if method.id in SHORT or method.id == "storage.objects.list":  # whose tokens are names: any name will do
        return
    token = ask(crowded, method, **{sizes(method): 1})["nextPageToken"]
    for other in ({"pageToken": "nonsense"}, {"pageToken": token, **_other(method)}):
        assert "age token" in ask(crowded, method, status=400, **other)["error"]["message"]
    if method.id.startswith("compute."):
        limit = ask(crowded, method, status=400, maxResults=501)["error"]["message"]
        assert "Values must be within the range: [0, 500]" in limit


def _other(method: Method) -> dict[str, str]:
    """Return what makes it another request."""
    if method.id == "storage.buckets.list":
        return {"prefix": "p"}
    if method.id == "monitoring.projects.timeSeries.list":
        return {"filter": f'metric.type = "{METRIC}" AND resource.type = "gce_instance"'}
    if "filter" in parameters(method) and method.id not in OWN_FILTERS:
        return {"filter": 'name != "nobody"'}
    return {"pageToken": "MS5hYmNkZWYwMTIzNDU="}  # made for another list


def test_a_group_that_is_not_paginated_ignores_pages_but_not_filters(crowded: Api) -> None:
    path = f"/compute/v1/projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web-0/listManagedInstances"
    whole = crowded.post(f"{path}?maxResults=1")
    assert "nextPageToken" not in whole
    named = crowded.post(f"{path}?filter=name=nobody")
    assert named == {}


def test_objects_are_listed_between_offsets_and_by_globs(crowded: Api) -> None:
    path = "/storage/v1/b/p-data/o"
    for query, names in (
        ("startOffset=n1&endOffset=n3", ["n1", "n2"]),
        ("matchGlob=n%5B12%5D", ["n1", "n2"]),
        ("matchGlob=*3", ["n3"]),
        ("matchGlob=%7Bn0,n3%7D", ["n0", "n3"]),
        ("matchGlob=x**", []),
    ):
        assert [each["name"] for each in crowded.get(f"{path}?{query}").get("items", [])] == names
    assert crowded.get(f"{path}?filter=x", status=400)
    assert crowded.get(f"{path}?softDeleted=true", status=400)


def test_a_zone_that_is_out_is_unreachable_for_lists_over_all(api: Api) -> None:
    build_all(api)
    fault = {"name": "fault-1", "kind": "zone-outage", "zone": f"{REGION}-b", "since": 0, "until": None}
    put(api, "control/faults/fault-1", fault)
    base, scope = f"/compute/v1/projects/{PROJECT}", f"zones/{REGION}-b"
    for kind in ("instances", "instanceGroupManagers", "autoscalers", "disks"):
        path = f"{base}/aggregated/{kind}"
        answer = api.get(f"{path}?returnPartialSuccess=true")
        assert answer["unreachables"] == [scope]
        assert answer["items"][scope]["warning"]["code"] == "UNREACHABLE"
        assert kind not in answer["items"][scope]
        error = api.get(path, status=503)["error"]
        assert (error["errors"][0]["reason"], "returnPartialSuccess" in error["message"]) == (
            "backendError",
            True,
        )
    assert "unreachables" not in api.get(f"{base}/aggregated/addresses")
    groups = api.get(f"{base}/aggregated/instanceGroupManagers?returnPartialSuccess=true")["items"]
    assert groups[f"regions/{REGION}"]["instanceGroupManagers"], "what is regional is reachable"
    assert api.get(f"{base}/{scope}/instances")["items"], "and so is the zone, asked for itself"
    put(api, "control/faults/fault-1", None)
    assert api.get(f"{base}/aggregated/instances")["items"][scope]["instances"]


def test_a_zone_is_down_while_it_is_out_and_only_then(api: Api) -> None:
    base, name = f"/compute/v1/projects/{PROJECT}/zones", f"{REGION}-b"
    up = f"{base}?filter={quote('(status eq UP)')}"

    def names(path: str) -> set[str]:
        return {zone["name"] for zone in api.get(path)["items"]}

    every = names(base)
    assert name in every
    assert names(up) == every
    fault = {"name": "fault-1", "kind": "zone-outage", "zone": name, "since": 0, "until": None}
    put(api, "control/faults/fault-1", fault)
    put(api, "control/faults/fault-2", {**fault, "name": "fault-2", "kind": "slow", "zone": f"{REGION}-c"})
    assert api.get(f"{base}/{name}")["status"] == "DOWN"
    assert api.get(f"{base}/{REGION}-c")["status"] == "UP"
    assert names(base) == every
    assert names(up) == every - {name}
    assert api.get(f"/compute/v1/projects/{PROJECT}/regions/{REGION}")["status"] == "UP"
    put(api, "control/faults/fault-1", None)
    assert api.get(f"{base}/{name}")["status"] == "UP"
    assert names(up) == every
