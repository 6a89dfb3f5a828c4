"""Health checks, global (autohealing) and regional (load balancing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.errors import ProviderError
from localcloud.provider.links import read_region, region_link
from localcloud.provider.mapping import Body, Scope, Table, expand

if TYPE_CHECKING:
    from localcloud.provider.values import Value

_PROTOCOLS = {
    "httpHealthCheck": "HTTP",
    "httpsHealthCheck": "HTTPS",
    "http2HealthCheck": "HTTP2",
    "tcpHealthCheck": "TCP",
    "sslHealthCheck": "SSL",
    "grpcHealthCheck": "GRPC",
    "grpcTlsHealthCheck": "GRPC_WITH_TLS",
}


def _write_log(value: Value, _: Scope) -> Value:
    return {"enable": bool(value.get("enable"))} if isinstance(value, dict) else None


def _read_log(body: Body, _: Scope) -> Value:
    return {"enable": bool((body.get("logConfig") or {}).get("enable"))}


class HealthCheck(ComputeResource):
    """A check, whose type follows from which of the protocols' objects is given."""

    def body(self, scope: Scope, planned: Body) -> Body:
        """Write the check with its type; logging is sent only if set."""
        body = expand(self.schema.fields, planned, self.settings.table, scope)
        if body.get("logConfig", ...) is None:
            del body["logConfig"]
        given = [kind for name, kind in _PROTOCOLS.items() if isinstance(planned.get(name), dict)]
        if len(given) != 1:
            raise ProviderError(
                f"health check {planned.get('name')!r} has {len(given)} of {', '.join(_PROTOCOLS)}: exactly one says how to probe; set one"
            )
        body["type"] = given[0]
        return body


def _settings(collection: str, *, regional: bool) -> Settings:
    return Settings(
        collection=collection,
        table=Table(
            names={"healthCheckId": "id"},
            kept=frozenset({"description"}),
            local=frozenset({"deletionPolicy", "project"}),
            writers={"logConfig": _write_log, **({"region": region_link} if regional else {})},
            readers={"logConfig": _read_log, **({"region": read_region} if regional else {})},
        ),
        steps=(Step("PUT"),),
    )


HEALTH_CHECK = HealthCheck(
    "gcp:compute/healthCheck:HealthCheck", _settings("global/healthChecks", regional=False)
)
REGION_HEALTH_CHECK = HealthCheck(
    "gcp:compute/regionHealthCheck:RegionHealthCheck",
    _settings("regions/{region}/healthChecks", regional=True),
)
