"""What a health check asks, protocol by protocol, with the port the API fills in."""

from __future__ import annotations

import pytest
from mig_policies.probe import Probe, probe_of
from mig_policies.resource import Resource
from mig_policies.tokens import HEALTH_CHECK, HTTP_HEALTH_CHECK, HTTPS_HEALTH_CHECK
from mig_policies.values import UNKNOWN, Undetermined, plain_tree


def check(type_: str = HEALTH_CHECK, /, **tree: object) -> Resource:
    return Resource(urn=f"urn:pulumi:test::web::{type_}::c", type=type_, name="c", tree=plain_tree(tree))


@pytest.mark.parametrize(
    ("block", "protocol", "port", "path"),
    [
        ("httpHealthCheck", "HTTP", 80, "/"),
        ("httpsHealthCheck", "HTTPS", 443, "/"),
        ("http2HealthCheck", "HTTP2", 443, "/"),
        ("tcpHealthCheck", "TCP", 80, None),
        ("sslHealthCheck", "SSL", 443, None),
        ("grpcHealthCheck", "GRPC", None, None),
        ("grpcTlsHealthCheck", "GRPC_WITH_TLS", None, None),
    ],
)
def test_each_protocol_has_its_defaults(
    block: str, protocol: str, port: int | None, path: str | None
) -> None:
    assert probe_of(check(HEALTH_CHECK, **{block: {}})) == Probe(protocol=protocol, port=port, path=path)
    given = probe_of(check(HEALTH_CHECK, **{block: {"port": 8080, "requestPath": "/alive"}}))
    assert given == Probe(protocol=protocol, port=8080, path=path and "/alive")


@pytest.mark.parametrize(
    ("type_", "protocol", "port"), [(HTTP_HEALTH_CHECK, "HTTP", 80), (HTTPS_HEALTH_CHECK, "HTTPS", 443)]
)
def test_checks_of_the_old_kinds_have_their_fields_at_the_top(type_: str, protocol: str, port: int) -> None:
    type_ = "".join(type_)  # as it arrives from the engine: equal, and not the same object
    assert probe_of(check(type_)) == Probe(protocol=protocol, port=port, path="/")
    given = probe_of(check(type_, port=8443, requestPath="/alive"))
    assert given == Probe(protocol=protocol, port=8443, path="/alive")


def test_a_check_without_a_protocol_asks_nothing() -> None:
    assert probe_of(check()) is None


def test_an_unknown_port_cannot_be_told() -> None:
    blank = check()
    unknown = Resource(
        urn=blank.urn,
        type=blank.type,
        name="c",
        tree={"httpHealthCheck": {"port": UNKNOWN, "requestPath": "/"}},
    )
    with pytest.raises(Undetermined, match="port"):
        probe_of(unknown)
