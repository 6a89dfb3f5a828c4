#!/usr/bin/env python3
"""A sample service: says who answers whom, and can be told to burn CPU or to be unwell. Standard library only.

    GET /                        JSON: instance, zone, client and server (address, port), uptime_sec
    GET /healthz                 200 "ok", or 503 while broken or stopping
    GET /burn?seconds=S&cpu=F    keep the fraction F (1.0 unless said) of all CPUs busy for S seconds; S = 0 stops it
    GET /break?seconds=S         answer /healthz with 503 for S seconds; S = 0 mends it

Listens on $PORT (8080 unless set), over IPv6 as well where the machine has it. Asks the metadata server at $GCE_METADATA_HOST
(metadata.google.internal unless set) who it is. On SIGTERM it stops accepting, lets requests under way end, and exits.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SECONDS = 3600.0
DRAIN_SECONDS = 20.0
METADATA_RETRY_SECONDS = 1.0
BURN_SLICE_SECONDS = 0.1


class Identity:
    """Who this instance is, learnt from the metadata server in the background so that no request ever waits for it."""

    def __init__(self) -> None:
        self.instance = socket.gethostname()
        self.zone: str | None = None

    def learn(self) -> None:
        """Ask until answered. Returns then; call it on a thread of its own."""
        while True:
            try:
                self.instance = self._ask("name")
                self.zone = self._ask("zone").rpartition("/")[2]
            except (OSError, http.client.HTTPException):
                time.sleep(METADATA_RETRY_SECONDS)
            else:
                return

    @staticmethod
    def _ask(key: str) -> str:
        host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        path, flavor = f"/computeMetadata/v1/instance/{key}", {"Metadata-Flavor": "Google"}
        with contextlib.closing(http.client.HTTPConnection(host, timeout=2)) as connection:
            connection.request("GET", path, headers=flavor)
            response = connection.getresponse()
            if response.status != HTTPStatus.OK:
                raise http.client.HTTPException(response.reason)
            return response.read().decode()


class Burner:
    """Keeps CPUs busy from processes of their own, so that the service still answers. A new burn takes the place of the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: list[subprocess.Popen[bytes]] = []

    def burn(self, seconds: float, fraction: float) -> int:
        """Burn, and return on how many CPUs."""
        cpus = len(os.sched_getaffinity(0)) if seconds > 0 else 0
        with self._lock:
            for worker in self._workers:
                worker.kill()
                worker.wait()
            command = [sys.executable, str(Path(__file__).resolve()), "--burn", str(seconds), str(fraction)]
            self._workers = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(cpus)]
        return cpus


def burn(seconds: float, fraction: float) -> None:
    """Use this fraction of one CPU for so long, or until the service that asked for it is gone."""
    os.nice(10)  # the service and its health come first
    parent, pause = os.getppid(), threading.Event()
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end and os.getppid() == parent:
        while time.monotonic() < now + BURN_SLICE_SECONDS * fraction:
            pass
        if fraction < 1:
            pause.wait(BURN_SLICE_SECONDS * (1 - fraction))


