"""What arrives from another language, as a stack's file has it: the same names, the same shapes, ready for `config_decoder`.

A schema of Pulumi's says less than the components' types do. Names are in camel case; every number is a float; a choice between
records is one record with all of their keys; a number or a percentage is text; and one value in place of a record is a key of its
own, `name`. The generator writes schema types by these rules, and `from_wire` takes values back by them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, get_args, get_origin

import pulumi
from pulumi.provider.experimental.util import camel_case

from components.invalid_argument import InvalidArgumentError
from config_decoder import hints_of, parts_of, plain, unknown_key

VALUE_KEY: Final = "name"


def records_in(annotation: Any) -> list[Any]:  # noqa: ANN401 - an annotation
    """Return the dataclasses among the parts of an annotation."""
    return [part for part in parts_of(annotation) if dataclasses.is_dataclass(part)]


def scalars_in(annotation: Any) -> list[Any]:  # noqa: ANN401 - an annotation
    """Return what an annotation has besides dataclasses that a schema can say: no None, no Output."""
    return [part for part in parts_of(annotation) if plain(part) and not dataclasses.is_dataclass(part)]


def from_wire(annotation: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - the value is whatever it is
    """Return `value` as a stack's file would have it. What does not fit is left for the decoder to refuse.

    Args:
        annotation: the type that it is going to be decoded as.
        value: what the engine handed over; Outputs stay what they are.
        path: what to call the value in errors.

    Raises:
        InvalidArgumentError: a key that nothing would read.
    """
    if isinstance(value, pulumi.Output) or value is None:
        return value
    records, scalars = records_in(annotation), scalars_in(annotation)
    if records and isinstance(value, Mapping):
        if scalars and set(value) == {VALUE_KEY}:
            return value[VALUE_KEY]
        return from_wire_keys(records, value, f"{path}.", [VALUE_KEY] if scalars else [])
    if set(scalars) == {int, str}:
        return int(value) if isinstance(value, str) and value.isdecimal() else value
    if len(scalars) == 1:
        return _scalar(scalars[0], value, path)
    return value


def from_wire_keys(
    records: list[Any], value: Mapping[str, Any], prefix: str, more: list[str] | None = None
) -> dict[str, Any]:
    """Return a record's values by the names of its fields.

    Args:
        records: the dataclasses that it may become.
        value: by names in camel case.
        prefix: what comes before a key's name in errors.
        more: keys that are no field's, for the words of the error.

    Raises:
        InvalidArgumentError: a key that no field has.
    """
    hints = {name: hint for record in records for name, hint in hints_of(record).items()}
    names = {camel_case(name): name for name in hints}
    refused = {
        camel_case(name): why for record in records for name, why in getattr(record, "refused", {}).items()
    }
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key in names:
            name = names[key]
            found[name] = from_wire(hints[name], item, prefix + name)
        elif key in refused:
            raise InvalidArgumentError(prefix + key, item, "refused", refused[key])
        else:
            raise unknown_key(prefix + key, item, key, [*names, *(more or [])])
    return found


def _scalar(annotation: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - as from_wire
    origin = get_origin(annotation)
    if annotation is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if origin is tuple and isinstance(value, list):
        return [
            from_wire(get_args(annotation)[0], item, f"{path}[{index}]") for index, item in enumerate(value)
        ]
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {key: from_wire(get_args(annotation)[1], item, f"{path}.{key}") for key, item in value.items()}
    return value
