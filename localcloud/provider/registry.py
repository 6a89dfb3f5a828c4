"""Every resource type and function the plugin serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.errors import ProviderError
from localcloud.provider.families.address import ADDRESS
from localcloud.provider.families.autoscaler import AUTOSCALER, REGION_AUTOSCALER
from localcloud.provider.families.backend_service import REGION_BACKEND_SERVICE
from localcloud.provider.families.bucket import BUCKET
from localcloud.provider.families.bucket_object import BUCKET_OBJECT
from localcloud.provider.families.dashboard import DASHBOARD
from localcloud.provider.families.firewall import FIREWALL
from localcloud.provider.families.forwarding_rule import FORWARDING_RULE
from localcloud.provider.families.health_check import HEALTH_CHECK, REGION_HEALTH_CHECK
from localcloud.provider.families.iam_member import (
    BUCKET_IAM_MEMBER,
    PROJECT_IAM_MEMBER,
    SECRET_IAM_MEMBER,
    SERVICE_ACCOUNT_IAM_MEMBER,
)
from localcloud.provider.families.image import GET_IMAGE, get_image
from localcloud.provider.families.instance_group_manager import INSTANCE_GROUP_MANAGER
from localcloud.provider.families.instance_template import INSTANCE_TEMPLATE
from localcloud.provider.families.monitoring import ALERT_POLICY, NOTIFICATION_CHANNEL
from localcloud.provider.families.network import NETWORK
from localcloud.provider.families.region_instance_group_manager import REGION_INSTANCE_GROUP_MANAGER
from localcloud.provider.families.region_instance_template import REGION_INSTANCE_TEMPLATE
from localcloud.provider.families.router import ROUTER
from localcloud.provider.families.router_nat import ROUTER_NAT
from localcloud.provider.families.secret import SECRET
from localcloud.provider.families.secret_version import SECRET_VERSION
from localcloud.provider.families.service import SERVICE
from localcloud.provider.families.service_account import SERVICE_ACCOUNT
from localcloud.provider.families.subnetwork import SUBNETWORK
from localcloud.provider.families.zones import GET_ZONES, get_zones

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from localcloud.provider.resource import Resource
    from localcloud.provider.session import Session
    from localcloud.provider.values import Value

RESOURCES: Mapping[str, Resource] = {
    resource.type: resource
    for resource in (
        NETWORK,
        SUBNETWORK,
        FIREWALL,
        ROUTER,
        ROUTER_NAT,
        ADDRESS,
        HEALTH_CHECK,
        REGION_HEALTH_CHECK,
        INSTANCE_TEMPLATE,
        REGION_INSTANCE_TEMPLATE,
        INSTANCE_GROUP_MANAGER,
        REGION_INSTANCE_GROUP_MANAGER,
        AUTOSCALER,
        REGION_AUTOSCALER,
        REGION_BACKEND_SERVICE,
        FORWARDING_RULE,
        BUCKET,
        BUCKET_OBJECT,
        BUCKET_IAM_MEMBER,
        PROJECT_IAM_MEMBER,
        SERVICE_ACCOUNT_IAM_MEMBER,
        SERVICE_ACCOUNT,
        SERVICE,
        SECRET,
        SECRET_VERSION,
        SECRET_IAM_MEMBER,
        NOTIFICATION_CHANNEL,
        ALERT_POLICY,
        DASHBOARD,
    )
}

FUNCTIONS: Mapping[str, Callable[[Session, dict[str, Value]], Awaitable[dict[str, Value]]]] = {
    GET_IMAGE: get_image,
    GET_ZONES: get_zones,
}


def resource_of(urn: str) -> Resource:
    """Return the type that a resource's URN names; ProviderError for one that is not served."""
    resource_type = urn.split("::")[2].rpartition("$")[2]
    resource = RESOURCES.get(resource_type)
    if resource is None:
        raise ProviderError(
            f"resource type {resource_type}: this plugin serves {', '.join(sorted(RESOURCES))} only; "
            f"leave such resources out of the local stack, or use the official gcp provider"
        )
    return resource
