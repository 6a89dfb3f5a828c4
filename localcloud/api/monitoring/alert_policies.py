"""Alert policies: kept whole and checked for form. Nothing here evaluates their conditions, and the story says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.api.monitoring.kept import Kept
from localcloud.api.monitoring.notification_channels import CHANNELS

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result

_POLICIES = Kept(
    collection="alertPolicies", schema="AlertPolicy", missing="Could not find AlertPolicy with name {}."
)
_MOST_CONDITIONS = 6
_CHANGEABLE = frozenset(
    {
        "alertStrategy",
        "combiner",
        "conditions",
        "displayName",
        "documentation",
        "enabled",
        "notificationChannels",
        "severity",
        "userLabels",
    }
)


def _checked(call: Call, document: dict[str, Any]) -> None:
    if not document.get("displayName"):
        raise rpc.bad_request("Field alert_policy.display_name had an invalid value: it must not be empty.")
    conditions = document.get("conditions", [])
    if not 1 <= len(conditions) <= _MOST_CONDITIONS:
        raise rpc.bad_request(
            f"Field alert_policy.conditions had an invalid value: {len(conditions)} conditions; 1 to {_MOST_CONDITIONS} are allowed."
        )
    if len(conditions) > 1 and document.get("combiner", "COMBINE_UNSPECIFIED") == "COMBINE_UNSPECIFIED":
        raise rpc.bad_request(
            "Field alert_policy.combiner had an invalid value: several conditions need one."
        )
    for index, condition in enumerate(conditions):
        kinds = [name for name in condition if name.startswith("condition")]
        if len(kinds) != 1:
            raise rpc.bad_request(
                f"Field alert_policy.conditions[{index}] had an invalid value: exactly one kind of condition is required."
            )
        if not condition.get("displayName"):
            raise rpc.bad_request(f"Field alert_policy.conditions[{index}].display_name must not be empty.")
    for channel in document.get("notificationChannels", []):
        if call.cloud.store.get(CHANNELS.key(call, channel.rpartition("/")[2])) is None:
            raise rpc.bad_request(f"Notification channel {channel} does not exist.")


def _named(call: Call, document: dict[str, Any]) -> dict[str, Any]:
    """Return the policy with a name for each condition; a condition that came with a name of this policy keeps it."""
    start = f"{document['name']}/conditions/"
    conditions = [
        condition
        if str(condition.get("name", "")).startswith(start)
        else {**condition, "name": f"{start}{call.cloud.new_id()}"}
        for condition in document["conditions"]
    ]
    return {**document, "conditions": conditions}


def _record(call: Call) -> dict[str, str]:
    who = call.principal.email if call.principal is not None else ""
    return {"mutateTime": call.cloud.timestamp(), "mutatedBy": who}


def _write(call: Call, place: str, document: dict[str, Any]) -> Result:
    _checked(call, document)
    document = _named(call, {**document, "mutationRecord": _record(call)})
    return _POLICIES.write(call, place, document)


def _create(call: Call) -> Result:
    place = _POLICIES.key(call, call.cloud.new_id())
    given = {name: value for name, value in call.body.items() if name in _CHANGEABLE}
    return _write(
        call,
        place,
        {
            "name": place.removeprefix("monitoring/"),
            "enabled": True,
            **given,
            "creationRecord": _record(call),
        },
    )


def _patch(call: Call) -> Result:
    place, old = _POLICIES.existing(call)
    names = rpc.mask(call, _CHANGEABLE, otherwise=_CHANGEABLE)
    return _write(call, place, {"enabled": False, **rpc.updated(old, call.body, names)})


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return _POLICIES.handlers(create=_create, patch=_patch)
