"""Google's rules for what a probe's answer means, byte by byte."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localcloud.dataplane.dialogue import Verdict, dialogue_for
from localcloud.plans.probe import ProbeSpec

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


@pytest.mark.parametrize("protocol", ["HTTP2", "GRPC"])
def test_other_protocols_are_refused_by_name(protocol: str) -> None:
    with pytest.raises(ValueError, match=f"protocol {protocol} is not served"):
        dialogue_for(replace(HTTP, protocol=protocol))  # type: ignore[arg-type]  # chosen above
