"""Time series that instances and users write (Cloud Monitoring's ``timeSeries.create``), and autoscalers read. Shared through the store.

Each is a document at ``control/metrics/{metric type, percent-encoded}/{digest of its labels}``:

    {"metric": {"type": "custom.googleapis.com/queue", "labels": {}},
     "resource": {"type": "gce_instance", "labels": {"instance_id": "123", "zone": "europe-west1-b"}},
     "metricKind": "GAUGE", "points": [[cloud time in seconds, value], ...]}

Points are newest first, and only those of the last `KEPT` cloud seconds are kept. The API writes; the controllers only read.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "control/metrics/"
KEPT = 3600.0


def prefix_of(metric: str) -> str:
    """Return what the keys of a metric's time series begin with; `metric` is its type."""
    return f"{PREFIX}{quote(metric, safe='')}/"


def key_of(metric: Mapping[str, Any], resource: Mapping[str, Any]) -> str:
    """Return the store key of one time series: a metric of a resource, both with type and labels."""
    labels = [metric.get("labels", {}), resource.get("type", "global"), resource.get("labels", {})]
    digest = hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()
    return prefix_of(metric["type"]) + digest[:24]
