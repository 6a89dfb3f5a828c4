"""A copy of this checkout with a local cloud of its own: what a user has after cloning, driven as a user drives it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.e2e.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


# No proof waits longer than this for something that should happen; real seconds, a safety net rather than a measurement.
PATIENCE = 240


class Deployment(Checkout):
    """One checkout and one cloud, in a folder of the test's."""

    _endpoint: tuple[str, str] | None = None  # with the owner's token; asked for once

    # What the cloud shows ---------------------------------------------------------------------------------------------------

    def show(self, *arguments: str) -> Any:  # noqa: ANN401  - JSON of the command called
        """Run a localcloud command with --json and return what it printed."""
        return json.loads(self.localcloud(*arguments, "--json"))

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "-s", "local", "--json"))
        return found

    def cpus(self) -> set[int]:
        """Return the processors that instances may use: this machine's."""
        return os.sched_getaffinity(0)

    def api(self, path: str, data: bytes | None = None) -> Any:  # noqa: ANN401  - JSON of the method called
        """Call a method of this cloud with the owner's token; POST where there are data."""
        if self._endpoint is None:
            self._endpoint = (self.show("status")["endpoint"], self.show("env")["GOOGLE_OAUTH_ACCESS_TOKEN"])
        endpoint, token = self._endpoint
        request = urllib.request.Request(endpoint + path, data=data)
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "text/plain")
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def upload(self, bucket: str, name: str, text: str) -> None:
        """Put an object into a bucket, in place of the one there is."""
        self.api(
            f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}", text.encode()
        )

    def instances(self) -> list[dict[str, Any]]:
        """Return `localcloud instances`."""
        found: list[dict[str, Any]] = self.api("/localcloud/v1/instances")
        return found

    def url(self) -> str:
        """Return the service's address, as `make url` prints it."""
        return self.make("-s", "url").strip()

    def get(self, path: str = "/", timeout: float = 10) -> Any:  # noqa: ANN401  - JSON of the service
        """Send one request to the service, on a connection of its own."""
        with urllib.request.urlopen(self.url_cached + path, timeout=timeout) as response:
            return json.load(response)

    @property
    def url_cached(self) -> str:
        """The service's address, asked for once."""
        if not hasattr(self, "_url"):
            self._url = self.url()
        return self._url

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the story after an event's sequence number."""
        return [
            json.loads(line)
            for line in self.localcloud("events", "--json", "--after", str(after)).splitlines()
        ]

    def last_event(self) -> int:
        """Return the sequence number to wait from."""
        story = self.events()
        return story[-1]["seq"] if story else 0

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], after: int, what: str) -> dict[str, Any]:
        """Return the first event after a sequence number that is wanted; follows the story rather than polling."""
        seen = []
        with self.following(after) as story:
            for event in story:
                seen.append(event)
                if wanted(event):
                    return event
        told = "\n".join(
            f"{event['time']} {event['kind']} {event['subject']} {event['message']}" for event in seen[-60:]
        )
        msg = f"waited {PATIENCE} s in vain for {what}; the story meanwhile:\n{told}"
        raise AssertionError(msg)

    @contextmanager
    def following(self, after: int) -> Iterator[Iterator[dict[str, Any]]]:
        """Follow the story until the block ends, or patience does."""
        env = self.exports()
        process = subprocess.Popen(
            [
                str(self.root / "localcloud/bin/localcloud"),
                "events",
                "--json",
                "--follow",
                "--after",
                str(after),
            ],
            cwd=self.root,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        assert process.stdout is not None
        try:
            yield (json.loads(line) for line in process.stdout)
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
            process.stdout.close()

    def wait_until_healthy(self, count: int) -> list[dict[str, Any]]:
        """Wait until exactly this many instances exist, at rest and healthy for both checks; returns them."""
        last: list[dict[str, Any]] = []

        def settled(_: dict[str, Any]) -> bool:
            nonlocal last
            last = self.instances()
            return len(last) == count and all(
                (item["action"], item["autohealing"], item["balancer"]) == ("NONE", "HEALTHY", "HEALTHY")
                for item in last
            )

        if not settled({}):
            start = self.last_event()
            # Looked at once more: what happened before `start` is not told again, and nothing else may happen.
            if not settled({}):
                self.wait_for(settled, start, f"{count} healthy instances (now: {last})")
        return last

    def cloud_time(self) -> Callable[[float], float]:
        """Return a function from this machine's time to the cloud's (both seconds since the epoch), good to some milliseconds."""
        before = time.time()
        clock = self.api("/localcloud/v1/status")["clock"]
        wall = (before + time.time()) / 2
        return lambda at: float(clock["now"] + (at - wall) * clock["speed"])

    def start_cloud(self) -> None:
        """Start the local cloud with nothing on it."""
        self.make("engine")
        self.localcloud("start", "--speed", f"{self.speed:g}")
        self._exports = None  # the cloud has been born since, and with it what its clients need

    def up_without_policies(self) -> str:
        """Deploy as an engineer does who skips the make targets, and with them the policy pack."""
        self.start_cloud()
        self.pulumi("stack", "select", "--create", "local")
        return self.pulumi("up", "--yes", "--stack", "local")

    def watch(self, command: Sequence[str], instance: str, until: str) -> None:
        """Run a command that goes on and on, on an instance, until it prints something."""
        program = self.root / "localcloud/bin/localcloud"
        process = subprocess.Popen(
            [program, "ssh", instance, "--", *command],
            env=self.exports(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        assert process.stdout is not None
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if until in line:
                    return
            msg = f"{' '.join(command)} on {instance} ended without {until!r}:\n{''.join(seen)}"
            raise AssertionError(msg)
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
            process.stdout.close()

    # Endings ----------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the cloud whatever state it is in; the folder goes with the test's."""
        subprocess.run(
            [str(self.root / "localcloud/bin/localcloud"), "stop"],
            env=self.env,
            check=False,
            capture_output=True,
            timeout=120,
        )
