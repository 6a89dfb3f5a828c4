"""Alerts and the dashboard."""

from __future__ import annotations

import json

from components.monitoring import MonitoringPolicy
from tests.components.parts import (
    make_monitoring,
)


def test_what_is_watched_is_what_was_asked_for() -> None:
    assert [item for item in make_monitoring(MonitoringPolicy()).resources if item.custom] == []
    fixed = make_monitoring(MonitoringPolicy(alerts=True), max_replicas=None)
    assert {item.name for item in fixed.of("AlertPolicy")} == {"web-unhealthy", "web-recreated"}
    (page,) = make_monitoring(MonitoringPolicy(dashboard=True)).of("Dashboard")
    widgets = json.loads(page.inputs["dashboardJson"])["gridLayout"]["widgets"]
    assert [item["title"] for item in widgets][0::3] == ["Instances", "Changes of health"]
    assert '"web-group-1"' in widgets[3]["logsPanel"]["filter"]
