"""What new instances of the group are made from.

A template cannot be changed, only replaced: its name rotates, so that the new one stands before the group lets go of the old. It
waits for the bindings and the firewall rules, so that no instance boots before it may fetch its script or be probed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.fixed_names import FixedNames
from components.machine import ImageFamily, Machine
from components.resource_name import require_resource_name

MAX_PREFIX = 37  # the provider's limit: what it appends has 26 characters


@dataclass(frozen=True, kw_only=True)
class InstanceTemplateArgs:
    """What the template is made from.

    Attributes:
        machine: hardware, image and switches.
        subnetwork: id of the subnetwork instances stand in.
        service_account: e-mail of the instances' identity.
        startup_metadata: the metadata that has the start-up script run, digest included.
        wait_for: what must exist before an instance boots: resources, or what follows from them, for instance their ids.
        ipv6: give instances an external IPv6 address beside their IPv4 one, for frontends over IPv6.
        region: where a regional template is kept, which does not depend on other regions; a global one unless said.
        names: names that what is made has already, for taking it over by import.
    """

    machine: Machine
    subnetwork: pulumi.Input[str]
    service_account: pulumi.Input[str]
    startup_metadata: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)
    wait_for: pulumi.Input[tuple[pulumi.Resource | pulumi.Input[str], ...]] = ()
    region: str | None = None
    ipv6: bool = False
    names: FixedNames = field(default_factory=FixedNames)


class InstanceTemplate(pulumi.ComponentResource):
    """An instance template.

    Attributes:
        self_link_unique: the template's address with its numeric id: a new template of the same name is another one. (A regional
            template's address is its name's only; no two have the same.)
    """

    self_link_unique: pulumi.Output[str]

    def __init__(
        self, name: str, args: InstanceTemplateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        prefix = require_resource_name("service", name, limit=MAX_PREFIX - 1) + "-"
        super().__init__("mig-nlb:compute:InstanceTemplate", name, None, opts)
        machine = args.machine
        common: dict[str, Any] = {
            **({"name": args.names.template} if args.names.template else {"name_prefix": prefix}),
            "metadata": _metadata(machine, args.startup_metadata),
            "disks": [
                {
                    "boot": True,
                    "auto_delete": True,
                    "source_image": self._image(machine.image),
                    "disk_size_gb": machine.disk_size_gb,
                    "disk_type": machine.disk_type,
                    **(
                        {"disk_encryption_key": {"kms_key_self_link": machine.kms_key}}
                        if machine.kms_key is not None
                        else {}
                    ),
                }
            ],
            "network_interfaces": [
                {
                    "subnetwork": args.subnetwork,
                    **({"access_configs": [{}]} if machine.external_address else {}),
                    **(
                        {"stack_type": "IPV4_IPV6", "ipv6_access_configs": [{"network_tier": "PREMIUM"}]}
                        if args.ipv6
                        else {}
                    ),
                },
            ],
            "service_account": {"email": args.service_account, "scopes": list(machine.scopes)},
            **machine.resource_arguments(),
        }
        child = pulumi.ResourceOptions(parent=self, depends_on=_dependencies(args.wait_for))
        if args.region is not None:
            self.self_link_unique = gcp.compute.RegionInstanceTemplate(
                f"{name}-template", region=args.region, **common, opts=child
            ).self_link
        else:
            self.self_link_unique = gcp.compute.InstanceTemplate(
                f"{name}-template", **common, opts=child
            ).self_link_unique
        self.register_outputs({"self_link_unique": self.self_link_unique})

    def _image(self, image: ImageFamily | str) -> pulumi.Input[str]:
        if isinstance(image, str):
            return image
        found = gcp.compute.get_image_output(
            family=image.family, project=image.project, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        return found.self_link


def _metadata(
    machine: Machine, startup: pulumi.Input[Mapping[str, pulumi.Input[str]]]
) -> pulumi.Input[Mapping[str, pulumi.Input[str]]]:
    own = machine.all_metadata()
    if isinstance(startup, Mapping):
        return {**own, **startup}
    return pulumi.Output.all(startup).apply(lambda found: {**own, **found[0]})


def _dependencies(
    wait_for: pulumi.Input[tuple[pulumi.Resource | pulumi.Input[str], ...]],
) -> list[pulumi.Input[pulumi.Resource]]:
    items: tuple[Any, ...] = wait_for if isinstance(wait_for, tuple) else (wait_for,)
    resources: list[pulumi.Input[pulumi.Resource]] = []
    values = []
    for item in items:
        if isinstance(item, pulumi.Resource):
            resources.append(item)
        else:
            values.append(item)
    if values:
        # An output knows what resources it follows from, and that is all that is wanted of it: there is no resource in it.
        follows: pulumi.Output[Any] = pulumi.Output.all(*values).apply(lambda _: None)
        resources.append(follows)
    return resources
