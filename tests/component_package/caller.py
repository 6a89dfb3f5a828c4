"""How another language would write a stack's file: the same values, in the shapes of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pulumi.provider.experimental.util import camel_case

from component_package.wire import VALUE_KEY, records_in, scalars_in
from config_decoder import hints_of


def written(annotation: Any, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value of a stack's file as a program hands it to the engine; numbers become floats on the way, so here they are."""
    records, scalars = records_in(annotation), scalars_in(annotation)
    if records and isinstance(value, Mapping):
        hints = {name: hint for record in records for name, hint in hints_of(record).items()}
        return {camel_case(name): written(hints[name], item) for name, item in value.items()}
    if records:
        return {VALUE_KEY: value}
    if set(scalars) == {int, str}:
        return str(value)
    scalar = scalars[0]
    if get_origin(scalar) is tuple:
        return [written(get_args(scalar)[0], item) for item in value]
    if isinstance(value, Mapping):
        return {key: written(get_args(scalar)[1], item) for key, item in value.items()}
    return float(value) if type(value) is int else value
