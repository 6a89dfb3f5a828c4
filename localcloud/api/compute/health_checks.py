"""Health checks, global and regional: exactly one protocol's block, and numbers within Google's bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.collection import Collection

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

# Check type -> its block and default port; gRPC has no default port.
_BLOCKS: dict[str, tuple[str, int | None]] = {
    "TCP": ("tcpHealthCheck", 80),
    "SSL": ("sslHealthCheck", 443),
    "HTTP": ("httpHealthCheck", 80),
    "HTTPS": ("httpsHealthCheck", 443),
    "HTTP2": ("http2HealthCheck", 443),
    "GRPC": ("grpcHealthCheck", None),
    "GRPC_WITH_TLS": ("grpcTlsHealthCheck", None),
}
_HTTP = frozenset({"HTTP", "HTTPS", "HTTP2"})


def _complete(draft: Draft) -> None:
    draft.default("checkIntervalSec", 5)
    draft.default("timeoutSec", 5)
    draft.default("healthyThreshold", 2)
    draft.default("unhealthyThreshold", 2)
    draft.bounds("checkIntervalSec", 1, 300)
    draft.bounds("timeoutSec", 1, 300)
    draft.bounds("healthyThreshold", 1, 10)
    draft.bounds("unhealthyThreshold", 1, 10)
    if draft.get("timeoutSec") > draft.get("checkIntervalSec"):
        raise draft.refuse("timeoutSec", "TimeoutSec should be less than checkIntervalSec.")
    _complete_block(draft)
    _check_source_regions(draft)


def _complete_block(draft: Draft) -> None:
    kind = draft.require("type")
    if kind not in _BLOCKS:
        raise draft.refuse("type", f"Must be one of: {', '.join(_BLOCKS)}.")
    own, port = _BLOCKS[kind]
    for name, _ in _BLOCKS.values():
        if name != own and name in draft.document:
            raise draft.refuse(
                name, f"Cannot be specified for a health check of type {kind}; it takes {own}."
            )
    block = draft.document.setdefault(own, {})
    specification = block.get("portSpecification", "USE_FIXED_PORT")
    if specification != "USE_FIXED_PORT" or "portName" in block:
        path = f"{own}.portName" if "portName" in block else f"{own}.portSpecification"
        raise draft.refuse(path, "Not supported: use a fixed port.")
    if port is not None:
        block.setdefault("port", port)
        block.setdefault("proxyHeader", "NONE")
    if "port" not in block:
        raise errors.required(f"resource.{own}.port")
    draft.bounds(f"{own}.port", 1, 65535)
    if kind in _HTTP:
        block.setdefault("requestPath", "/")
        if not block["requestPath"].startswith("/"):
            raise draft.refuse(f"{own}.requestPath", "Must begin with '/'.")
    for name in ("request", "response"):
        text = block.get(name, "")
        if len(text) > 1024 or not text.isascii():
            raise draft.refuse(f"{own}.{name}", "Must be at most 1024 ASCII characters.")


def _check_source_regions(draft: Draft) -> None:
    regions = draft.get("sourceRegions")
    if regions is None:
        return
    if draft.location:
        raise draft.refuse("sourceRegions", "Only global health checks have source regions.")
    if len(set(regions)) != 3:
        raise draft.refuse("sourceRegions", "Exactly 3 regions must be specified.")
    if draft.get("checkIntervalSec") < 30:
        raise draft.refuse("checkIntervalSec", "Must be at least 30 for a health check with source regions.")


HEALTH_CHECKS = Collection(
    resource="healthChecks",
    segment="healthChecks",
    scope="global",
    parameter="healthCheck",
    kind="compute#healthCheck",
    noun="health_check",
    schema="HealthCheck",
    complete=_complete,
)
REGION_HEALTH_CHECKS = replace(HEALTH_CHECKS, resource="regionHealthChecks", scope="regions")
