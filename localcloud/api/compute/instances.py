"""Instances: reading them, their console, and asking the controllers to stop, start, suspend, resume, reset or delete one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute import suspending
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.draft import Draft, fingerprint
from localcloud.api.compute.instance_templates import check_metadata
from localcloud.api.compute.methods import CollectionMethods, commit
from localcloud.api.compute.request_ids import once
from localcloud.api.compute.requests import ask
from localcloud.api.links import link
from localcloud.api.operations import Until

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result

_KEPT = 1024 * 1024  # bytes of serial output that can be read back
GUEST_ATTRIBUTES = (
    "guest/attributes/"  # + instance id -> {namespace: {key: value}}: the metadata server's records
)

INSTANCES = Collection(
    resource="instances",
    segment="instances",
    scope="zones",
    parameter="instance",
    kind="compute#instance",
    noun="instance",
    schema="Instance",
    links=(
        Link(path="networkInterfaces[].network", to=("networks",)),
        Link(path="networkInterfaces[].subnetwork", to=("subnetworks",)),
    ),
)


class InstanceMethods(CollectionMethods):
    """Methods of instances. They are made by groups only: there is no insert."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        table = super().handlers()
        served = ("get", "list", "aggregatedList")
        own: dict[str, Handler] = {
            f"compute.instances.{name}": table[f"compute.instances.{name}"] for name in served
        }
        own |= {
            f"compute.instances.{verb}": once(self._asked(verb))
            for verb in ("delete", "reset", "stop", "start", "suspend", "resume")
        }
        own["compute.instances.getSerialPortOutput"] = self.serial_port_output
        own["compute.instances.getGuestAttributes"] = self.guest_attributes
        own["compute.instances.setMetadata"] = once(self.set_metadata)
        own["compute.instances.setLabels"] = once(self.set_labels)
        return own

    def _asked(self, verb: str) -> Handler:
        def handler(call: Call) -> Result:
            draft = self.existing(call)
            _check_status(draft, verb)
            if verb == "suspend":
                suspending.check_suspendable(call.cloud.store, draft.relname, draft.document)
            ignored = []
            if verb in {"stop", "suspend"}:
                suspending.check_local_ssd(draft.document, verb, call.query)
                if call.query.get("discardLocalSsd") and suspending.has_local_ssd(draft.document):
                    ignored.append(("discardLocalSsd", suspending.LOCAL_SSD_KEPT))
            request = Until(ask(draft, verb))
            return commit(call, draft, verb, until=(request, _done(draft, verb)), ignored=ignored)

        return handler

    def set_labels(self, call: Call) -> Result:
        """Replace the labels; the fingerprint must be the present one."""
        if not call.body.get("labelFingerprint"):
            raise errors.required("resource.labelFingerprint")
        draft = self.existing(call)
        if call.body["labelFingerprint"] != draft.document.get("labelFingerprint"):
            raise errors.stale_fingerprint("labels")
        labels = call.body.get("labels", {})
        draft.document["labels"] = labels
        draft.document["labelFingerprint"] = fingerprint(labels)
        return commit(call, draft, "setLabels")

    def set_metadata(self, call: Call) -> Result:
        """Replace the metadata; the fingerprint must be the present one."""
        draft = self.existing(call)
        given = call.body.get("fingerprint")
        present = draft.document.get("metadata", {}).get("fingerprint")
        if not given or given != present:
            raise errors.stale_fingerprint("metadata")
        metadata: dict[str, Any] = copy.deepcopy(call.body)
        check_metadata(metadata, "resource")
        metadata["kind"] = "compute#metadata"
        metadata["fingerprint"] = fingerprint(metadata.get("items", []))
        draft.document["metadata"] = metadata
        return commit(call, draft, "setMetadata")

    def serial_port_output(self, call: Call) -> Result:
        """Return what the instance wrote to its console, from `start` on; older output than a mebibyte is gone."""
        draft = self.existing(call)
        port = call.query.get("port", 1)
        if not 1 <= port <= 4:
            raise errors.invalid("port", str(port), "Must be between 1 and 4.")
        output = call.cloud.serial_output(draft.document["id"]) if port == 1 else b""
        oldest = max(0, len(output) - _KEPT)
        start = int(call.query.get("start", 0))
        start = max(oldest, len(output) + start if start < 0 else start)
        contents = output[start:]
        return {
            "kind": "compute#serialPortOutput",
            "selfLink": link(f"{draft.relname}/serialPort"),
            "contents": contents.decode("utf-8", "replace"),
            "start": str(start),
            "next": str(max(start, len(output))),
        }

    def guest_attributes(self, call: Call) -> Result:
        """Return what the instance told of itself; `variableKey` asks for one value, `queryPath` for a namespace or one of its keys."""
        draft = self.existing(call)
        spaces = call.cloud.store.get(GUEST_ATTRIBUTES + draft.document["id"]) or {}
        wanted = call.query.get("variableKey") or call.query.get("queryPath") or ""
        namespace, _, key = wanted.partition("/")
        items = [
            {"namespace": space, "key": name, "value": value}
            for space, values in sorted(spaces.items())
            for name, value in sorted(values.items())
            if namespace in ("", space) and key in ("", name)
        ]
        if not items or (call.query.get("variableKey") and not key):
            message = f"The resource '{wanted}' of type 'Guest Attribute' was not found."
            raise errors.ApiError(404, "notFound", message)
        answer: dict[str, Any] = {
            "kind": "compute#guestAttributes",
            "selfLink": link(f"{draft.relname}/getGuestAttributes"),
        }
        if call.query.get("variableKey"):
            return {**answer, "variableKey": wanted, "variableValue": items[0]["value"]}
        return {**answer, "queryPath": wanted, "queryValue": {"items": items}}


def _check_status(draft: Draft, verb: str) -> None:
    """Refuse what an instance's status makes impossible: its operation would never be done."""
    status = draft.document["status"]
    needed = {"suspend": "RUNNING", "reset": "RUNNING", "resume": "SUSPENDED"}.get(verb)
    if (needed and status != needed) or (verb == "start" and status in {"SUSPENDED", "SUSPENDING"}):
        which = f"it must be {needed}" if needed else "resume it"
        message = (
            f"The resource '{draft.relname}' is not ready: its status is {status}; to {verb} it, {which}."
        )
        raise errors.ApiError(400, "resourceNotReady", message)


def _done(draft: Draft, verb: str) -> Until:
    """Return when a verb is carried out, beyond the controllers' having taken it up."""
    document = f"compute/{draft.relname}"
    machine = f"control/machines/{draft.document['id']}"
    if verb == "delete":
        return Until(machine)
    if verb == "reset":
        return Until(machine, "intent", ("run",))
    ends = {"stop": ("TERMINATED", "STOPPED"), "suspend": ("SUSPENDED", "TERMINATED")}
    return Until(document, "status", ends.get(verb, ("RUNNING",)))
