"""The service on Google Cloud: the stack's settings into components, components into the stack's outputs."""

from __future__ import annotations

import pulumi

from composition import compose
from settings import Settings

settings = Settings.from_stack()
service = compose(settings)

pulumi.export("url", service.balancer.url)
pulumi.export("address", service.balancer.address)
if service.balancer.address_ipv6 is not None:
    pulumi.export("address_ipv6", service.balancer.address_ipv6)
pulumi.export("instance_group", service.group.instance_group)
pulumi.export("health_checks", settings.health_checks.summary())
