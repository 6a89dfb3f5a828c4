"""Google's rules for what a probe's answer means, byte by byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from localcloud.dataplane.dialogue import Verdict, dialogue_for
from localcloud.plans.probe import INVALID_WEIGHT, NO_WEIGHT, ProbeSpec

HTTP = ProbeSpec(
    id="p",
    consumer="balancer",
    instance="i",
    instance_address="10.0.0.2",
    address="127.45.67.1",
    protocol="HTTP",
    port=8080,
    interval=5,
    timeout=5,
    path="/healthz",
)
TCP = replace(HTTP, protocol="TCP")


def _verdict(spec: ProbeSpec, *pieces: bytes) -> Verdict | None:
    dialogue = dialogue_for(spec)
    assert dialogue.opened() is None
    for piece in pieces:
        verdict = dialogue.heard(piece)
        if verdict is not None:
            return verdict
    return None


def _outcome(spec: ProbeSpec, *pieces: bytes) -> str | None:
    verdict = _verdict(spec, *pieces)
    return verdict.outcome if verdict else None


def test_the_host_header_is_the_address_unless_one_is_configured() -> None:
    assert b"GET /healthz HTTP/1.1\r\nHost: 127.45.67.1\r\n" in dialogue_for(HTTP).opening
    assert b"\r\nHost: www.example.com\r\n" in dialogue_for(replace(HTTP, host="www.example.com")).opening


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "success"),
        (b"HTTP/1.0 200\r\nA: b\r\n\r\nbody", "success"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "failure"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "failure"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "failure"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "failure"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "success"),
    ],
)
def test_only_status_200_is_success(answer: bytes, outcome: str) -> None:
    assert _outcome(HTTP, answer) == outcome
    assert _outcome(HTTP, *(bytes([byte]) for byte in answer)) == outcome


def test_a_head_that_never_ends_is_a_failure() -> None:
    assert _outcome(HTTP, b"HTTP/1.1 200 OK\r\n", b"") == "failure"
    assert _outcome(HTTP, b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000) == "failure"


def test_the_response_must_occur_in_the_first_1024_bytes_of_the_body() -> None:
    spec = replace(HTTP, response="needle")
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert _outcome(spec, head + b"x" * 1018 + b"needle") == "success"
    assert _outcome(spec, head + b"x" * 1019 + b"needle") == "failure"
    assert _outcome(spec, head, b"nee", b"dle") == "success"
    assert _outcome(spec, head, b"nothing", b"") == "failure"
    assert _outcome(spec, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nneed") == "failure"
    assert _outcome(spec, b"HTTP/1.1 500 No\r\n\r\nneedle") == "failure"


def test_a_chunked_body_is_read_as_one() -> None:
    spec = replace(HTTP, response="needle")
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _outcome(spec, head + b"3\r\nnee\r\n", b"3\r\ndle\r\n") == "success"
    assert _outcome(spec, head + b"3\r\nnee\r\n0\r\n\r\n") == "failure"


def test_a_tcp_probe_without_a_response_succeeds_by_connecting() -> None:
    verdict = dialogue_for(TCP).opened()
    assert verdict is not None
    assert verdict.outcome == "success"


def test_a_tcp_response_must_match_from_its_first_byte() -> None:
    spec = replace(TCP, request="PING\n", response="PONG")
    assert dialogue_for(spec).opening == b"PING\n"
    assert _outcome(spec, b"PO", b"NG and more") == "success"
    assert _outcome(spec, b"PI") == "failure"
    assert _outcome(spec, b"PO", b"") == "failure"
    assert _outcome(spec, b"PO") is None


def _answered(spec: ProbeSpec, status: int, body: bytes, trailers: dict[str, str]) -> Verdict | None:
    """Have h2's own server side answer, and hand its bytes over one by one."""
    server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    server.initiate_connection()
    dialogue = dialogue_for(spec)
    server.receive_data(dialogue.opening)
    server.send_headers(1, [(":status", str(status))])
    server.send_data(1, body, end_stream=not trailers)
    if trailers:
        server.send_headers(1, list(trailers.items()), end_stream=True)
    for byte in server.data_to_send():
        verdict = dialogue.heard(bytes([byte]))
        if verdict is not None:
            return verdict
    assert dialogue.reply().startswith(b"\0\0\0\x04\x01"), "the server's settings are acknowledged"
    return None


@pytest.mark.parametrize(
    ("status", "body", "trailers", "wanted"),
    [
        (200, b"\0\0\0\0\2\x08\1", {"grpc-status": "0"}, "success"),
        (200, b"\0\0\0\0\2\x08\2", {"grpc-status": "0"}, "the service is NOT_SERVING"),
        (200, b"\0\0\0\0\0", {"grpc-status": "0"}, "the service is UNKNOWN"),
        (200, b"", {"grpc-status": "12", "grpc-message": "no such"}, "gRPC status UNIMPLEMENTED: no such"),
        (200, b"\0\0\0\0\2\x08\1", {}, "gRPC status none"),
        (503, b"", {"grpc-status": "0"}, "HTTP status 503"),
    ],
)
def test_grpc_succeeds_only_with_both_statuses_and_serving(
    status: int, body: bytes, trailers: dict[str, str], wanted: str
) -> None:
    verdict = _answered(replace(HTTP, protocol="GRPC", grpc_service="x" * 200), status, body, trailers)
    assert verdict is not None
    assert wanted in f"{verdict.outcome} {verdict.detail}"


def test_http2_needs_status_200_and_the_expected_response() -> None:
    spec = replace(HTTP, protocol="HTTP2")
    assert _answered(spec, 200, b"", {"x": "y"}) == Verdict("success", "HTTP status 200")
    assert _answered(spec, 204, b"", {"x": "y"}) == Verdict("failure", "HTTP status 204, expected 200")
    expecting = replace(spec, response="fine")
    assert _outcome_of(_answered(expecting, 200, b"all is fine", {})) == "success"
    assert _outcome_of(_answered(expecting, 200, b"." * 1024 + b"fine", {})) == "failure"


def _outcome_of(verdict: Verdict | None) -> str | None:
    return verdict.outcome if verdict else None


def test_what_is_no_http2_is_a_failure() -> None:
    spec = replace(HTTP, protocol="GRPC")
    assert _outcome(spec, b"HTTP/1.1 400 Bad Request\r\n\r\n") == "failure"
    assert _outcome(spec, b"") == "failure"
    assert _outcome(spec, b"\0\0\x08\x07\0\0\0\0\0" + bytes(8)) == "failure", "GOAWAY"


@pytest.mark.parametrize(
    ("header", "weight"),
    [
        (b"", NO_WEIGHT),
        (b"X-Load-Balancing-Endpoint-Weight: 7\r\n", 7),
        (b"x-load-balancing-endpoint-weight:0\r\n", 0),
        (b"X-Load-Balancing-Endpoint-Weight: 1000\r\n", 1000),
        (b"X-Load-Balancing-Endpoint-Weight: 1001\r\n", INVALID_WEIGHT),
        (b"X-Load-Balancing-Endpoint-Weight: many\r\n", INVALID_WEIGHT),
    ],
)
def test_a_success_says_what_share_the_instance_wants(header: bytes, weight: int) -> None:
    for spec in (HTTP, replace(HTTP, response="ok")):
        verdict = _verdict(spec, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + header + b"\r\nok\n")
        assert verdict is not None
        assert (verdict.outcome, verdict.weight) == ("success", weight)
