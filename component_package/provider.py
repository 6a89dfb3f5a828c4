"""The plugin's server: the SDK's component provider, given back what it loses of the inputs.

The SDK's own mapping of inputs drops keys that the schema does not have, takes an output in place of a record for an empty record,
loses enumerations inside maps, and ends in a traceback over an output in place of a number (pulumi 3.272). Here every input is
either understood or refused, in the words of a stack's file.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pulumi.errors import InputPropertyError
from pulumi.provider import main
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from component_package import resources
from component_package.packaged import NAME
from component_package.service import Service
from components.invalid_argument import InvalidArgumentError

if TYPE_CHECKING:
    import pulumi
    from pulumi.provider import ConstructResult
    from pulumi.provider.experimental.analyzer import ComponentDefinition

VERSION = "1.0.0"
COMPONENTS: tuple[Any, ...] = (
    Service,
    resources.StartupScript,
    resources.ServiceIdentity,
    resources.Network,
    resources.InstanceTemplate,
    resources.ManagedInstanceGroup,
    resources.Autoscaler,
    resources.NetworkLoadBalancer,
    resources.Monitoring,
)


class PackageProvider(ComponentProvider):
    """Serves the package's resources."""

    def __init__(self) -> None:
        super().__init__(list(COMPONENTS), NAME, version=VERSION)

    def map_inputs(self, inputs: pulumi.Inputs, component_def: ComponentDefinition) -> pulumi.Inputs:
        """Return inputs by the names of the settings' fields.

        Raises:
            InvalidArgumentError: an input that nothing would read.
        """
        mapped: pulumi.Inputs = self._components[component_def.name].from_wire(inputs)  # type: ignore[attr-defined]  # one of COMPONENTS
        return mapped

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Make a resource of the package.

        Raises:
            InputPropertyError: a refused value, with the input's name, the value, the rule and the fix.
        """
        try:
            return super().construct(name, resource_type, inputs, options)
        except InvalidArgumentError as refusal:
            raise _shown(refusal) from None
        except ComponentInitError as failure:
            if isinstance(failure.inner, InvalidArgumentError):
                raise _shown(failure.inner) from None
            raise


def _shown(refusal: InvalidArgumentError) -> InputPropertyError:
    return InputPropertyError(refusal.field, str(refusal))


def serve() -> None:
    """Serve until the engine ends."""
    main(PackageProvider(), sys.argv[1:])
