"""Quotas: how much of what a project may have, in each region and altogether. Shared through the store.

The API keeps the limits at `KEY` as {"global": {metric: limit}, "region": {metric: limit}} and refuses what would exceed them;
the controllers, who make instances, do so for INSTANCES and CPUS. A metric without a limit, or a cloud without the document, is
unlimited.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "control/quotas/limits"  # the controllers read keys as control/AREA/REST

# What a new project has, as far as dumps of `gcloud compute regions describe` and `project-info describe` tell; Google changes them.
NEW_PROJECT: Mapping[str, Mapping[str, float]] = {
    "global": {
        "FIREWALLS": 100,
        "HEALTH_CHECKS": 50,
        "INSTANCE_TEMPLATES": 100,
        "NETWORKS": 5,
        "ROUTERS": 10,
        "SUBNETWORKS": 100,
    },
    "region": {
        "AUTOSCALERS": 50,
        "CPUS": 24,
        "EXTERNAL_NETWORK_LB_FORWARDING_RULES": 45,
        "INSTANCES": 24,
        "INSTANCE_GROUPS": 100,
        "INSTANCE_GROUP_MANAGERS": 50,
        "IN_USE_ADDRESSES": 8,
        "REGIONAL_AUTOSCALERS": 50,
        "REGIONAL_EXTERNAL_NETWORK_LB_BACKEND_SERVICES": 50,
        "REGIONAL_INSTANCE_GROUP_MANAGERS": 150,
        "STATIC_ADDRESSES": 8,
    },
}


def message(metric: str, limit: float, region: str = "") -> str:
    """Return Google's words for a quota that is used up; two spaces and all."""
    where = f"in region {region}" if region else "globally"
    return f"Quota '{metric}' exceeded.  Limit: {float(limit)} {where}."


_SHARED = {"e2-micro": 2, "e2-small": 2, "e2-medium": 2, "f1-micro": 1, "g1-small": 1}
_CUSTOM = re.compile(r"custom-(\d+)-")
_SIZE = re.compile(r"-(\d+)(?:-[a-z]+)?$")


def cpus(machine_type: str) -> int:
    """Return how many CPUS an instance of this machine type (its bare name) uses up; 0 if the name says nothing."""
    if machine_type in _SHARED:
        return _SHARED[machine_type]
    found = _CUSTOM.search(machine_type) or _SIZE.search(machine_type)
    return int(found[1]) if found else 0
