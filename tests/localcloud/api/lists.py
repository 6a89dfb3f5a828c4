"""Every list that is served, and how it is asked: paths, parameters, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from localcloud.api.app import handlers
from localcloud.clock import rfc3339
from localcloud.discovery.document import load
from localcloud.discovery.generate import KEPT
from tests.localcloud.api.client import PROJECT, REGION, Api
from tests.localcloud.api.test_time_series import METRIC

if TYPE_CHECKING:
    from localcloud.discovery.document import Method


SERVED = handlers()
_PREFIXES = {
    "compute.v1": "/compute/v1",
    "compute.beta": "/compute/beta",
    "storage.v1": "/storage/v1",
    "iam.v1": "/iam/v1",
    "cloudresourcemanager.v1": "/crm/v1",
    "serviceusage.v1": "/serviceusage/v1",
    "secretmanager.v1": "/secretmanager/v1",
    "monitoring.v1": "/monitoring/v1",
    "monitoring.v3": "/monitoring/v3",
}
# Path parameters whose values are not the resource's own kind's; the rest is the same everywhere.
_VALUES = {
    "project": PROJECT,
    "projectsId": PROJECT,
    "region": REGION,
    "zone": f"{REGION}-b",
    "bucket": "p-data",
    "router": "r",
    "secretsId": "s",
    "v1Id": "projects",
    "v1Id1": PROJECT,
}


def parameters(method: Method) -> dict[str, Any]:
    found: dict[str, Any] = method.api._raw["methods"][method.id]["parameters"]
    return found


LISTS = [
    method
    for name in KEPT
    for method in load(name).methods.values()
    if method.id in SERVED and method.kept and "pageToken" in parameters(method)
]
IDS = [f"{method.api.name}-{method.id.partition('.')[2]}" for method in LISTS]


def path_of(method: Method) -> str:
    """Return the list's path, filled with what the crowded cloud has."""
    values = dict(_VALUES)
    group = "zonal" if "zone" in method.names else "web"
    values |= {"instanceGroupManager": group, "instanceGroup": group}
    if method.id == "compute.images.list":
        values["project"] = "debian-cloud"
    segments = [values[part[1:-1]] if part.startswith("{") else part for part in method.segments]
    return f"{_PREFIXES[method.api.name]}/{'/'.join(segments)}"


def query_of(api: Api, method: Method) -> dict[str, Any]:
    """Return the parameters that the method wants whatever it is asked."""
    if method.id == "storage.buckets.list":
        return {"project": PROJECT}
    if method.id == "compute.machineTypes.aggregatedList":
        return {"filter": "name=e2-small"}  # there are thousands, more than a page
    if method.id == "monitoring.projects.timeSeries.list":
        return {"filter": f'metric.type = "{METRIC}"', "interval.endTime": rfc3339(api.clock.now())}
    return {}


def ask(api: Api, method: Method, status: int = 200, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    asked = {**query_of(api, method), **query}
    text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items())
    path = f"{path_of(method)}?{text}"
    answer = api.call(method.http, path, {} if method.http == "POST" else None, status=status)
    found: dict[str, Any] = answer
    return found


def entries(answer: dict[str, Any]) -> list[Any]:
    """Return what a list has, whatever it calls it."""
    items = answer.get("items")
    if isinstance(items, dict):  # by location
        return [
            each
            for place in items.values()
            for name, found in place.items()
            if name != "warning"
            for each in found
        ]
    return next(
        (value for name, value in answer.items() if isinstance(value, list) and name != "unreachables"), []
    )


def sizes(method: Method) -> str:
    return "maxResults" if "maxResults" in parameters(method) else "pageSize"


def walk(api: Api, method: Method, size: int, *, most: int | None = None, **query: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Follow page tokens to the end, or for so many pages."""
    found: list[Any] = []
    token: dict[str, Any] = {}
    while True:
        answer = ask(api, method, **{sizes(method): size}, **query, **token)
        assert len(entries(answer)) <= size
        found += entries(answer)
        most = None if most is None else most - 1
        if not answer.get("nextPageToken") or most == 0:
            return found
        assert len(entries(answer)) == size, "a page that is not the last is full"
        token = {"pageToken": answer["nextPageToken"]}
