"""What all resources of the package have in common: typed inputs in, one component of the program, its outputs out."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi
from pulumi.provider.experimental.util import camel_case

from component_package.wire import from_wire_keys
from config_decoder import decode, hints_of, parts_of, required

NAME = "mig-nlb"
RENAMED = {"resource_id": "id"}
"""Outputs that are called otherwise than the component's attribute: `id` is the engine's own word."""


class PackagedComponent(pulumi.ComponentResource):
    """A resource of the package, with the program's component of the same name below it."""

    _component: ClassVar[Any]
    """The program's component."""
    _record: ClassVar[Any]
    """The dataclass it is made from."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the engine handed over by the names of the record's fields.

        Raises:
            InvalidArgumentError: a key that nothing would read.
        """
        return from_wire_keys([cls._record], inputs, f"{cls.__name__}.")

    def __init__(
        self, name: str, args: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        kind, hints = type(self), hints_of(self._record)
        # A field that says "none" only if it is told so cannot be told over the wire, where none is what is not there.
        absent = {
            field.name: None
            for field in dataclasses.fields(self._record)
            if required(field) and type(None) in parts_of(hints[field.name])
        }
        made_from = decode(self._record, absent | dict(args), kind.__name__)
        super().__init__(f"{NAME}:index:{kind.__name__}", name, None, opts)
        made = self._component(name, made_from, pulumi.ResourceOptions(parent=self))
        outputs = {
            output: _published(getattr(made, RENAMED.get(output, output)))
            for output in inspect.get_annotations(kind)
            if not output.startswith("_")
        }
        for output, value in outputs.items():
            setattr(self, output, value)
        self.register_outputs({camel_case(output): value for output, value in outputs.items()})


def _published(value: Any) -> Any:  # noqa: ANN401 - an attribute of a component
    """Return an attribute as an output: resources by their ids, which say what they follow from."""
    if isinstance(value, list | tuple):
        return pulumi.Output.all(
            *(item.id if isinstance(item, pulumi.CustomResource) else item for item in value)
        )
    return value
