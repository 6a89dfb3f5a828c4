"""A health check as both of its users mean it: what is asked, how often, and after how many answers it is believed.

Owns the protocol table (which options a protocol has, which block of the resource they go into) and the arithmetic of detection.
Leaves out `sourceRegions` (such checks serve neither a backend service nor autohealing) and named ports (Google: not supported).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from components.invalid_argument import InvalidArgumentError, require_choice, require_range

if TYPE_CHECKING:
    from collections.abc import Mapping

ProbeProtocol = Literal["TCP", "SSL", "HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC_WITH_TLS"]
HTTP_FAMILY: frozenset[str] = frozenset({"HTTP", "HTTPS", "HTTP2"})
DEFAULT_REQUEST_PATH = "/healthz"
MAX_PAYLOAD = 1024  # bytes of `request` and of `response`, as the API has it


@dataclass(frozen=True, kw_only=True)
class _ProtocolBlock:
    """Where a protocol's options stand in the resource (`block`), and which options it has."""

    block: str
    options: frozenset[str]


_STREAM = frozenset({"request", "response", "proxy_header"})
_WEB = frozenset({"request_path", "host", "response", "proxy_header"})
_RPC = frozenset({"grpc_service_name"})

PROTOCOLS: Mapping[str, _ProtocolBlock] = {
    "TCP": _ProtocolBlock(block="tcp_health_check", options=_STREAM),
    "SSL": _ProtocolBlock(block="ssl_health_check", options=_STREAM),
    "HTTP": _ProtocolBlock(block="http_health_check", options=_WEB),
    "HTTPS": _ProtocolBlock(block="https_health_check", options=_WEB),
    "HTTP2": _ProtocolBlock(block="http2_health_check", options=_WEB),
    "GRPC": _ProtocolBlock(block="grpc_health_check", options=_RPC),
    "GRPC_WITH_TLS": _ProtocolBlock(block="grpc_tls_health_check", options=_RPC),
}
_OPTIONS = ("request_path", "host", "request", "response", "proxy_header", "grpc_service_name")


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Seconds from an instance's failure to the verdict: never before `min_sec`, never after `max_sec`.

    Attributes:
        min_sec: the soonest.
        max_sec: the latest.
    """

    min_sec: int
    max_sec: int

    def __str__(self) -> str:
        return f"{self.min_sec} to {self.max_sec} s"


@dataclass(frozen=True, kw_only=True)
class HealthProbe:
    """One health check's settings. Times are whole seconds, as the API has them.

    Attributes:
        protocol: what is spoken. HTTP by default: a frozen process still completes TCP handshakes (its kernel does), so a bare TCP
            check does not notice it.
        port: the port the service really listens on; the firewall is opened for it.
        request_path: HTTP family only; "/healthz" unless said. Only status 200 counts as success.
        host: HTTP family only; the Host header.
        request: TCP and SSL only; sent after connecting.
        response: what the answer must be (TCP, SSL) or contain in its first 1024 bytes (HTTP family).
        proxy_header: "PROXY_V1" sends a PROXY line first.
        grpc_service_name: gRPC only; the name asked for.
        check_interval_sec: from the start of one probe to the start of the next, 1 to 300.
        timeout_sec: how long an answer may take, 1 to 300 and no longer than the interval.
        healthy_threshold: successes in a row that make an instance healthy, 1 to 10.
        unhealthy_threshold: failures in a row that make it unhealthy, 1 to 10.
        logging: write changes of health to Cloud Logging.

    Raises:
        InvalidArgumentError: a value the API would refuse, or an option the protocol does not have.
    """

    protocol: ProbeProtocol = "HTTP"
    port: int = 8080
    request_path: str | None = None
    host: str | None = None
    request: str | None = None
    response: str | None = None
    proxy_header: Literal["NONE", "PROXY_V1"] | None = None
    grpc_service_name: str | None = None
    check_interval_sec: int = 5
    timeout_sec: int = 5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2
    logging: bool = True

    def __post_init__(self) -> None:
        """Refuse what the API would refuse, before there is anything to clean up."""
        require_choice("protocol", self.protocol, get_args(ProbeProtocol))
        require_range("port", self.port, 1, 65535)
        require_range("check_interval_sec", self.check_interval_sec, 1, 300, "s")
        require_range("timeout_sec", self.timeout_sec, 1, 300, "s")
        require_range("healthy_threshold", self.healthy_threshold, 1, 10)
        require_range("unhealthy_threshold", self.unhealthy_threshold, 1, 10)
        if self.timeout_sec > self.check_interval_sec:
            raise InvalidArgumentError(
                "timeout_sec",
                self.timeout_sec,
                f"a probe may not still be waiting when the next one starts (check_interval_sec is {self.check_interval_sec})",
                f"set timeout_sec to {self.check_interval_sec} or less, or raise check_interval_sec",
            )
        self._validate_options()

    def _validate_options(self) -> None:
        allowed = PROTOCOLS[self.protocol].options
        for option in _OPTIONS:
            value = getattr(self, option)
            if value is not None and option not in allowed:
                having = ", ".join(protocol for protocol, row in PROTOCOLS.items() if option in row.options)
                raise InvalidArgumentError(
                    option,
                    value,
                    f"a {self.protocol} probe has no such option",
                    f"remove it, or use a protocol that has it: {having}",
                )
        if self.request_path is not None and not self.request_path.startswith("/"):
            raise InvalidArgumentError(
                "request_path", self.request_path, "a path begins with a slash", f"write /{self.request_path}"
            )
        if self.proxy_header is not None:
            require_choice("proxy_header", self.proxy_header, ("NONE", "PROXY_V1"))
        for option in ("request", "response"):
            text = getattr(self, option)
            if text is not None and (not text.isascii() or len(text) > MAX_PAYLOAD):
                raise InvalidArgumentError(
                    option,
                    text,
                    f"only ASCII, and at most {MAX_PAYLOAD} bytes",
                    "shorten it or keep to ASCII",
                )

    @property
    def window_sec(self) -> int:
        """How long an instance must fail to be condemned: interval times failures. What the two checks are compared by."""
        return self.check_interval_sec * self.unhealthy_threshold

    @property
    def silent_death(self) -> Detection:
        """Bounds on noticing an instance that stops answering: the last of k probes must also time out."""
        first = (self.unhealthy_threshold - 1) * self.check_interval_sec
        return Detection(
            min_sec=first + self.timeout_sec, max_sec=first + self.check_interval_sec + self.timeout_sec
        )

    @property
    def refused_connection(self) -> Detection:
        """Bounds on noticing an instance that answers wrongly or refuses at once: no time-out to wait for."""
        return Detection(
            min_sec=(self.unhealthy_threshold - 1) * self.check_interval_sec, max_sec=self.window_sec
        )

    @property
    def recovery(self) -> Detection:
        """Bounds on believing in an instance that answers again."""
        return Detection(
            min_sec=(self.healthy_threshold - 1) * self.check_interval_sec,
            max_sec=self.healthy_threshold * self.check_interval_sec,
        )

    def resource_arguments(self) -> dict[str, Any]:
        """Return the arguments that `gcp.compute.HealthCheck` and `RegionHealthCheck` take for this probe."""
        row = PROTOCOLS[self.protocol]
        block: dict[str, Any] = {"port": self.port}
        if self.protocol in HTTP_FAMILY:
            block["request_path"] = DEFAULT_REQUEST_PATH
        block |= {option: value for option in _OPTIONS if (value := getattr(self, option)) is not None}
        return {
            "check_interval_sec": self.check_interval_sec,
            "timeout_sec": self.timeout_sec,
            "healthy_threshold": self.healthy_threshold,
            "unhealthy_threshold": self.unhealthy_threshold,
            "log_config": {"enable": self.logging},
            row.block: block,
        }


# Drops a stalling instance in seconds, and takes it back as soon.
BALANCER_DEFAULT = HealthProbe(
    check_interval_sec=5, timeout_sec=3, healthy_threshold=2, unhealthy_threshold=2
)
# Condemns an instance only when it is dead for sure: recreating costs its memory, its disk and a boot. Google advises an interval of
# at most twice the time-out: a longer one only waits.
AUTOHEALING_DEFAULT = HealthProbe(
    check_interval_sec=30, timeout_sec=15, healthy_threshold=2, unhealthy_threshold=5
)
