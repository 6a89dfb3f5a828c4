"""As much of the metadata server and of Cloud Storage as the scripts ask for, on loopback."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "token-of-this-instance"
EMAIL = "web-vm@p.iam.gserviceaccount.com"


class Google(ThreadingHTTPServer):
    """Both servers on one port. `metadata`: by path below instance/. `objects`: by "BUCKET/OBJECT". `asked`: paths, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.metadata = {
            "name": "web-1a2b",
            "zone": "projects/123/zones/europe-west1-c",
            "attributes/startup-script-url": "gs://scripts/startup.sh",
            "service-accounts/default/email": EMAIL,
            "service-accounts/default/token": json.dumps(
                {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
            ),
        }
        self.objects: dict[str, bytes] = {}
        self.allowed = True
        self.failures: list[int] = []  # statuses to answer storage requests with, before all is well
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Google

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        if path.startswith("/computeMetadata/v1/instance/"):
            self._answer(*self._metadata(path.removeprefix("/computeMetadata/v1/instance/")))
        else:
            self._answer(*self._object(path))

    def _metadata(self, key: str) -> tuple[int, bytes]:
        if self.headers.get("Metadata-Flavor") != "Google":
            return 403, b"missing Metadata-Flavor"
        value = self.server.metadata.get(key)
        return (404, b"<!DOCTYPE html>not found") if value is None else (200, value.encode())

    def _object(self, path: str) -> tuple[int, bytes]:
        if self.server.failures:
            return self.server.failures.pop(0), b"try again"
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, b"anonymous"
        if not self.server.allowed:
            return 403, b"no storage.objects.get access"
        _, _, _, _, bucket, _, name = path.split("/")
        found = self.server.objects.get(f"{bucket}/{unquote(name)}")
        return (404, b"no such object") if found is None else (200, found)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
