"""What the balancer's health checks say of a backend service's instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.draft import pruned
from localcloud.api.compute.methods import CollectionMethods
from localcloud.api.compute.references import find
from localcloud.api.links import link, parse
from localcloud.plans.probe import NO_WEIGHT

if TYPE_CHECKING:
    from localcloud.api.call import Call, Result
    from localcloud.discovery.json_value import JsonValue


class BackendServiceMethods(CollectionMethods):
    """Methods of regional backend services."""

    def handlers(self) -> dict[str, Any]:
        """Return the handlers by method id."""
        return super().handlers() | {
            f"compute.{self.collection.resource}.getHealth": self.get_health,
            # Of all services, though those of regions are the only ones here: what `gcloud` lists them by.
            "compute.backendServices.aggregatedList": self.aggregated_list,
        }

    def get_health(self, call: Call) -> Result:
        """Return the verdicts on one group's instances, as far as anything is known of them."""
        draft = self.existing(call)
        given = call.body.get("group")
        if not given:
            raise errors.required("group")
        relname = parse(given, draft.project)
        group = None if relname is None else find(call.cloud.store, relname)
        backends = {backend["group"] for backend in draft.document.get("backends", [])}
        if group is None or link(group) not in backends:
            rule = f"The group is not a backend of {draft.relname}."
            raise errors.invalid("group", given, rule)
        manager = group.replace("/instanceGroups/", "/instanceGroupManagers/")
        members = {record["instance"] for _, record in call.cloud.store.scan(f"control/managed/{manager}/")}
        weighted = draft.document.get("localityLbPolicy") == "WEIGHTED_MAGLEV"
        found = []
        for _, verdict in call.cloud.store.scan(f"control/backends/{draft.relname}/"):
            key = _key(verdict["instance"])
            if key in members and call.cloud.store.get(key) is not None:
                found.append(_status(verdict, key, weighted=weighted))
        result: dict[str, Any] = {"kind": "compute#backendServiceGroupHealth"}
        return {**result, "healthStatus": found} if found else result


def _key(instance: str) -> str:
    return instance if instance.startswith("compute/") else f"compute/{instance.rpartition('/v1/')[2]}"


def _status(verdict: JsonValue, key: str, *, weighted: bool) -> dict[str, JsonValue]:
    rule = verdict.get("forwardingRule", "")
    entry = {
        "instance": link(key.removeprefix("compute/")),
        "healthState": verdict["healthState"],
        "ipAddress": verdict.get("ipAddress"),
        "port": verdict.get("port"),
        "forwardingRule": link(rule) if rule.startswith("projects/") else rule,
        "forwardingRuleIp": verdict.get("forwardingRuleIp"),
        **(_weight(verdict) if weighted else {}),
    }
    result: dict[str, Any] = pruned(entry)
    return result


def _weight(verdict: JsonValue) -> dict[str, JsonValue]:
    weight = verdict.get("weight", NO_WEIGHT)
    if weight >= 0:
        return {"weight": str(weight)}
    if verdict["healthState"] != "HEALTHY":
        return {"weightError": "UNAVAILABLE_WEIGHT"}
    return {"weightError": "MISSING_WEIGHT" if weight == NO_WEIGHT else "INVALID_WEIGHT"}
