"""Time series: numbers that instances and users write, and that autoscalers scale by. Nothing draws or alerts on them.

A series is kept where `localcloud.plans.metrics` says, by metric, its labels, and the resource that it is of.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.clock import rfc3339
from localcloud.plans import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_MOST = 200  # series in one call
_DESCRIBING = ("description", "unit")  # kept, and answered in lists
_AHEAD = 300.0  # cloud seconds that a point may be ahead of the cloud's clock, as on Google Cloud
_WRITABLE = ("custom.googleapis.com/", "external.googleapis.com/", "workload.googleapis.com/")
_TYPE = re.compile(r"[a-z][a-zA-Z0-9.-]*(?:/[a-zA-Z0-9_.-]+)+")
_TERM = re.compile(
    r"""(metric\.type|resource\.type|(?:metric|resource)\.labels?\.[a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(?:"([^"]*)"|([^\s"()]+))"""
)


def _create(call: Call) -> Result:
    rpc.project(call)
    given = call.body.get("timeSeries")
    if not given:
        raise rpc.bad_request("Field timeSeries must not be empty.")
    if len(given) > _MOST:
        raise rpc.bad_request(
            f"At most {_MOST} time series can be written in one call; these are {len(given)}."
        )
    writes: dict[str, Document] = {}
    for index, series in enumerate(given):
        key, document = _written(call, series, f"timeSeries[{index}]")
        if key in writes:
            raise rpc.bad_request(f"Field timeSeries[{index}] repeats a time series of this request.")
        writes[key] = document
    with call.cloud.store.transaction() as change:
        for key, document in writes.items():
            change.put(key, document)
    return {}


def _written(call: Call, series: Mapping[str, Any], where: str) -> tuple[str, Document]:
    """Return a series with its new point, and its key."""
    metric, resource = series.get("metric") or {}, series.get("resource") or {"type": "global"}
    name = metric.get("type", "")
    if not name.startswith(_WRITABLE) or not _TYPE.fullmatch(name):
        rule = f"must begin with one of {', '.join(_WRITABLE)}: others are Google's own"
        raise rpc.bad_request(f"Field {where}.metric.type had an invalid value of '{name}': {rule}.")
    points = series.get("points") or []
    if len(points) != 1:
        raise rpc.bad_request(f"Field {where}.points must have exactly one point; it has {len(points)}.")
    kind = series.get("metricKind", "GAUGE")
    document: dict[str, Any] = {
        "metric": {"type": name, "labels": dict(metric.get("labels", {}))},
        "resource": {"type": resource.get("type", "global"), "labels": dict(resource.get("labels", {}))},
        "metricKind": "GAUGE" if kind == "METRIC_KIND_UNSPECIFIED" else kind,
        "valueType": "INT64" if "int64Value" in points[0].get("value", {}) else "DOUBLE",
        **{field: series[field] for field in _DESCRIBING if series.get(field)},
    }
    if series.get("valueType", "VALUE_TYPE_UNSPECIFIED") not in (
        "VALUE_TYPE_UNSPECIFIED",
        document["valueType"],
    ):
        rule = f"the point's value is of type {document['valueType']}"
        raise rpc.bad_request(
            f"Field {where}.valueType had an invalid value of '{series['valueType']}': {rule}."
        )
    key = metrics.key_of(document["metric"], document["resource"])
    old = call.cloud.store.get(key)
    for field in ("metricKind", "valueType"):
        if old is not None and old[field] != document[field]:
            raise rpc.bad_request(
                f"Field {where}.{field} is {document[field]}; the metric's is {old[field]}."
            )
    at, value = _point(call, points[0], f"{where}.points[0]")
    _check_start(points[0], document["metricKind"], at, f"{where}.points[0].interval.startTime")
    before = list((old or {}).get("points", []))
    if before and at <= before[0][0]:
        rule = "points must be written in order, each later than the one before"
        raise rpc.bad_request(f"Field {where}.points[0].interval.endTime: {rule}.")
    kept = [[at, value], *before]
    document["points"] = [point for point in kept if point[0] > call.cloud.clock.now() - metrics.KEPT]
    return key, document


def _point(call: Call, point: Mapping[str, Any], where: str) -> tuple[float, float]:
    value = point.get("value") or {}
    if "doubleValue" in value:
        number = float(value["doubleValue"])
    elif "int64Value" in value:
        number = float(value["int64Value"])
    else:
        raise rpc.bad_request(f"Field {where}.value must have a doubleValue or an int64Value here.")
    now = call.cloud.clock.now()
    at = _time((point.get("interval") or {}).get("endTime"), f"{where}.interval.endTime")
    if not now - metrics.KEPT < at <= now + _AHEAD:
        rule = f"must be within the last {metrics.KEPT:g} s of the cloud's time, {rfc3339(now)}"
        raise rpc.bad_request(f"Field {where}.interval.endTime: {rule}.")
    return at, number


def _check_start(point: Mapping[str, Any], kind: str, at: float, where: str) -> None:
    """Refuse an interval that does not fit the kind of metric: that of a gauge is a moment, any other's is none."""
    given = point["interval"].get("startTime")
    start = _time(given, where) if given else at
    if kind == "GAUGE" and start != at:
        raise rpc.bad_request(f"Field {where} must be the end time, or be left out: the metric is a GAUGE.")
    if kind != "GAUGE" and start >= at:
        raise rpc.bad_request(f"Field {where} must be before the end time: the metric is {kind}.")


