"""What an autoscaler's custom metrics ask for, from the time series that were written (`localcloud.plans.metrics`).

A metric of resource type gce_instance (the default) has a time series per instance: its mean over the group is to be at the target, as
CPU's is. One of any other type is of the group as a whole: its value is to be at the target, or `singleInstanceAssignment` of it on each
instance. Where several series are selected their values are summed, as Google does.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from localcloud.control.signals import NOISE, Need, by_utilisation
from localcloud.plans import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from localcloud.control.signals import Load
    from localcloud.store import Document, Store

# Older points say nothing of the load now; Google asks for one a minute at least.
_FRESH = 300.0
_TERM = re.compile(
    r"""(metric\.type|resource\.type|(?:metric|resource)\.labels?\.[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|([^\s"()]+))"""
)
_SECONDS: Mapping[str, float] = {"DELTA_PER_SECOND": 1.0, "DELTA_PER_MINUTE": 60.0}


def needs(
    store: Store,
    policy: Mapping[str, Any],
    loads: Sequence[Load],
    current: int,
    *,
    initialisation: float,
    now: float,
) -> Iterator[Need]:
    """Yield what each of a policy's customMetricUtilizations asks for; `loads` are the group's instances, their ids being numeric."""
    for entry in policy.get("customMetricUtilizations") or ():
        try:
            metric, terms = _selector(entry)
        except ValueError as error:
            yield Need(size=None, reason=str(error), detail="CUSTOM_METRIC_INVALID")
            continue
        written = [series for _, series in store.scan(metrics.prefix_of(metric))]
        chosen = [series for series in written if _matches(series, terms)]
        if written and not chosen:
            reason = f"no time series of {metric} is of {_words(terms)}"
            yield Need(size=None, reason=reason, detail="CUSTOM_METRIC_INVALID")
            continue
        values = [(series, value) for series in chosen if (value := _value(series, entry, now)) is not None]
        if terms["resource.type"] == "gce_instance":
            yield _of_instances(metric, entry, values, loads, current=current, initialisation=initialisation)
        else:
            yield _of_the_group(metric, entry, [value for _, value in values], current)


def _of_instances(
    metric: str,
    entry: Mapping[str, Any],
    values: Sequence[tuple[Document, float]],
    loads: Sequence[Load],
    *,
    current: int,
    initialisation: float,
) -> Need:
    by_id: dict[str, float] = {}
    for series, value in values:
        numeric_id = str(series["resource"]["labels"].get("instance_id", ""))
        by_id[numeric_id] = by_id.get(numeric_id, 0.0) + value
    measured = [load.measured(by_id.get(load.id)) for load in loads]
    present = [load.utilisation for load in measured if load.utilisation is not None]
    if not present:
        return _missing(metric)
    if entry.get("singleInstanceAssignment"):
        return _of_the_group(metric, entry, present, current)
    target = float(entry["utilizationTarget"])
    found = by_utilisation(measured, current, target, initialisation, unit="{:g}".format)
    return Need(size=found.size, reason=f"{metric}: {found.reason}")


def _of_the_group(metric: str, entry: Mapping[str, Any], values: Sequence[float], current: int) -> Need:
    if not values:
        return _missing(metric)
    total = sum(values)
    if assignment := float(entry.get("singleInstanceAssignment") or 0):
        size = math.ceil(total / assignment - NOISE)
        return Need(size=size, reason=f"{metric} is {total:g}: ceil({total:g} / {assignment:g}) = {size}")
    target = float(entry["utilizationTarget"])
    size = math.ceil(current * total / target - NOISE)
    return Need(size=size, reason=f"{metric} is {total:g}: ceil({current} x {total:g} / {target:g}) = {size}")


def _missing(metric: str) -> Need:
    reason = f"nobody wrote {metric} in the last {_FRESH:g} s"
    return Need(size=None, reason=reason, detail="MISSING_CUSTOM_METRIC_DATA_POINTS")


def _value(series: Document, entry: Mapping[str, Any], now: float) -> float | None:
    """Return the latest value, or how fast it grows where the target is a rate; None without fresh points."""
    points = [(float(at), float(value)) for at, value in series["points"] if at > now - _FRESH]
    if not points:
        return None
    seconds = _SECONDS.get(str(entry.get("utilizationTargetType") or "GAUGE"))
    if seconds is None:
        return points[0][1]
    if len(points) < 2:
        return None
    (ended, after), (began, before) = points[:2]
    grown = after if series.get("metricKind") == "DELTA" else after - before
    return max(0.0, grown) / (ended - began) * seconds


def _selector(entry: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the metric's type and what else a series must have; ValueError for a filter that autoscalers do not take."""
    terms = {"resource.type": "gce_instance"}
    for part in re.split(r"\s+AND\s+", str(entry.get("filter") or "").strip()):
        if not part:
            continue
        term = _TERM.fullmatch(part.strip())
        if term is None:
            msg = f"filter {part!r}: autoscalers take equalities joined by AND only"
            raise ValueError(msg)
        terms[term[1].replace(".label.", ".labels.")] = term[2] if term[2] is not None else term[3]
    metric = terms.pop("metric.type", "") or str(entry.get("metric") or "")
    if entry.get("metric") and metric != entry["metric"]:
        msg = f"metric {entry['metric']} and the filter's {metric} differ; name one"
        raise ValueError(msg)
    if not metric:
        msg = "no metric is named, neither as such nor in the filter"
        raise ValueError(msg)
    return metric, terms


def _matches(series: Document, terms: Mapping[str, str]) -> bool:
    for name, wanted in terms.items():
        part, _, rest = name.partition(".")
        found = series[part]
        value = found["type"] if rest == "type" else found["labels"].get(rest.partition(".")[2])
        if value is None or str(value) != wanted:
            return False
    return True


def _words(terms: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {value}" for name, value in sorted(terms.items()))
