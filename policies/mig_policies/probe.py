"""What a health check asks, and on which port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mig_policies.tokens import HTTP_HEALTH_CHECK, HTTPS_HEALTH_CHECK

if TYPE_CHECKING:
    from mig_policies.resource import Resource

# Block -> (protocol, the port the API fills in, whether a path is asked for).
_BLOCKS: Final[dict[str, tuple[str, int | None, bool]]] = {
    "httpHealthCheck": ("HTTP", 80, True),
    "httpsHealthCheck": ("HTTPS", 443, True),
    "http2HealthCheck": ("HTTP2", 443, True),
    "tcpHealthCheck": ("TCP", 80, False),
    "sslHealthCheck": ("SSL", 443, False),
    "grpcHealthCheck": ("GRPC", None, False),
    "grpcTlsHealthCheck": ("GRPC_WITH_TLS", None, False),
}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Protocol, port (`None` if the API has no default and none is set) and path of a health check's probe."""

    protocol: str
    port: int | None
    path: str | None


def probe_of(check: Resource) -> Probe | None:
    """Read what a check asks; `None` if it has no protocol block.

    Raises:
        Undetermined: the block, its port or its path is not known.
    """
    if check.type in {HTTP_HEALTH_CHECK, HTTPS_HEALTH_CHECK}:
        secure = check.type == HTTPS_HEALTH_CHECK
        return Probe(
            protocol="HTTPS" if secure else "HTTP",
            port=check.props.integer("port", 443 if secure else 80),
            path=check.props.text("requestPath", "/"),
        )
    for name, (protocol, default_port, has_path) in _BLOCKS.items():
        block = check.props.block(name)
        if block is not None:
            path = block.text("requestPath", "/") if has_path else None
            return Probe(protocol=protocol, port=block.integer("port", default_port), path=path)
    return None
