"""Parameters of requests' queries: each does something, asks for what happens anyway, or is refused; none is passed over in silence.

By name, since a name means the same wherever it stands. A test derives every served method's parameters from Google's discovery
documents and fails where one is in none of these tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVED = frozenset({
    "alt", "autoDelete", "autoscaler", "contentEncoding", "delimiter", "deviceName", "discardLocalSsd", "endOffset", "etag", "fields",
    "filter", "force", "generation", "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch",
    "ifSourceGenerationMatch", "ifSourceGenerationNotMatch", "ifSourceMetagenerationMatch", "ifSourceMetagenerationNotMatch",
    "includeTrailingDelimiter", "interval.endTime", "interval.startTime", "matchGlob", "maxBytesRewrittenPerCall", "maxResults", "name",
    "names", "natName", "orderBy", "pageSize", "pageToken", "permissions", "port", "prefix", "project", "queryPath", "requestId",
    "returnPartialSuccess", "rewriteToken", "secretId", "size", "sourceGeneration", "sourceImage", "start", "startOffset", "updateMask",
    "uploadType", "validateOnly", "variableKey", "versions", "view",
    # Refused by monitoring itself, in Google's words.
    *(f"{which}.{name}" for which in ("aggregation", "secondaryAggregation")
      for name in ("alignmentPeriod", "crossSeriesReducer", "groupByFields", "perSeriesAligner")),
})  # fmt: skip
# Why nothing has to be done about them.
ANYWAY: Mapping[str, str] = {
    "$.xgafv": "errors have one format",
    "access_token": "tokens are taken from the Authorization header: without one the caller is nobody",
    "dropContextGroups": "objects here have no contexts",
    "includeAllScopes": "lists of all places have every place",
    "includeFoldersAsPrefixes": "there are no folders, only names with slashes",
    "key": "who asks is told by the token",
    "keyTypes": "service accounts have no keys of any type",
    "noGracefulShutdown": "there is no graceful shutdown to skip",
    "oauth_token": "tokens are taken from the Authorization header: without one the caller is nobody",
    "options.requestedPolicyVersion": "every policy is answered in its own version",
    "optionsRequestedPolicyVersion": "every policy is answered in its own version",
    "overrideUnlockedRetention": "objects here have no retention",
    "prettyPrint": "what is answered is the same",
    "projection": "there are no access control lists to leave out",
    "publicKeyType": "service accounts have no keys of any type",
    "quotaUser": "requests are not rationed by user",
    "upload_protocol": "uploads say by uploadType how they are made",
    "userIp": "requests are not rationed by user",
    "userProject": "nobody pays",
    "zone": "images are the same in every zone",
}
_BY_POLICY = "access goes by the bucket's IAM policy alone"
_NO_KEYS = "objects here are not encrypted with keys"
_GONE = "what is deleted is gone"
# Name -> the values that ask for what happens anyway, and why any other is refused.
REFUSED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "callback": ((), "answers are JSON, and no scripts for other sites' pages"),
    "destinationKmsKeyName": ((), _NO_KEYS),
    "destinationPredefinedAcl": (("private", "projectPrivate"), _BY_POLICY),
    "drainTimeoutSeconds": ((0,), "there are no subnetworks of proxies to drain"),
    "enableObjectRetention": ((False,), "objects can be deleted at any time"),
    "forceAttach": ((False,), "there are no regional disks to force"),
    "kmsKeyName": ((), _NO_KEYS),
    "predefinedAcl": (("private", "projectPrivate"), _BY_POLICY),
    "predefinedDefaultObjectAcl": (("private", "projectPrivate"), _BY_POLICY),
    "restoreToken": ((), _GONE),
    "serviceProjectNumber": ((), "there are no Shared VPC networks"),
    "softDeleted": ((False,), _GONE),
    "views": ((["DEFAULT"],), "nobody counts how full subnetworks are"),
}


def check(query: Mapping[str, Any]) -> None:
    """Refuse the parameters whose acceptance would be pretending."""
    for name, value in query.items():
        if name in REFUSED:
            harmless, reason = REFUSED[name]
            if value not in harmless:
                message = f"Parameter '{name}' is not served by the local cloud: {reason}. Leave it out."
                raise ApiError(400, "invalidParameter", message, location=name, locationType="parameter")
