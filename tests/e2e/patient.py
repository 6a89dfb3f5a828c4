"""A deployment that can be broken in many ways, and what the doctor says of it."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.deployment import Deployment


JOURNAL = ("sudo", "journalctl", "--no-pager", "-u", "google-startup-scripts.service", "--follow")
FINISHED = "Finished running startup scripts"
WELL, WRONG, CANNOT_LOOK = 0, 1, 2
REGION = "/compute/v1/projects/local/regions/europe-west1"
GLOBAL = "/compute/v1/projects/local/global"


class Patient:
    """A deployment with what is needed to break it: over REST, as somebody with a console would."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        status = deployment.show("status")
        self.endpoint = status["endpoint"]
        self.token = deployment.show("env")["GOOGLE_OAUTH_ACCESS_TOKEN"]
        self.link = str(deployment.outputs()["instance_group"])
        self.manager = f"{REGION}/instanceGroupManagers/{self.link.rpartition('/')[2]}"
        self.bucket = self.call("GET", "/storage/v1/b?project=local")["items"][0]["name"]
        script = deployment.root / "scripts" / "startup.sh"
        self.script = script.read_text("utf-8")

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  - JSON of the method called
        """Call a method of the API, and wait for the operation where there is one."""
        request = urllib.request.Request(
            self.endpoint + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read() or b"{}")
        if isinstance(answer, dict) and answer.get("kind") == "compute#operation":
            if answer["status"] != "DONE":
                return self.call("POST", f"/compute/v1/{answer['selfLink'].partition('/v1/')[2]}/wait")
            assert "error" not in answer, answer["error"]
        return answer

    def doctor(self, *arguments: str, status: int | None = None) -> str:
        """Run the doctor as a user does; returns what it printed."""
        return self.deployment._run(
            [str(self.deployment.root / "scripts" / "doctor"), *arguments],
            self.deployment.exports(),
            status,
            300,
        )

    def report(self, status: int) -> dict[str, Any]:
        """Return the doctor's report, which must end with this status."""
        found: dict[str, Any] = json.loads(self.doctor("--stack", "local", "--json", status=status))
        return found

    def first(self) -> dict[str, Any]:
        """Return the first finding of a stack in which something is wrong."""
        found: dict[str, Any] = self.report(WRONG)["findings"][0]
        return found

    def victim(self) -> str:
        """Return the name of an instance."""
        return min(str(item["name"]) for item in self.deployment.instances())

    def last_event(self) -> int:
        """Return the sequence number to wait from."""
        return self.deployment.last_event()

    def wait_for(self, after: int, kind: str, subject: str, **data: str) -> None:
        """Wait for an event about an instance."""
        self.deployment.wait_for(
            lambda event: event["kind"] == kind and event["subject"] == subject
            and all(event["data"].get(name) == value for name, value in data.items()),
            after,
            f"{kind} of {subject}",
        )  # fmt: skip

    def recreate(self, name: str) -> None:
        """Have the group make an instance anew, and wait until its start-up script has ended."""
        zone = next(item["zone"] for item in self.deployment.instances() if item["name"] == name)
        start = self.last_event()
        link = f"zones/{zone}/instances/{name}"
        self.call("POST", f"{self.manager}/recreateInstances", {"instances": [link]})
        self.wait_for(start, "instance.running", name)
        self.deployment.watch(JOURNAL, name, until=FINISHED)

    def wait_until_failing(self, role: str, count: int) -> None:
        """Wait until this many instances are not healthy for a check."""

        def failing(_: dict[str, Any]) -> bool:
            verdicts = [str(item[role]) for item in self.deployment.instances()]
            return sum(verdict != "HEALTHY" for verdict in verdicts) >= count

        start = self.last_event()
        if not failing({}):
            self.deployment.wait_for(failing, start, f"{count} instances that the {role} check fails")

    def put_script(self, text: str) -> None:
        """Put a start-up script in place of the one in the bucket."""
        self.deployment.upload(self.bucket, "startup.sh", text)

    def mended(self) -> None:
        """Wait until all is well, and have the doctor say so."""
        self.deployment.wait_until_healthy(3)
        assert self.report(WELL)["findings"] == []

    def check(self, role: str) -> str:
        """Return the path of a check."""
        place = GLOBAL if role == "autohealing" else REGION
        (found,) = self.call("GET", f"{place}/healthChecks")["items"]
        return f"{place}/healthChecks/{found['name']}"
