"""A local cloud of the benchmark's own with one regional group, driven over Google's API as a client does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.daemon import launch
from localcloud.daemon.config import CloudConfig
from localcloud.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REGION, _GLOBAL = "regions/europe-west1", "global"
_COMMAND = (sys.executable, "-m", "localcloud")
_SERVICE = """#!/bin/sh
cat > /srv/answer.py <<'END'
import socket
listener = socket.create_server(("", 8080), backlog=128)
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    peer.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    peer.close()
END
systemd-run --unit=answer /usr/bin/python3 -ISE /srv/answer.py
"""


@dataclass
class CrowdCloud:
    """A cloud of its own: its folder, and what its API is called with."""

    home: Home
    config: CloudConfig

    def ask(self, method: str, place: str, body: object = None, *, compute: bool = True) -> Any:  # noqa: ANN401 - JSON of the method
        """Call Compute's API (or the operator's) and return what it says; an operation is waited for."""
        base = f"compute/v1/projects/{self.config.project}" if compute else "localcloud/v1"
        request = urllib.request.Request(  # noqa: S310 - the cloud's own address
            f"{self.config.endpoint}/{base}/{place}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.config.owner_token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
            found = json.loads(answer.read())
        if found.get("kind") == "compute#operation" if isinstance(found, dict) else False:
            where = found["selfLink"].partition(f"/projects/{self.config.project}/")[2]
            while found["status"] != "DONE":
                found = self.ask("POST", f"{where}/wait")
            if "error" in found:
                raise RuntimeError(f"{method} {place}: {found['error']}")
        return found

    def instances(self) -> list[dict[str, Any]]:
        """Return what `localcloud instances` shows."""
        found: list[dict[str, Any]] = self.ask("GET", "instances", compute=False)
        return found

    def build(self, count: int) -> None:
        """Make everything but the group's instances' owner: network, template, checks, service, rule."""
        self.ask("POST", f"{_GLOBAL}/networks", {"name": "net", "autoCreateSubnetworks": False})
        network = f"projects/{self.config.project}/global/networks/net"
        subnetwork = {"name": "sub", "network": network, "ipCidrRange": "10.128.0.0/20"}
        self.ask("POST", f"{_REGION}/subnetworks", subnetwork)
        allowed = [{"IPProtocol": "tcp", "ports": ["8080"]}]
        rule = {"name": "all", "network": network, "sourceRanges": ["0.0.0.0/0"], "allowed": allowed}
        self.ask("POST", f"{_GLOBAL}/firewalls", rule)
        region = f"projects/{self.config.project}/{_REGION}"
        image = "projects/debian-cloud/global/images/family/debian-12"
        properties = {
            "machineType": "e2-small",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [{"subnetwork": f"{region}/subnetworks/sub"}],
            "metadata": {"items": [{"key": "startup-script", "value": _SERVICE}]},
        }
        self.ask("POST", f"{_GLOBAL}/instanceTemplates", {"name": "web", "properties": properties})
        for check in ("serve", "heal"):
            http = {"port": 8080, "requestPath": "/"}
            body = {"name": check, "type": "HTTP", "httpHealthCheck": http}
            self.ask("POST", f"{_REGION}/healthChecks", {**body, "checkIntervalSec": 5, "timeoutSec": 5})
        links = "https://www.googleapis.com/compute/v1/"
        service = {
            "name": "web",
            "healthChecks": [f"{region}/healthChecks/serve"],
            "backends": [{"group": f"{links}{region}/instanceGroups/web"}],
        }
        template = f"projects/{self.config.project}/global/instanceTemplates/web"
        group = {
            "name": "web",
            "baseInstanceName": "web",
            "targetSize": count,
            "versions": [{"instanceTemplate": template}],
            "autoHealingPolicies": [{"healthCheck": f"{region}/healthChecks/heal", "initialDelaySec": 600}],
        }
        self.ask("POST", f"{_REGION}/instanceGroupManagers", group)
        self.ask("POST", f"{_REGION}/backendServices", service)
        self.ask(
            "POST",
            f"{_REGION}/forwardingRules",
            {"name": "web", "backendService": f"{region}/backendServices/web", "portRange": "8080"},
        )
        policy = {
            "minNumReplicas": count,
            "maxNumReplicas": count + 10,
            "cpuUtilization": {"utilizationTarget": 0.9},
        }
        target = f"{region}/instanceGroupManagers/web"
        self.ask(
            "POST", f"{_REGION}/autoscalers", {"name": "web", "target": target, "autoscalingPolicy": policy}
        )

    def daemon(self) -> int:
        """Return the daemon's process, once it is ready."""
        while (found := launch.running(self.home)) is None:
            time.sleep(0.05)
        return found.pid

    def command(self, *words: str) -> str:
        """Run the `localcloud` command and return what it prints."""
        environ = os.environ | {"LOCALCLOUD_HOME": str(self.home.path)}
        return subprocess.run(
            [*_COMMAND, *words], env=environ, check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def crowd_cloud(folder: Path) -> Iterator[CrowdCloud]:
    """Start a cloud in a folder, without quotas, and stop it in the end."""
    home = Home(folder)
    environ = os.environ | {"LOCALCLOUD_HOME": str(folder), "LOCALCLOUD_QUOTAS": "none"}
    subprocess.run([*_COMMAND, "start"], env=environ, check=True, stdout=subprocess.DEVNULL)
    try:
        config = CloudConfig.load(home)
        if config is None:
            raise RuntimeError("the local cloud was started, and has no configuration")
        yield CrowdCloud(home, config)
    finally:
        subprocess.run([*_COMMAND, "stop"], env=environ, check=True, stdout=subprocess.DEVNULL)
