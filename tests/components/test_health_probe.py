"""One table drives the protocols, so one test goes over all of it; the arithmetic is checked against a probe-by-probe account."""

from __future__ import annotations

import math

import pulumi_gcp as gcp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.health_probe import PROTOCOLS, HealthProbe
from components.invalid_argument import InvalidArgumentError

OPTIONS = {
    "request_path": "/ready",
    "host": "app.example.com",
    "request": "ping",
    "response": "pong",
    "proxy_header": "PROXY_V1",
    "grpc_service_name": "app.Health",
}
BLOCKS = {
    "TCP": ("tcp_health_check", {"request", "response", "proxy_header"}),
    "SSL": ("ssl_health_check", {"request", "response", "proxy_header"}),
    "HTTP": ("http_health_check", {"request_path", "host", "response", "proxy_header"}),
    "HTTPS": ("https_health_check", {"request_path", "host", "response", "proxy_header"}),
    "HTTP2": ("http2_health_check", {"request_path", "host", "response", "proxy_header"}),
    "GRPC": ("grpc_health_check", {"grpc_service_name"}),
    "GRPC_WITH_TLS": ("grpc_tls_health_check", {"grpc_service_name"}),
}


@st.composite
def probes(draw: st.DrawFn, max_interval: int = 300) -> HealthProbe:
    """Any probe that the API takes."""
    interval = draw(st.integers(1, max_interval))
    return HealthProbe(
        check_interval_sec=interval,
        timeout_sec=draw(st.integers(1, interval)),
        healthy_threshold=draw(st.integers(1, 10)),
        unhealthy_threshold=draw(st.integers(1, 10)),
    )


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_every_protocol_fills_its_own_block_with_all_of_its_options(protocol: str) -> None:
    block, names = BLOCKS[protocol]
    options = {name: OPTIONS[name] for name in names}
    arguments = HealthProbe(protocol=protocol, port=9000, **options).resource_arguments()  # type: ignore[arg-type]
    blocks = {name: value for name, value in arguments.items() if name.endswith("_health_check")}
    assert blocks == {block: {"port": 9000, **options}}


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize("kind", ["HealthCheck", "RegionHealthCheck"])
def test_the_sdk_has_every_block_and_option_under_the_same_name(protocol: str, kind: str) -> None:
    block, names = BLOCKS[protocol]
    class_name = kind + "".join(part.capitalize() for part in block.split("_")) + "Args"
    made = getattr(gcp.compute, class_name)(port=9000, **{name: OPTIONS[name] for name in names})
    assert made.port == 9000


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_options_of_other_protocols_are_refused(protocol: str) -> None:
    for name in OPTIONS.keys() - BLOCKS[protocol][1]:
        with pytest.raises(
            InvalidArgumentError,
            match=f"{name} = .*{protocol} probe has no such option.*use a protocol that has it",
        ):
            HealthProbe(protocol=protocol, **{name: OPTIONS[name]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"check_interval_sec": 0}, "check_interval_sec = 0: Compute Engine takes 1 to 300 s"),
        ({"check_interval_sec": 301}, "takes 1 to 300 s"),
        ({"timeout_sec": 0}, "timeout_sec = 0"),
        ({"unhealthy_threshold": 11}, "unhealthy_threshold = 11: Compute Engine takes 1 to 10"),
        ({"healthy_threshold": 0}, "healthy_threshold = 0"),
        ({"port": 65536}, "port = 65536"),
        (
            {"timeout_sec": 6},
            "may not still be waiting when the next one starts .*set timeout_sec to 5 or less",
        ),
        ({"request_path": "healthz"}, "begins with a slash.*write /healthz"),
        ({"response": "ä"}, "only ASCII"),
        ({"protocol": "TCP", "request": "x" * 1025}, "at most 1024 bytes"),
        ({"protocol": "UDP"}, "use one of TCP, SSL"),
    ],
)
def test_what_the_api_would_refuse_is_refused_first(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        HealthProbe(**changes)  # type: ignore[arg-type]


@given(probes(max_interval=60), st.floats(0, 1))
def test_a_silent_death_is_noticed_within_the_bounds(probe: HealthProbe, phase: float) -> None:
    """Death falls `phase` of an interval before the next probe starts; every later probe runs into its time-out."""
    next_probe = phase * probe.check_interval_sec
    last_probe = next_probe + (probe.unhealthy_threshold - 1) * probe.check_interval_sec
    noticed = last_probe + probe.timeout_sec
    assert probe.silent_death.min_sec <= noticed or math.isclose(probe.silent_death.min_sec, noticed)
    assert noticed <= probe.silent_death.max_sec or math.isclose(noticed, probe.silent_death.max_sec)
    assert probe.refused_connection.min_sec <= last_probe <= probe.refused_connection.max_sec + 1e-9


@given(probes())
def test_the_bounds_are_one_interval_apart(probe: HealthProbe) -> None:
    for bounds in (probe.silent_death, probe.refused_connection, probe.recovery):
        assert bounds.max_sec - bounds.min_sec == probe.check_interval_sec
