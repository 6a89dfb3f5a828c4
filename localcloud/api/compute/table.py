"""Every compute method that is served, by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.compute import catalog, operation_methods, projects
from localcloud.api.compute.addresses import ADDRESSES
from localcloud.api.compute.autoscalers import AUTOSCALERS, REGION_AUTOSCALERS
from localcloud.api.compute.backend_health import BackendServiceMethods
from localcloud.api.compute.backend_services import REGION_BACKEND_SERVICES
from localcloud.api.compute.disk_attachment import DiskAttachmentMethods
from localcloud.api.compute.disks import DISKS, DiskMethods
from localcloud.api.compute.firewalls import FIREWALLS
from localcloud.api.compute.forwarding_rules import FORWARDING_RULES
from localcloud.api.compute.group_methods import GroupMethods
from localcloud.api.compute.health_checks import HEALTH_CHECKS, REGION_HEALTH_CHECKS
from localcloud.api.compute.held_permissions import asked
from localcloud.api.compute.instance_group_managers import (
    INSTANCE_GROUP_MANAGERS,
    REGION_INSTANCE_GROUP_MANAGERS,
)
from localcloud.api.compute.instance_groups import InstanceGroupMethods
from localcloud.api.compute.instance_templates import INSTANCE_TEMPLATES, REGION_INSTANCE_TEMPLATES
from localcloud.api.compute.instances import INSTANCES, InstanceMethods
from localcloud.api.compute.methods import CollectionMethods
from localcloud.api.compute.networks import NETWORKS
from localcloud.api.compute.per_instance_configs import PerInstanceConfigMethods
from localcloud.api.compute.router_status import RouterMethods
from localcloud.api.compute.routers import ROUTERS
from localcloud.api.compute.standby_methods import StandbyMethods
from localcloud.api.compute.subnetwork_methods import SubnetworkMethods
from localcloud.api.compute.subnetworks import SUBNETWORKS

if TYPE_CHECKING:
    from localcloud.api.call import Handler
    from localcloud.api.compute.collection import Collection

_PLAIN = (
    ADDRESSES, AUTOSCALERS, FIREWALLS, FORWARDING_RULES, HEALTH_CHECKS, INSTANCE_TEMPLATES, NETWORKS, REGION_AUTOSCALERS,
    REGION_HEALTH_CHECKS, REGION_INSTANCE_TEMPLATES,
)  # fmt: skip
_ALL = (
    *_PLAIN,
    SUBNETWORKS,
    ROUTERS,
    DISKS,
    INSTANCES,
    INSTANCE_GROUP_MANAGERS,
    REGION_INSTANCE_GROUP_MANAGERS,
    REGION_BACKEND_SERVICES,
)
COLLECTIONS: dict[tuple[str, str], Collection] = {
    (collection.scope, collection.segment): collection for collection in _ALL
}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id. Ids that a version of the API lacks are simply never routed to."""
    table: dict[str, Handler] = {}
    for collection in _PLAIN:
        table |= CollectionMethods(collection, COLLECTIONS).handlers()
    for collection in (INSTANCE_GROUP_MANAGERS, REGION_INSTANCE_GROUP_MANAGERS):
        table |= GroupMethods(collection, COLLECTIONS).handlers()
        table |= PerInstanceConfigMethods(collection, COLLECTIONS).handlers()
        table |= StandbyMethods(collection, COLLECTIONS).handlers()
    table |= BackendServiceMethods(REGION_BACKEND_SERVICES, COLLECTIONS).handlers()
    table |= DiskMethods(DISKS, COLLECTIONS).handlers()
    table |= InstanceMethods(INSTANCES, COLLECTIONS).handlers()
    table |= DiskAttachmentMethods(INSTANCES, COLLECTIONS).handlers()
    table |= SubnetworkMethods(SUBNETWORKS, COLLECTIONS).handlers()
    table |= RouterMethods(ROUTERS, COLLECTIONS).handlers()
    for collection in _ALL:
        verb = f"compute.{collection.resource}.testIamPermissions"
        table[verb] = asked(CollectionMethods(collection, COLLECTIONS))
    table |= InstanceGroupMethods("instanceGroups", "zones").handlers()
    table |= InstanceGroupMethods("regionInstanceGroups", "regions").handlers()
    return table | catalog.handlers() | projects.handlers() | operation_methods.handlers()
