"""Regional backend services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import read_link, read_region, reference, region_link, resolve
from localcloud.provider.mapping import OMIT, Body, Scope, Table, look, v1_link

if TYPE_CHECKING:
    from localcloud.provider.values import Value


def _write_iap(value: Value, _: Scope) -> Value:
    # Absent is sent as null, which switches it off.
    if not isinstance(value, dict):
        return None
    return {name: setting for name, setting in value.items() if setting not in (None, "")}


def _write_health_checks(value: Value, scope: Scope) -> Value:
    return [resolve(str(value), "regions/{region}/healthChecks", scope)] if value else OMIT


def _read_health_checks(body: Body, _: Scope) -> Value:
    checks = body.get("healthChecks") or []
    return v1_link(checks[0]) if checks else None


def _read_log(body: Body, _: Scope) -> Value:
    log = body.get("logConfig") or {}
    if not log.get("enable") and not log:
        return None
    return {
        "enable": bool(log.get("enable")),
        "sampleRate": log.get("sampleRate", 0),
        "optionalFields": log.get("optionalFields") or [],
        "optionalMode": log.get("optionalMode", ""),
        "requestHeaders": [],
        "responseHeaders": [],
    }


_TABLE = Table(
    names={
        "connectionDrainingTimeoutSec": "connectionDraining.drainingTimeoutSec",
        "enableCdn": "enableCDN",
        "generatedId": "id",
    },
    kept=frozenset(
        {
            "connectionDrainingTimeoutSec",
            "failoverPolicy.failoverRatio",
            "failoverPolicy.dropTrafficIfUnhealthy",
            "failoverPolicy.disableConnectionDrainOnFailover",
            "logConfig.enable",
        }
    ),
    local=frozenset({"deletionPolicy", "project"}),
    unsent=frozenset({"fingerprint"}),
    unread=frozenset({"params"}),
    writers={
        "region": region_link,
        "iap": _write_iap,
        "healthChecks": _write_health_checks,
        "network": reference("global/networks"),
    },
    readers={
        "region": read_region,
        "healthChecks": _read_health_checks,
        "network": read_link("network"),
        "logConfig": _read_log,
        "iap": lambda body, _: look(body, "iap") or None,
    },
)

REGION_BACKEND_SERVICE = ComputeResource(
    "gcp:compute/regionBackendService:RegionBackendService",
    Settings(
        collection="regions/{region}/backendServices",
        table=_TABLE,
        steps=(Step("PUT"),),
        schema_version="1",
        sends_fingerprint=True,
    ),
)
