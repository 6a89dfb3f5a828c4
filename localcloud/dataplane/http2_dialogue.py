"""HTTP/2 and gRPC probes, without any I/O: the frames are h2's affair, what they must say is Google's.

An HTTP2 probe succeeds as an HTTP one does. A gRPC probe calls ``grpc.health.v1.Health/Check`` for the service of the health check's
name ("" unless said) and succeeds when the call does (status 0) and the answer says SERVING.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from localcloud.dataplane.dialogue import HTTP_BODY_WINDOW, WEIGHT_HEADER, Verdict, weight_in
from localcloud.plans.probe import NO_WEIGHT

if TYPE_CHECKING:
    from localcloud.plans.probe import ProbeSpec

_FIRST = 9  # bytes of a frame's header; a server's first frame is its settings
_SETTINGS = b"\x04"
_MAX_BODY = 64 * 1024
_SERVING = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_GRPC_STATUS = {
    0: "OK", 1: "CANCELLED", 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND", 7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED", 12: "UNIMPLEMENTED", 13: "INTERNAL", 14: "UNAVAILABLE", 16: "UNAUTHENTICATED",
}  # fmt: skip


class Http2Dialogue:
    """One GET request on stream 1."""

    def __init__(self, spec: ProbeSpec) -> None:
        self._spec = spec
        self._expected = spec.response.encode()
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._connection.initiate_connection()
        self._connection.update_settings({h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self._start = self._body = b""
        self._headers: dict[str, str] = {}
        self._ask()
        self.opening = self._connection.data_to_send()

    def _ask(self) -> None:
        self._connection.send_headers(1, self._request("GET", self._spec.path), end_stream=True)

    def _request(self, method: str, path: str) -> list[tuple[str, str]]:
        secure = self._spec.protocol in {"HTTP2", "GRPC_WITH_TLS"}
        return [
            (":method", method),
            (":scheme", "https" if secure else "http"),
            (":authority", self._spec.host or f"{self._spec.address}:{self._spec.port}"),
            (":path", path),
            ("user-agent", "GoogleHC/1.0"),
        ]

    def opened(self) -> Verdict | None:
        """An answer is always needed."""
        return None

    def reply(self) -> bytes:
        """Return what the protocol wants said in answer to what was heard: acknowledgements and windows."""
        return self._connection.data_to_send()

    def heard(self, data: bytes) -> Verdict | None:
        """Take frames in, and judge what they say."""
        if not data:
            return Verdict("failure", "the connection was closed before a complete HTTP/2 response")
        self._start += data[: _FIRST - len(self._start)]
        # h2 would wait for the rest of what looks like a long frame
        if self._start[3:4] not in {b"", _SETTINGS}:
            return Verdict("failure", f"the response was not HTTP/2: {self._start!r}")
        try:
            events = self._connection.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            return Verdict("failure", f"the response was not HTTP/2: {error}")
        for event in events:
            verdict = self._learn(event)
            if verdict is not None:
                return verdict
        return None

    def _learn(self, event: h2.events.Event) -> Verdict | None:
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self._headers |= {str(name): str(value) for name, value in event.headers}
            status = self._headers.get(":status", "")
            if status != "200":
                return Verdict("failure", f"HTTP status {status}, expected 200")
        elif isinstance(event, h2.events.DataReceived):
            self._body += event.data
            self._connection.acknowledge_received_data(event.flow_controlled_length, 1)
            if len(self._body) > _MAX_BODY:
                return self._judge()
        elif isinstance(event, h2.events.StreamEnded):
            return self._judge()
        elif isinstance(event, h2.events.StreamReset):
            return Verdict("failure", f"the stream was reset with error code {int(event.error_code or 0)}")
        elif isinstance(event, h2.events.ConnectionTerminated):
            return Verdict("failure", f"the server went away with error code {int(event.error_code or 0)}")
        return None

    def _judge(self) -> Verdict:
        """Say what a whole answer with status 200 means."""
        asked = self._headers.get(WEIGHT_HEADER)
        weight = NO_WEIGHT if asked is None else weight_in(asked)
        if not self._expected:
            return Verdict("success", "HTTP status 200", weight)
        if self._expected in self._body[:HTTP_BODY_WINDOW]:
            return Verdict("success", "HTTP status 200 and the expected response", weight)
        return Verdict(
            "failure", f"the expected response is not in the body's first {HTTP_BODY_WINDOW} bytes"
        )


class GrpcDialogue(Http2Dialogue):
    """One call of the health service."""

    def _ask(self) -> None:
        name = self._spec.grpc_service.encode()
        message = b"\x0a" + _varint(len(name)) + name if name else b""  # field 1: service
        headers = [
            *self._request("POST", "/grpc.health.v1.Health/Check"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        self._connection.send_headers(1, headers)
        # uncompressed, and its length
        self._connection.send_data(1, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)

    def _judge(self) -> Verdict:
        status = self._headers.get("grpc-status", "")
        if status != "0":
            words = _GRPC_STATUS.get(int(status), status) if status.isdigit() else "none"
            message = self._headers.get("grpc-message", "")
            return Verdict("failure", f"gRPC status {words}{': ' + message if message else ''}, expected OK")
        serving = _serving(self._body)
        if serving != 1:
            return Verdict("failure", f"the service is {_SERVING.get(serving, serving)}, expected SERVING")
        return Verdict("success", "gRPC status OK, SERVING")


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def _serving(body: bytes) -> int:
    """Return field 1 of the HealthCheckResponse in a gRPC frame; 0 (UNKNOWN) where there is none."""
    message = body[5 : 5 + int.from_bytes(body[1:5], "big")]
    return message[1] if len(message) >= 2 and message[0] == 0x08 else 0