def _time(text: str | None, where: str) -> float:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise rpc.bad_request(f"Field {where} had an invalid value of '{text}': {error}.") from error
    if at.tzinfo is None:
        raise rpc.bad_request(f"Field {where} had an invalid value of '{text}': it has no time zone.")
    return at.timestamp()


def _list(call: Call) -> Result:
    rpc.project(call)
    for name in sorted(call.query):
        if name.startswith(("aggregation", "secondaryAggregation", "orderBy")):
            raise rpc.bad_request(f"{name} is not evaluated by the local cloud: leave it out.")
    terms = _terms(str(call.query.get("filter") or ""))
    end = _time(call.query.get("interval.endTime"), "interval.endTime")
    first = call.query.get("interval.startTime")
    start = _time(first, "interval.startTime") if first else end
    found: list[Document] = []
    for _, series in call.cloud.store.scan(metrics.prefix_of(terms.pop("metric.type"))):
        points = [point for point in series["points"] if start <= point[0] <= end]
        if points and all(_label(series, name) == value for name, value in terms.items()):
            found.append(_rendered(series, points, headers=call.query.get("view") == "HEADERS"))
    return rpc.cut(call, found, "timeSeries", largest=100_000, size=100_000)


def _terms(text: str) -> dict[str, str]:
    """Return the filter's comparisons by name; 400 for all but equalities joined by AND, one of them of the metric's type."""
    terms: dict[str, str] = {}
    for part in re.split(r"\s+AND\s+", text.strip()):
        term = _TERM.fullmatch(part.strip())
        if term is None:
            rule = 'the local cloud evaluates equalities joined by AND, as in metric.type = "custom.googleapis.com/queue"'
            raise rpc.bad_request(f"Invalid filter '{text}': {rule}.")
        terms[term[1].replace(".label.", ".labels.")] = term[2] if term[2] is not None else term[3]
    if "metric.type" not in terms:
        raise rpc.bad_request(f"Invalid filter '{text}': it must name one metric.type.")
    return terms


def _label(series: Document, name: str) -> str | None:
    part, _, rest = name.partition(".")
    found: Mapping[str, Any] = series[part]
    value = found["type"] if rest == "type" else found["labels"].get(rest.partition(".")[2])
    return None if value is None else str(value)


def _rendered(series: Document, points: list[list[float]], *, headers: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        name: series[name]
        for name in ("metric", "resource", "metricKind", "valueType", *_DESCRIBING)
        if name in series
    }
    if not headers:
        result["points"] = [_answered(at, value, series["valueType"]) for at, value in points]
    return result


def _answered(at: float, value: float, kind: str) -> dict[str, Any]:
    stamp = rfc3339(at).replace("+00:00", "Z")
    typed: dict[str, Any] = {"int64Value": str(int(value))} if kind == "INT64" else {"doubleValue": value}
    return {"interval": {"startTime": stamp, "endTime": stamp}, "value": typed}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {"monitoring.projects.timeSeries.create": _create, "monitoring.projects.timeSeries.list": _list}
