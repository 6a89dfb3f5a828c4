"""Pulumi type tokens of the Google Cloud resources the rules know (strings in Python, so they are kept in one place)."""

from typing import Final

HEALTH_CHECK: Final = "gcp:compute/healthCheck:HealthCheck"
REGION_HEALTH_CHECK: Final = "gcp:compute/regionHealthCheck:RegionHealthCheck"
HTTP_HEALTH_CHECK: Final = "gcp:compute/httpHealthCheck:HttpHealthCheck"
HTTPS_HEALTH_CHECK: Final = "gcp:compute/httpsHealthCheck:HttpsHealthCheck"
GROUP_MANAGER: Final = "gcp:compute/instanceGroupManager:InstanceGroupManager"
REGION_GROUP_MANAGER: Final = "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager"
BACKEND_SERVICE: Final = "gcp:compute/backendService:BackendService"
REGION_BACKEND_SERVICE: Final = "gcp:compute/regionBackendService:RegionBackendService"
FORWARDING_RULE: Final = "gcp:compute/forwardingRule:ForwardingRule"
AUTOSCALER: Final = "gcp:compute/autoscaler:Autoscaler"
REGION_AUTOSCALER: Final = "gcp:compute/regionAutoscaler:RegionAutoscaler"
INSTANCE_TEMPLATE: Final = "gcp:compute/instanceTemplate:InstanceTemplate"
REGION_INSTANCE_TEMPLATE: Final = "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate"
FIREWALL: Final = "gcp:compute/firewall:Firewall"
NETWORK: Final = "gcp:compute/network:Network"
SUBNETWORK: Final = "gcp:compute/subnetwork:Subnetwork"
PROJECT_IAM_MEMBER: Final = "gcp:projects/iAMMember:IAMMember"
PROJECT_IAM_BINDING: Final = "gcp:projects/iAMBinding:IAMBinding"
PROJECT_IAM_POLICY: Final = "gcp:projects/iAMPolicy:IAMPolicy"
BUCKET_IAM_MEMBER: Final = "gcp:storage/bucketIAMMember:BucketIAMMember"
BUCKET_IAM_BINDING: Final = "gcp:storage/bucketIAMBinding:BucketIAMBinding"
SERVICE_ACCOUNT_IAM_MEMBER: Final = "gcp:serviceaccount/iAMMember:IAMMember"
SERVICE_ACCOUNT_IAM_BINDING: Final = "gcp:serviceaccount/iAMBinding:IAMBinding"
IDENTITY_POOL_PROVIDER: Final = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"

# Checks that answer for autohealing and for backend services with instance groups.
HEALTH_CHECKS: Final = frozenset({HEALTH_CHECK, REGION_HEALTH_CHECK})
# Legacy checks, still accepted by global backend services.
LEGACY_HEALTH_CHECKS: Final = frozenset({HTTP_HEALTH_CHECK, HTTPS_HEALTH_CHECK})
ALL_HEALTH_CHECKS: Final = HEALTH_CHECKS | LEGACY_HEALTH_CHECKS
GROUP_MANAGERS: Final = frozenset({GROUP_MANAGER, REGION_GROUP_MANAGER})
BACKEND_SERVICES: Final = frozenset({BACKEND_SERVICE, REGION_BACKEND_SERVICE})
AUTOSCALERS: Final = frozenset({AUTOSCALER, REGION_AUTOSCALER})
INSTANCE_TEMPLATES: Final = frozenset({INSTANCE_TEMPLATE, REGION_INSTANCE_TEMPLATE})

# Types whose resources live in `global`; all others live in a region or a zone.
GLOBAL_TYPES: Final = LEGACY_HEALTH_CHECKS | {HEALTH_CHECK, BACKEND_SERVICE, INSTANCE_TEMPLATE, NETWORK}

# Google's collection name for each type that others link to, as it stands in a self link.
COLLECTIONS: Final = {
    HEALTH_CHECK: "healthChecks",
    REGION_HEALTH_CHECK: "healthChecks",
    HTTP_HEALTH_CHECK: "httpHealthChecks",
    HTTPS_HEALTH_CHECK: "httpsHealthChecks",
    GROUP_MANAGER: "instanceGroupManagers",
    REGION_GROUP_MANAGER: "instanceGroupManagers",
    BACKEND_SERVICE: "backendServices",
    REGION_BACKEND_SERVICE: "backendServices",
    INSTANCE_TEMPLATE: "instanceTemplates",
    REGION_INSTANCE_TEMPLATE: "instanceTemplates",
    NETWORK: "networks",
    SUBNETWORK: "subnetworks",
}

# What a person calls a resource of each type, in messages.
KINDS: Final = {
    **dict.fromkeys(ALL_HEALTH_CHECKS, "health check"),
    **dict.fromkeys(GROUP_MANAGERS, "group"),
    **dict.fromkeys(BACKEND_SERVICES, "backend service"),
    **dict.fromkeys(AUTOSCALERS, "autoscaler"),
    **dict.fromkeys(INSTANCE_TEMPLATES, "instance template"),
    FORWARDING_RULE: "forwarding rule",
    FIREWALL: "firewall rule",
    NETWORK: "network",
    SUBNETWORK: "subnetwork",
    **dict.fromkeys((PROJECT_IAM_MEMBER, PROJECT_IAM_BINDING, PROJECT_IAM_POLICY), "project binding"),
    **dict.fromkeys((BUCKET_IAM_MEMBER, BUCKET_IAM_BINDING), "bucket binding"),
    **dict.fromkeys((SERVICE_ACCOUNT_IAM_MEMBER, SERVICE_ACCOUNT_IAM_BINDING), "service account binding"),
    IDENTITY_POOL_PROVIDER: "identity pool provider",
}