class Service(ThreadingHTTPServer):
    """The server, and what its requests share."""

    daemon_threads = True
    request_queue_size = 4096  # the kernel's limit is lower on most machines, and applies
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)
        self.identity = Identity()
        self.burner = Burner()
        self.started_at = time.monotonic()
        self.stopping = False
        self.broken_until = 0.0
        self._active = 0
        self._idle = threading.Condition()

    def server_bind(self) -> None:
        """Bind, without the reverse lookup of our own name that HTTPServer makes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # one socket for both
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    @contextlib.contextmanager
    def request_under_way(self) -> Iterator[None]:
        """Count a request in, and out."""
        with self._idle:
            self._active += 1
        try:
            yield
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def drain(self) -> bool:
        """Wait until no request is under way, at most DRAIN_SECONDS; return whether that was so."""
        with self._idle:
            return self._idle.wait_for(lambda: self._active == 0, DRAIN_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hung up; say the rest in one line."""
        _ = request
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"{client_address}: {error!r}", file=sys.stderr, flush=True)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    server: Service
    protocol_version = "HTTP/1.1"
    server_version = "mig-nlb-sample"
    sys_version = ""
    timeout = 75  # seconds a connection may stay silent
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer, whatever comes."""
        with self.server.request_under_way():
            # A body is not expected; unread, it would be taken for the next request.
            if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
                self.close_connection = True
            try:
                status, content = self._route(urllib.parse.urlsplit(self.path))
            except ValueError as error:
                status, content = HTTPStatus.BAD_REQUEST, {"error": str(error)}
            self._answer(status, content)

    do_HEAD = do_GET  # noqa: N815 - http.server's own names

    def _route(self, url: urllib.parse.SplitResult) -> tuple[HTTPStatus, dict[str, object] | str]:
        match url.path:
            case "/":
                return HTTPStatus.OK, self._whoami()
            case "/healthz":
                return self._health()
            case "/burn":
                query = numbers(url.query, {"seconds": (0, MAX_SECONDS, None), "cpu": (0.01, 1.0, 1.0)})
                cpus = self.server.burner.burn(query["seconds"], query["cpu"])
                return HTTPStatus.OK, {"burning_sec": query["seconds"], "cpu": query["cpu"], "cpus": cpus}
            case "/break":
                query = numbers(url.query, {"seconds": (0, MAX_SECONDS, None)})
                self.server.broken_until = time.monotonic() + query["seconds"]
                return HTTPStatus.OK, {"broken_sec": query["seconds"]}
            case _:
                error = f"no such path: {url.path}; there are /, /healthz, /burn and /break"
                return HTTPStatus.NOT_FOUND, {"error": error}

    def _whoami(self) -> dict[str, object]:
        # A socket for both families puts something before IPv4 addresses that people do not write.
        client, server = (
            {"address": address.removeprefix("::ffff:"), "port": port}
            for address, port, *_ in (self.client_address, self.connection.getsockname())
        )
        return {
            "instance": self.server.identity.instance,
            "zone": self.server.identity.zone,
            "client": client,
            "server": server,
            "uptime_sec": round(time.monotonic() - self.server.started_at, 3),
        }

    def _health(self) -> tuple[HTTPStatus, str]:
        if self.server.stopping:
            return HTTPStatus.SERVICE_UNAVAILABLE, "stopping\n"
        if (left := self.server.broken_until - time.monotonic()) > 0:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"broken for {left:.1f} more seconds\n"
        return HTTPStatus.OK, "ok\n"

    def _answer(self, status: HTTPStatus, content: dict[str, object] | str) -> None:
        body = (content if isinstance(content, str) else json.dumps(content) + "\n").encode()
        self.send_response(status)
        kind = "text/plain; charset=utf-8" if isinstance(content, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if self.server.stopping or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log what changes something or fails; probes and ordinary requests would drown it."""
        path = getattr(self, "path", "")  # there is none where the request was no request
        failed = code != HTTPStatus.OK and not path.startswith("/healthz")
        if failed or path.startswith(("/burn", "/break")):
            super().log_request(code, size)


def numbers(query: str, wanted: dict[str, tuple[float, float, float | None]]) -> dict[str, float]:
    """Return a query's numbers. `wanted`: name -> (least, most, value where it is absent, or None where it is required).

    Raises:
        ValueError: a name unknown, repeated or missing, or a value that is no number in range.
    """
    given = urllib.parse.parse_qs(query, keep_blank_values=True, max_num_fields=8)
    for name in given:
        if name not in wanted:
            raise ValueError(f"unknown parameter {name!r}; there are {', '.join(wanted)}")
    found = {}
    for name, (least, most, default) in wanted.items():
        texts = given.get(name, [])
        if not texts and default is not None:
            found[name] = default
            continue
        if len(texts) != 1:
            raise ValueError(f"{name}: give it once, a number from {least:g} to {most:g}")
        try:
            value = float(texts[0])
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise ValueError(f"{name} = {texts[0]!r}: not a number from {least:g} to {most:g}")
        found[name] = value
    return found


def port_from(text: str) -> int:
    """Return a port number.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit() and 0 <= int(text) <= 65535):
        raise ValueError(f"PORT = {text!r}: not a port; set it to a number from 1 to 65535")
    return int(text)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    everywhere = "::" if socket.has_dualstack_ipv6() else ""
    service = Service((everywhere, port_from(os.environ.get("PORT", "8080"))))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=service.identity.learn, daemon=True).start()
    threading.Thread(target=service.serve_forever, daemon=True).start()
    print(f"listening on port {service.server_port}", file=sys.stderr, flush=True)
    stop.wait()
    service.stopping = True
    service.shutdown()
    service.server_close()
    drained = service.drain()
    service.burner.burn(0, 0)
    print("stopped" if drained else "stopped with requests under way", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--burn"]:
        burn(float(sys.argv[2]), float(sys.argv[3]))
    else:
        main()
