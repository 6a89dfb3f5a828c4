"""What a probe says and what it wants to hear, per protocol, without any I/O: bytes in, verdict out.

Google's rules: a TCP or SSL probe succeeds when the connection (the TLS handshake) is complete, or, with a response configured,
when the first bytes received equal it; an HTTP, HTTPS or HTTP2 probe when the status is 200, and, with a response configured, when
it occurs within the first 1,024 bytes of the body. Its header X-Load-Balancing-Endpoint-Weight says how many of the new connections
the instance wants, against the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from localcloud.plans.probe import INVALID_WEIGHT, NO_WEIGHT, Outcome, ProbeSpec

HTTP_BODY_WINDOW = 1024
WEIGHT_HEADER = "x-load-balancing-endpoint-weight"
MOST_WEIGHT = 1000
_MAX_HEAD = 64 * 1024


@dataclass(frozen=True)
class Verdict:
    """How a probe ended, and why in words."""

    outcome: Outcome
    detail: str
    weight: int = NO_WEIGHT


class Dialogue(Protocol):
    """One probe's conversation after its connection stands."""

    opening: bytes  # to be sent at once

    def opened(self) -> Verdict | None:
        """Return the verdict if nothing needs to be heard."""
        ...

    def heard(self, data: bytes) -> Verdict | None:
        """Take what arrived (empty: the peer has closed); return the verdict once there is one."""
        ...

    def reply(self) -> bytes:
        """Return what is to be said in answer to what was heard, before the verdict; mostly nothing."""
        ...


class TcpDialogue:
    """Nothing, or a request and the exact response expected."""

    def __init__(self, spec: ProbeSpec) -> None:
        self.opening = spec.request.encode()
        self._expected = spec.response.encode()
        self._received = b""

    def opened(self) -> Verdict | None:
        """A completed handshake is success when no response is configured."""
        return None if self._expected else Verdict("success", "connected")

    def heard(self, data: bytes) -> Verdict | None:
        """Compare what has arrived with the response expected, as far as it goes."""
        self._received += data
        if self._received.startswith(self._expected):
            return Verdict("success", "the response matched")
        if not data or not self._expected.startswith(self._received):
            return Verdict(
                "failure", f"the response was {self._received[:64]!r}, expected {self._expected[:64]!r}"
            )
        return None

    def reply(self) -> bytes:
        """Nothing more is said."""
        return b""


class HttpDialogue:
    """One GET request; HTTP/1.0 and 1.1 answers."""

    def __init__(self, spec: ProbeSpec) -> None:
        host = spec.host or spec.address
        self.opening = (
            f"GET {spec.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: GoogleHC/1.0\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        ).encode()
        self._expected = spec.response.encode()
        self._data = b""
        self._body_at: int | None = None
        self._chunked = False
        self._length: int | None = None
        self._weight = NO_WEIGHT

    def opened(self) -> Verdict | None:
        """An answer is always needed."""
        return None

    def heard(self, data: bytes) -> Verdict | None:
        """Look for the end of the head, then, if a response is expected, for it in the body."""
        self._data += data
        if self._body_at is None:
            verdict = self._head(closed=not data)
            if verdict is not None or self._body_at is None:
                return verdict
        return self._body(closed=not data)

    def reply(self) -> bytes:
        """Nothing more is said."""
        return b""

    def _head(self, *, closed: bool) -> Verdict | None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if closed:
                return Verdict(
                    "failure",
                    "the connection was closed before a complete HTTP response" + _glimpse(self._data),
                )
            if len(self._data) > _MAX_HEAD:
                return Verdict("failure", "the HTTP response's head did not end within 64 KiB")
            return None
        lines = self._data[:end].split(b"\r\n")
        version, _, rest = lines[0].partition(b" ")
        status = rest[:3]
        if not version.startswith(b"HTTP/1.") or not status.isdigit():
            return Verdict("failure", "the response was not HTTP" + _glimpse(lines[0]))
        if status.startswith(b"1"):  # an interim answer: the real one follows
            self._data = self._data[end + 4 :]
            return self._head(closed=closed) if self._data or closed else None
        if status != b"200":
            return Verdict("failure", f"HTTP status {status.decode()}, expected 200")
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            match name.strip().lower():
                case each if each == WEIGHT_HEADER.encode():
                    self._weight = weight_in(value.decode("latin-1"))
                case b"transfer-encoding":
                    self._chunked = b"chunked" in value.lower()
                case b"content-length" if value.strip().isdigit():
                    self._length = int(value)
        if not self._expected:
            return Verdict("success", "HTTP status 200", self._weight)
        self._body_at = end + 4
        return None

    def _body(self, *, closed: bool) -> Verdict | None:
        raw = self._data[self._body_at :]
        body, ended = (
            _dechunk(raw) if self._chunked else (raw, self._length is not None and len(raw) >= self._length)
        )
        if self._length is not None and not self._chunked:
            body = body[: self._length]
        if self._expected in body[:HTTP_BODY_WINDOW]:
            return Verdict("success", "HTTP status 200 and the expected response", self._weight)
        if ended or closed or len(body) >= HTTP_BODY_WINDOW:
            return Verdict(
                "failure", f"the expected response is not in the body's first {HTTP_BODY_WINDOW} bytes"
            )
        return None


def weight_in(header: str) -> int:
    """Return the weight that a header's value asks for: a whole number, 1,000 at most; INVALID_WEIGHT if it is something else."""
    digits = header.strip()
    whole = digits.isascii() and digits.isdigit()
    return int(digits) if whole and int(digits) <= MOST_WEIGHT else INVALID_WEIGHT


def _glimpse(data: bytes) -> str:
    return f": {data[:64]!r}" if data else ""


def _dechunk(raw: bytes) -> tuple[bytes, bool]:
    """Return the body so far and whether it is complete (or unreadable, which is as complete as it gets)."""
    body, at = b"", 0
    while len(body) < HTTP_BODY_WINDOW:
        line_end = raw.find(b"\r\n", at)
        if line_end < 0:
            return body, False
        try:
            size = int(raw[at:line_end].split(b";")[0], 16)
        except ValueError:
            return body, True
        if size == 0:
            return body, True
        body += raw[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
    return body, False


def dialogue_for(spec: ProbeSpec) -> Dialogue:
    """Return a fresh dialogue for this probe."""
    if spec.protocol in {"TCP", "SSL"}:
        return TcpDialogue(spec)
    if spec.protocol in {"HTTP", "HTTPS"}:
        return HttpDialogue(spec)
    # imported when it is wanted: it is large, and few need it
    from localcloud.dataplane.http2_dialogue import GrpcDialogue, Http2Dialogue  # noqa: PLC0415

    return Http2Dialogue(spec) if spec.protocol == "HTTP2" else GrpcDialogue(spec)
