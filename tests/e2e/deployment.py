"""A copy of this checkout with a local cloud of its own: what a user has after cloning, driven as a user drives it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SOURCE = Path(__file__).resolve().parents[2]
# No proof waits longer than this for something that should happen; real seconds, a safety net rather than a measurement.
PATIENCE = 240


class CommandFailedError(AssertionError):
    """A command ended with another status than the test expects; carries all it printed."""


class Deployment:
    """One checkout and one cloud, in a folder of the test's."""

    def __init__(self, folder: Path, speed: float, env: Mapping[str, str] | None = None) -> None:
        """`env` overrides what the test's own environment has."""
        self.root = folder / "checkout"
        self.home = folder / "cloud"
        self.speed = speed
        tracked = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"],
            cwd=SOURCE,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        for name in tracked:
            if (SOURCE / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(SOURCE / name, self.root / name)
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PULUMI_", "GOOGLE_", "LOCALCLOUD_", "VIRTUAL_ENV"))
            },
            "LOCALCLOUD_HOME": str(self.home),
            "LOCALCLOUD_SPEED": f"{speed:g}",
            **(env or {}),
        }
        self._exports: dict[str, str] | None = None
        self._endpoint: tuple[str, str] | None = None

    # Commands ---------------------------------------------------------------------------------------------------------------

    def make(self, *arguments: str, status: int | None = 0, timeout: float = 900) -> str:
        """Run make; returns all it printed."""
        return self._run(["make", *arguments], self.env, status, timeout)

    def pulumi(self, *arguments: str, status: int | None = 0) -> str:
        """Run the engine with what `make env` exports."""
        return self._run(["pulumi", *arguments], self.exports(), status, 900)

    def localcloud(self, *arguments: str, status: int | None = 0) -> str:
        """Run the localcloud command; returns what it printed."""
        return self._run(["localcloud", *arguments], self.exports(), status, 300)

    def exports(self) -> dict[str, str]:
        """Return the environment after `eval "$(make -s env)"`."""
        if self._exports is None:
            script = 'eval "$(make -s env)" && exec env -0'
            printed = subprocess.run(
                ["bash", "-c", script], cwd=self.root, env=self.env, check=True, capture_output=True
            ).stdout
            self._exports = dict(item.split("=", 1) for item in printed.decode().split("\0") if "=" in item)
        return self._exports

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in its own process group, as a terminal would; its output is piped."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _run(self, command: list[str], env: Mapping[str, str], status: int | None, timeout: float) -> str:
        path = env.get("PATH", os.defpath)
        program = shutil.which(command[0], path=path) or command[0]
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.root,
            env=env,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if status is not None and done.returncode != status:
            msg = f"{' '.join(command)}: exit status {done.returncode}, expected {status}\n{done.stdout}"
            raise CommandFailedError(msg)
        return done.stdout

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

    def configure(self, **values: object) -> None:
        """Set keys of the local stack's file; a mapping is merged into what is there, None removes."""
        file = self.root / "Pulumi.local.yaml"
        content = yaml.safe_load(file.read_text())
        for name, value in values.items():
            _merge(content["config"], f"mig-nlb:{name}", value)
        file.write_text(yaml.safe_dump(content))

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


def _merge(into: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        into.pop(name, None)
    elif isinstance(value, dict) and isinstance(into.get(name), dict):
        for key, inner in value.items():
            _merge(into[name], key, inner)
    else:
        into[name] = value


class Load:
    """A steady stream of requests, each on its own connection; every answer and failure is kept with its real times."""

    def __init__(self, url: str, per_second: float, timeout: float) -> None:
        self._url, self._gap, self._timeout = url, 1 / per_second, timeout
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.answers: list[
            tuple[float, float, str]
        ] = []  # started, ended (seconds since the epoch), instance's name
        self.failures: list[tuple[float, float, str]] = []  # started, ended, error

    def _one(self) -> None:
        started = time.time()
        try:
            with urllib.request.urlopen(self._url, timeout=self._timeout) as response:
                name = str(json.load(response)["instance"])
            self.answers.append((started, time.time(), name))
        except (OSError, ValueError) as error:
            self.failures.append((started, time.time(), repr(error)))

    def _pace(self) -> None:
        while not self._stop.wait(self._gap):
            thread = threading.Thread(target=self._one)
            thread.start()
            self._threads.append(thread)

    def __enter__(self) -> Self:
        self._pacer = threading.Thread(target=self._pace)
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join()
        for thread in self._threads:
            thread.join()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the terminal sends SIGINT to the whole foreground group."""
    os.killpg(process.pid, signal.SIGINT)
