"""Runs a piece of the program against Pulumi's mocks and keeps what it asked the engine for.

Mocks validate nothing, so assertions are made on the recorded inputs afterwards, never inside an `apply` that might not run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = "p"
REGION = "europe-west1"
_SECRET = "4dabf18193072939515e22adb298388d"  # marks a secret on Pulumi's wire


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as the program registered it. `parent` and `depends_on` are logical names; `wire` are its inputs as they travel."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    wire: Mapping[str, Any]
    custom: bool
    parent: str
    depends_on: frozenset[str]
    property_dependencies: Mapping[str, frozenset[str]]
    delete_before_replace: bool
    ignore_changes: tuple[str, ...]
    hooks: frozenset[str]
    replace_on_changes: tuple[str, ...]


@dataclass
class Recording:
    """Everything registered by one run."""

    resources: list[Resource] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Resource]:
        """Return the provider's resources of a class, named as in Python ("RegionAutoscaler")."""
        return [item for item in self.resources if item.custom and item.type.rsplit(":", 1)[-1] == kind]

    def one(self, kind: str) -> Resource:
        """Return the only resource of a class."""
        (found,) = self.of(kind)
        return found

    def named(self, name: str) -> Resource:
        """Return the provider's resource of this logical name."""
        (found,) = (resource for resource in self.resources if resource.name == name and resource.custom)
        return found

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return inputs by "type name" for the provider's resources, without what files contain."""
        return {
            f"{item.type} {item.name}": _without_contents(item.inputs)
            for item in self.resources
            if item.custom
        }

    def first_preview(self) -> dict[str, dict[str, Any]]:
        """Return the provider's resources as a policy pack is told of them, in order: inputs, and what each is made from."""
        return {
            item.name: {
                "type": item.type,
                "inputs": _without_contents(item.wire),
                "sources": {key: sorted(names) for key, names in item.property_dependencies.items() if names},
                "delete_before_replace": item.delete_before_replace,
                **({"ignore_changes": list(item.ignore_changes)} if item.ignore_changes else {}),
            }
            for item in self.resources
            if item.custom
        }


class _Cloud(pulumi.runtime.Mocks):
    """Answers as the provider would: the inputs, and what Google computes. With `known` off, as on a first preview: nothing of it."""

    def __init__(self, *, known: bool) -> None:
        self._known = known

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        state = dict(args.inputs)
        if args.typ == "gcp:serviceaccount/account:Account":
            # Follows from the inputs, and the provider says so at preview already.
            email = f"{state['accountId']}@{state['project']}.iam.gserviceaccount.com"
            state |= {"email": email, "member": f"serviceAccount:{email}"}
        if not args.custom or not self._known:
            return None, state
        name = state.setdefault("name", f"{args.name}-1a2b3c4")
        match args.typ:
            case "gcp:serviceaccount/account:Account":
                state["name"] = f"projects/{state['project']}/serviceAccounts/{state['email']}"
            case "gcp:compute/address:Address":
                state["address"] = "2001:db8::5" if state.get("ipVersion") == "IPV6" else "203.0.113.5"
            case "gcp:compute/forwardingRule:ForwardingRule" if "/addresses/" in str(state["ipAddress"]):
                state["ipAddress"] = "2001:db8::9/96"
            case "gcp:compute/instanceTemplate:InstanceTemplate":
                state["selfLinkUnique"] = f"projects/{PROJECT}/global/instanceTemplates/{name}?uniqueId=1"
            case "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate":
                state["selfLink"] = f"projects/{PROJECT}/regions/{REGION}/instanceTemplates/{name}"
            case "gcp:compute/instanceGroupManager:InstanceGroupManager":
                state["instanceGroup"] = f"projects/{PROJECT}/zones/{state['zone']}/instanceGroups/{name}"
            case "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager":
                state["instanceGroup"] = f"projects/{PROJECT}/regions/{REGION}/instanceGroups/{name}"
            case _:
                pass
        return f"{args.typ.rsplit(':', 1)[-1]}/{name}", state

    def call(  # type: ignore[override]  # the annotation forgets what its own runtime takes
        self, args: pulumi.runtime.MockCallArgs
    ) -> dict[str, Any]:
        assert args.token == "gcp:compute/getImage:getImage", args.token
        return {"selfLink": f"projects/{args.args['project']}/global/images/{args.args['family']}-v20261101"}


class _Monitor(MockMonitor):
    """The mock monitor, which keeps every registration as it came."""

    def __init__(self, mocks: pulumi.runtime.Mocks, recording: Recording) -> None:
        super().__init__(mocks)
        self._recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - the engine's protocol
        if request.type != "pulumi:pulumi:Stack":
            self._recording.resources.append(
                Resource(
                    type=request.type,
                    name=request.name,
                    inputs=_plain(pulumi.runtime.rpc.deserialize_properties(request.object)),
                    wire=_plain(json_format.MessageToDict(request.object)),
                    custom=request.custom,
                    parent=_name(request.parent),
                    depends_on=frozenset(map(_name, request.dependencies)),
                    property_dependencies={
                        key: frozenset(map(_name, value.urns))
                        for key, value in request.propertyDependencies.items()
                    },
                    delete_before_replace=request.deleteBeforeReplace,
                    ignore_changes=tuple(request.ignoreChanges),
                    hooks=frozenset(request.hooks.after_update),
                    replace_on_changes=tuple(request.replaceOnChanges),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # Pulumi's own

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: ANN401, N802 - the engine's protocol
        outputs = _plain(pulumi.runtime.rpc.deserialize_properties(request.outputs))
        self._recording.outputs[request.urn.split("::")[2].split("$")[-1]] = outputs
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]  # Pulumi's own


class _Warnings(logging.Handler):
    """Keeps what the program warns of."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


def record(program: Callable[[], object], *, known: bool = True) -> Recording:
    """Run a program and return what it registered. `known` off: a first preview, when nothing that Google computes is known.

    Raises:
        Exception: what the program raised.
    """
    have_an_event_loop()
    recording = Recording()
    cloud = _Cloud(known=known)
    logger = logging.getLogger("tests.program")
    logger.handlers, logger.propagate = [_Warnings(recording.warnings)], False
    pulumi.runtime.set_mocks(
        cloud, PROJECT, "test", preview=not known, logger=logger, monitor=_Monitor(cloud, recording)
    )

    root = pulumi.runtime.get_root_resource()
    assert isinstance(root, pulumi.runtime.stack.Stack)
    root.outputs = {}

    def run() -> pulumi.Output[None]:
        program()
        return pulumi.Output.all(**root.outputs).apply(recording.exports.update)

    pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]  # Pulumi's own
    return recording


def have_an_event_loop() -> None:
    """Pulumi's runtime takes the thread's loop for granted; tests that ran one of their own leave none behind."""
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


def _without_contents(inputs: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(inputs)
    if "content" in plain:
        plain["content"] = "(the file)"
    if "startup-script-digest" in plain.get("metadata", {}):
        plain["metadata"] = plain["metadata"] | {"startup-script-digest": "(of the files)"}
    return plain


def _name(urn: str) -> str:
    return urn.rsplit("::", maxsplit=1)[-1]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value as the program wrote it: whole floats as ints, secrets bare."""
    if isinstance(value, dict):
        if _SECRET in value:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
