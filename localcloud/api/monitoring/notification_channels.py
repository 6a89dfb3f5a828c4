"""Notification channels: kept; nothing is ever sent through one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.api.monitoring.kept import Kept

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result

CHANNELS = Kept(
    collection="notificationChannels",
    schema="NotificationChannel",
    missing="Could not find NotificationChannel with name {}.",
)
_CHANGEABLE = frozenset({"description", "displayName", "enabled", "labels", "type", "userLabels"})
# The labels that each type of channel must have.
_TYPES = {
    "email": ("email_address",),
    "pubsub": ("topic",),
    "slack": ("channel_name",),
    "sms": ("number",),
    "webhook_tokenauth": ("url",),
    "webhook_basicauth": ("url",),
    "pagerduty": (),
    "google_chat": ("space",),
}
_SENSITIVE = ("auth_token", "password", "service_key")


def _write(call: Call, place: str, document: dict[str, Any]) -> Result:
    kind = document.get("type", "")
    if kind not in _TYPES:
        raise rpc.bad_request(
            f"Field notification_channel.type had an invalid value of '{kind}': must be one of {', '.join(_TYPES)}."
        )
    labels = document.get("labels", {})
    for name in _TYPES[kind]:
        if not labels.get(name):
            raise rpc.bad_request(f"Field notification_channel.labels['{name}'] is required for type {kind}.")
    # Google answers what is secret in a channel with its last characters only; nothing here needs it at all.
    hidden = {name: "**" for name in _SENSITIVE if labels.get(name)}
    if hidden:
        document = {**document, "labels": {**labels, **hidden}}
    return CHANNELS.write(call, place, document)


def _create(call: Call) -> Result:
    place = CHANNELS.key(call, call.cloud.new_id())
    given = {name: value for name, value in call.body.items() if name in _CHANGEABLE}
    name = place.removeprefix("monitoring/")
    created = {"mutateTime": call.cloud.timestamp()}
    return _write(call, place, {"name": name, "enabled": True, **given, "creationRecord": created})


def _patch(call: Call) -> Result:
    place, old = CHANNELS.existing(call)
    names = rpc.mask(call, _CHANGEABLE, otherwise=_CHANGEABLE)
    document = {"enabled": False, **rpc.updated(old, call.body, names)}
    records = [*old.get("mutationRecords", []), {"mutateTime": call.cloud.timestamp()}]
    return _write(call, place, {**document, "mutationRecords": records})


def _delete(call: Call) -> Result:
    place, channel = CHANNELS.existing(call)
    policies = f"monitoring/projects/{rpc.project(call)}/alertPolicies/"
    users = [
        (name, policy)
        for name, policy in call.cloud.store.scan(policies)
        if channel["name"] in policy.get("notificationChannels", [])
    ]
    if users and not call.query.get("force"):
        raise rpc.precondition(
            f"Cannot delete notification channel {channel['name']}: {len(users)} alerting policies use it "
            f"({users[0][1]['name']} for one). Use force to take it out of them."
        )
    with call.cloud.store.transaction() as change:
        change.delete(place)
        for name, policy in users:
            left = [each for each in policy["notificationChannels"] if each != channel["name"]]
            change.put(name, rpc.updated(policy, {"notificationChannels": left}, ["notificationChannels"]))
    return {}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return CHANNELS.handlers(create=_create, patch=_patch, delete=_delete)
