"""What goes over the wire beside the properties themselves: bookkeeping, secrets, the shape of a diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi.runtime.proto import provider_pb2

from localcloud.provider.check import DEFAULTS
from localcloud.provider.errors import ProviderError
from localcloud.provider.values import UNKNOWN, Properties, Secret, Value, holds, reveal

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.provider.diff import Change
    from localcloud.provider.resource import Resource


def refuse_unknown(resource: Resource, inputs: Properties) -> None:
    """Refuse to make a resource of inputs that hold something unknown."""
    for name, value in inputs.items():
        if holds(value, type(UNKNOWN)):
            raise ProviderError(
                f"{resource.type}: {name} is not known, and no resource can be made of what is not known"
            )


def state_of(properties: Properties) -> Properties:
    """Return a state without the bookkeeping in it."""
    return {
        name: value
        for name, value in reveal(properties).items()
        if name not in ("__meta", "id") and not name.startswith("__")
    }


def inputs_of(properties: Properties) -> Properties:
    """Return inputs without the lists of defaults in them, at any depth."""
    return {name: _stripped(value) for name, value in properties.items() if name != DEFAULTS}


def _stripped(value: Value) -> Value:
    if isinstance(value, dict):
        return inputs_of(value)
    if isinstance(value, list):
        return [_stripped(element) for element in value]
    return value


def secret_inputs(resource: Resource, inputs: Properties) -> Properties:
    """Keep secret what the type says is."""
    fields = resource.schema.fields
    return {
        name: Secret(value) if name in fields and fields[name].secret else value
        for name, value in inputs.items()
    }


def sealed(properties: Properties, given: Properties) -> Properties:
    """Keep secret what came as a secret."""
    secret = {name for name, value in given.items() if holds(value, Secret)}
    return {
        name: Secret(value) if name in secret and not isinstance(value, Secret) else value
        for name, value in properties.items()
    }


def outputs_of(
    resource: Resource,
    state: Properties,
    given: Properties,
    resource_id: Value,
    *,
    timeout: float = 0,
    step: str = "",
    meta: Value = None,
) -> Properties:
    """Add to a state what belongs to it on the wire: id, bookkeeping, secrets."""
    fields: Callable[[str], Value] = resource.schema.fields.get
    outputs = {
        name: Secret(value) if (item := fields(name)) is not None and item.secret else value
        for name, value in state.items()
    }
    outputs["id"] = resource_id
    if meta is not None:
        outputs["__meta"] = meta
    elif resource.keeps_meta:
        outputs["__meta"] = resource.meta(timeout, step, preview=resource_id is UNKNOWN)
    return sealed(
        outputs, {name: value for name, value in given.items() if not isinstance(outputs.get(name), Secret)}
    )


def diff_response(resource: Resource, changes: list[Change], state: Properties, news: Properties) -> Value:
    """Tell changes as the engine wants them told."""
    kinds = provider_pb2.PropertyDiff.Kind
    replaced = sorted({change.top for change in changes if change.replaces})
    changed = {change.top for change in changes}
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted(changed),
        replaces=replaced,
        stables=[name for name in resource.stable if name not in replaced],
        deleteBeforeReplace=bool(replaced) and _same_name(resource, state, news),
        hasDetailedDiff=True,
    )
    for change in changes:
        kind = kinds.Value(f"{change.kind}_REPLACE" if change.replaces else change.kind)
        response.detailedDiff[change.path].CopyFrom(provider_pb2.PropertyDiff(kind=kind))
    return response


def _same_name(resource: Resource, state: Properties, news: Properties) -> bool:
    """Tell whether the new resource is to have the old one's name: then the old one must go first."""
    naming = resource.naming
    if naming is None or naming.property in news.get(DEFAULTS, []):
        return False
    name = news.get(naming.property)
    return name is not None and name == state.get(naming.property)
