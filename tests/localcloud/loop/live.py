"""A whole local cloud of these tests' own: the daemon as `localcloud start` starts it, in a hurry, spoken to over its API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from localcloud.daemon.config import CloudConfig
from localcloud.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.discovery.json_value import JsonValue

REGION = "projects/local/regions/europe-west1"
GLOBAL = "projects/local/global"
PORT = 8080
# The least that answers a probe, and quickly: a machine under test is often not alone.
SERVICE = f"""#!/bin/sh
cat > /srv/answer.py <<'END'
import socket
listener = socket.create_server(("", {PORT}), backlog=64)
while True:
    peer, _ = listener.accept()
    try:
        peer.settimeout(5)
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    except OSError:
        pass
    peer.close()
END
systemd-run --unit=answer /usr/bin/python3 -ISE /srv/answer.py
"""


class LiveCloud:
    """What a test works with: Compute's API, the operator's, and the story so far."""

    def __init__(self, home: Home, speed: float) -> None:
        self.home, self.speed = home, speed
        config = CloudConfig.load(home)
        assert config is not None
        headers = {"Authorization": f"Bearer {config.owner_token}"}
        self._http = httpx.Client(base_url=config.endpoint, headers=headers, timeout=60)
        self._story: list[dict[str, Any]] = []

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def call(self, method: str, path: str, body: JsonValue = None) -> Any:  # noqa: ANN401 - JSON of the method called
        """Call Compute's API; what is refused fails the test."""
        answer = self._http.request(method, f"/compute/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def operate(self, instance: str, verb: str, **body: float) -> None:
        """Kill or hang an instance, as `localcloud kill` and `localcloud hang` do."""
        path = {"kill": "crash"}.get(verb, verb)
        answer = self._http.post(f"/localcloud/v1/instances/{instance}/{path}", json=body)
        assert answer.is_success, answer.text

    def instances(self) -> list[dict[str, Any]]:
        """Return what `localcloud instances` shows."""
        found: list[dict[str, Any]] = self._http.get("/localcloud/v1/instances").json()
        return found

    def story(self) -> list[dict[str, Any]]:
        """Return every event up to now."""
        after = self._story[-1]["seq"] if self._story else 0
        lines = self._http.get(f"/localcloud/v1/events?after={after}").text.splitlines()
        self._story += [json.loads(line) for line in lines]
        return self._story

    def wait(self, wanted: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Follow the story until it has what is wanted."""
        while not wanted(self.story()):
            with self._http.stream(
                "GET", f"/localcloud/v1/events?after={self._story[-1]['seq']}&follow=1"
            ) as lines:
                next(lines.iter_lines())

    def build(self, groups: int, size: int) -> list[str]:
        """Make this many groups, each with a balancer and two checks of its own; returns their names."""
        self.call("POST", f"{GLOBAL}/networks", {"name": "net", "autoCreateSubnetworks": False})
        network = f"{GLOBAL}/networks/net"
        subnetwork = {"name": "sub", "network": network, "ipCidrRange": "10.128.0.0/20"}
        self.call("POST", f"{REGION}/subnetworks", subnetwork)
        probers = ["130.211.0.0/22", "35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22"]
        allowed = [{"IPProtocol": "tcp", "ports": [str(PORT)]}]
        rule = {"name": "probers", "network": network, "sourceRanges": probers, "allowed": allowed}
        self.call("POST", f"{GLOBAL}/firewalls", rule)
        image = "projects/debian-cloud/global/images/family/debian-12"
        properties = {
            "machineType": "e2-small",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [{"subnetwork": f"{REGION}/subnetworks/sub"}],
            "metadata": {"items": [{"key": "startup-script", "value": SERVICE}]},
        }
        self.call("POST", f"{GLOBAL}/instanceTemplates", {"name": "tpl", "properties": properties})
        return [self._group(f"g{number}", size) for number in range(groups)]

    def _group(self, name: str, size: int) -> str:
        http = {"port": PORT, "requestPath": "/"}
        for check in ("lb", "heal"):
            body = {"name": f"{name}-{check}", "type": "HTTP", "httpHealthCheck": http}
            self.call("POST", f"{REGION}/healthChecks", body)
        healing = [{"healthCheck": f"{REGION}/healthChecks/{name}-heal", "initialDelaySec": 3600}]
        group = {
            "name": name,
            "baseInstanceName": name,
            "targetSize": size,
            "versions": [{"instanceTemplate": f"{GLOBAL}/instanceTemplates/tpl"}],
            "autoHealingPolicies": healing,
        }
        self.call("POST", f"{REGION}/instanceGroupManagers", group)
        backends = [{"group": f"https://www.googleapis.com/compute/v1/{REGION}/instanceGroups/{name}"}]
        service = {"name": name, "healthChecks": [f"{REGION}/healthChecks/{name}-lb"], "backends": backends}
        self.call("POST", f"{REGION}/backendServices", service)
        rule = {"name": name, "backendService": f"{REGION}/backendServices/{name}", "portRange": str(PORT)}
        self.call("POST", f"{REGION}/forwardingRules", rule)
        return name

    def tune(self, check: str, *, interval: int, timeout: int, unhealthy: int, healthy: int) -> None:
        """Give a health check these settings; seconds and counts."""
        body = {
            "checkIntervalSec": interval,
            "timeoutSec": timeout,
            "unhealthyThreshold": unhealthy,
            "healthyThreshold": healthy,
        }
        self.call("PATCH", f"{REGION}/healthChecks/{check}", body)


@contextmanager
def live_cloud(speed: float) -> Iterator[LiveCloud]:
    """Start a cloud in a folder of its own, and take all of it down at the end."""
    with tempfile.TemporaryDirectory(prefix="loop-") as folder:
        environment = {**os.environ, "LOCALCLOUD_HOME": folder}
        command = [sys.executable, "-m", "localcloud"]
        subprocess.run(
            [*command, "start", "--speed", f"{speed:g}"], env=environment, check=True, capture_output=True
        )
        cloud = LiveCloud(Home(Path(folder)), speed)
        try:
            yield cloud
        finally:
            cloud.close()
            subprocess.run([*command, "stop"], env=environment, check=True, capture_output=True)
