"""Whether a region's quotas have room for one more instance; limits are the API's, see `localcloud.plans.quotas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.links import last
from localcloud.plans import quotas

if TYPE_CHECKING:
    from localcloud.store import Store, Transaction


class QuotaExceededError(Exception):
    """There is no room; the message is Google's."""


def check(store: Store, change: Transaction, *, project: str, zone: str, machine_type: str) -> None:
    """Refuse an instance that is one too many, those of the transaction counted too; `machine_type` is a bare name.

    Raises:
        QuotaExceededError: INSTANCES or CPUS of the zone's region would be exceeded.
    """
    limits = (store.get(quotas.KEY) or {}).get("region", {})
    if not {"INSTANCES", "CPUS"} & limits.keys():
        return
    region = zone.rpartition("-")[0]
    place = f"compute/projects/{project}/zones/{region}-"
    found = {key: document for key, document in store.scan(place) if "/instances/" in key}
    for key, changed in change.writes.items():
        if key.startswith(place) and "/instances/" in key:
            found.pop(key, None)
            if changed is not None:
                found[key] = changed
    used = {"INSTANCES": len(found) + 1, "CPUS": quotas.cpus(machine_type)}
    used["CPUS"] += sum(quotas.cpus(last(document["machineType"])) for document in found.values())
    for metric, amount in used.items():
        if metric in limits and amount > limits[metric]:
            raise QuotaExceededError(quotas.message(metric, limits[metric], region))
