"""Fields of requests outside of Compute: each does something, is filled by the server, or is refused; `effects` tells of the others.

By the request's schema; fields below others are dotted. What is of a schema that is listed itself (a policy in a request to set it) is
told of there. A test derives every served method's request from Google's discovery documents, to the last field below the last, and fails
where one is in none of these tables, so none is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api.effects import BY_POLICY
from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What acts, is checked, or is kept as a record for its reader.
SERVED: Mapping[str, frozenset[str]] = {
    "Bucket": frozenset({"iamConfiguration", "labels", "location", "name", "rpo", "storageClass", "versioning"}),
    "Object": frozenset({
        "bucket", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "crc32c", "customTime",
        "md5Hash", "metadata", "name", "storageClass",
    }),
    "ComposeRequest": frozenset({"deleteSourceObjects", "destination", "sourceObjects"}),
    "Policy": frozenset({"bindings", "etag", "version"}),
    "SetIamPolicyRequest": frozenset({"policy", "updateMask"}),
    "TestIamPermissionsRequest": frozenset({"permissions"}),
    "CreateServiceAccountRequest": frozenset({"accountId", "serviceAccount"}),
    "PatchServiceAccountRequest": frozenset({"serviceAccount", "updateMask"}),
    "ServiceAccount": frozenset({"description", "displayName", "etag", "name"}),
    "BatchEnableServicesRequest": frozenset({"serviceIds"}),
    "AddSecretVersionRequest": frozenset({"payload"}),
    "DestroySecretVersionRequest": frozenset({"etag"}),
    "DisableSecretVersionRequest": frozenset({"etag"}),
    "EnableSecretVersionRequest": frozenset({"etag"}),
    "Secret": frozenset({"annotations", "etag", "labels", "replication", "versionAliases"}),
    "Dashboard": frozenset({"annotations", "dashboardFilters", "displayName", "etag", "labels", "name"}),
    "AlertPolicy": frozenset({
        "alertStrategy", "combiner", "displayName", "documentation", "enabled", "name", "notificationChannels", "severity", "userLabels",
    }),
    "NotificationChannel": frozenset({"description", "displayName", "enabled", "labels", "name", "userLabels"}),
    "CreateTimeSeriesRequest": frozenset({"timeSeries"}),
}  # fmt: skip
# Of served fields that are objects: what below them acts or is checked.
NESTED: Mapping[str, frozenset[str]] = {
    "Bucket": frozenset({
        "iamConfiguration.bucketPolicyOnly.enabled", "iamConfiguration.publicAccessPrevention",
        "iamConfiguration.uniformBucketLevelAccess.enabled", "versioning.enabled",
    }),
    "ComposeRequest": frozenset({
        "sourceObjects.generation", "sourceObjects.name", "sourceObjects.objectPreconditions.ifGenerationMatch",
    }),
    "Policy": frozenset({
        "bindings.condition.description", "bindings.condition.expression", "bindings.condition.location", "bindings.condition.title",
        "bindings.members", "bindings.role",
    }),
    "AddSecretVersionRequest": frozenset({"payload.data", "payload.dataCrc32c"}),
    "Secret": frozenset({"replication.userManaged.replicas.location"}),
    "CreateTimeSeriesRequest": frozenset({
        "timeSeries.description", "timeSeries.metric.labels", "timeSeries.metric.type", "timeSeries.metricKind",
        "timeSeries.points.interval.endTime", "timeSeries.points.interval.startTime", "timeSeries.points.value.doubleValue",
        "timeSeries.points.value.int64Value", "timeSeries.resource.labels", "timeSeries.resource.type", "timeSeries.unit",
        "timeSeries.valueType",
    }),
}  # fmt: skip
# Served objects that are records for their readers as a whole: what is below them acts on nothing, wherever they are kept.
WHOLE: Mapping[str, frozenset[str]] = {
    "Dashboard": frozenset({"annotations", "dashboardFilters"}),
    "AlertPolicy": frozenset({"alertStrategy", "documentation"}),
}
# What the server fills: clients send back what they have read, and it is not taken from them, as it is not by Google.
FILLED: Mapping[str, frozenset[str]] = {
    "Bucket": frozenset({
        "autoclass.terminalStorageClassUpdateTime", "autoclass.toggleTime",
        "iamConfiguration.bucketPolicyOnly.lockedTime", "iamConfiguration.uniformBucketLevelAccess.lockedTime",
        "softDeletePolicy.effectiveTime", "softDeletePolicy.hardDeletePause.effectiveTime",
        "etag", "generation", "hardDeleteTime", "id", "kind", "locationType", "metageneration", "owner", "projectNumber", "satisfiesPZI",
        "satisfiesPZS", "selfLink", "softDeleteTime", "timeCreated", "updated",
    }),
    "Object": frozenset({
        "componentCount", "etag", "generation", "hardDeleteTime", "id", "kind", "mediaLink", "metageneration", "owner", "restoreToken",
        "retentionExpirationTime", "selfLink", "size", "softDeleteTime", "timeCreated", "timeDeleted", "timeFinalized",
        "timeStorageClassUpdated", "updated",
    }),
    "ComposeRequest": frozenset({"kind"}),
    "Policy": frozenset({"kind", "resourceId"}),
    "GetIamPolicyRequest": frozenset({"options"}),  # every policy is answered in its own version
    "AlertPolicy": frozenset({"creationRecord", "mutationRecord", "validity"}),
    "NotificationChannel": frozenset({"creationRecord", "mutationRecords", "verificationStatus"}),
}  # fmt: skip
REFUSED: Mapping[str, Mapping[str, str]] = {
    "Object": {
        "acl": BY_POLICY,
        "contexts": "objects here have no contexts",
        "customerEncryption": "objects here are not encrypted with keys",
        "kmsKeyName": "objects here are not encrypted with keys",
        "retention": "objects here can be deleted at any time",
    },
    "Policy": {"auditConfigs": "the local cloud writes no audit logs"},
    # By `monitoring.time_series`, in Google's words.
    "CreateTimeSeriesRequest": {
        f"timeSeries.points.value.{kind}Value": "series here are of numbers"
        for kind in ("bool", "distribution", "string")
    },
}


def check(schema: str, body: Mapping[str, Any]) -> None:
    """Refuse the fields whose acceptance would be pretending."""
    for name, reason in REFUSED.get(schema, {}).items():
        if body.get(name):
            message = f"Field '{name}' of {schema} is not served by the local cloud: {reason}. Leave it out."
            raise ApiError(400, "invalid", message)
