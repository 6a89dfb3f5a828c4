"""What each `localcloud` command does."""

from __future__ import annotations

import json
import select
import shlex
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from localcloud.cli import render
from localcloud.cli.client import Client, CloudError
from localcloud.daemon import launch
from localcloud.daemon.config import CloudConfig

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from localcloud.guest.session import GuestSession
    from localcloud.home import Home

_shown_steps: set[str] = set()


def start(home: Home, given: argparse.Namespace) -> int:
    """Start the daemon unless it runs; a speed or project that is not the running one's is an error, not a surprise."""
    if launch.running(home) is None:
        if given.system is not None or given.packages is not None:
            from localcloud.daemon import systems  # noqa: PLC0415 - few clouds have one

            systems.choose(home, given.system, given.packages, _progress)
        reason = launch.start(home, given.speed, given.project)
        if reason:
            raise CloudError(reason)
    else:
        CloudConfig.load_or_create(home, given.project)
        if given.system is not None or given.packages is not None:
            from localcloud.daemon import systems  # noqa: PLC0415 - as above

            systems.check(home, given.system, given.packages)
    report = Client.connect(home).call("GET", "/status")
    speed = report["clock"]["speed"]
    if given.speed is not None and given.speed != speed:
        msg = f"--speed {given.speed:g}: this cloud runs already, at speed {speed:g}; stop it first (localcloud stop), its state is kept"
        raise CloudError(msg)
    _show(given, report, render.started(report))
    return 0


def _progress(step: str) -> None:
    """Show how far a root file system is: each step in the place of the last at a terminal, else the kinds of steps, a line each."""
    if sys.stderr.isatty():
        print(f"\r\x1b[Kroot file system: {step}", end="", file=sys.stderr, flush=True)
    elif (kind := step.partition(" ")[0]) not in _shown_steps:
        _shown_steps.add(kind)
        print(f"root file system: {kind} ...", file=sys.stderr, flush=True)


def stop(home: Home, given: argparse.Namespace) -> int:
    """Stop the daemon and wait until it is gone; without a daemon, take down what one left behind."""
    stopped = False
    while found := [each for each in (launch.keeper(home), launch.running(home)) if each is not None]:
        stopped = True
        # the keeper is first: it finishes what a daemon leaves that is killed meanwhile
        for each in found:
            each.send(signal.SIGTERM)
            each.send(signal.SIGCONT)  # one that somebody stopped (Ctrl-Z) would not hear it
        for each in found:
            with each.handle() as gone:
                if gone is not None:
                    select.select([gone], [], [])
    from localcloud.daemon.teardown import tear_down  # noqa: PLC0415 - half of what the other commands need to start

    tear_down(home)
    _show(
        given,
        {"stopped": stopped},
        "local cloud stopped" if stopped else "local cloud was not running",
    )
    return 0


def status(home: Home, given: argparse.Namespace) -> int:
    """Show the cloud."""
    report = Client.connect(home).call("GET", "/status")
    _show(given, report, render.status(report))
    return 0


def instances(home: Home, given: argparse.Namespace) -> int:
    """List the instances."""
    client = Client.connect(home)
    found = client.call("GET", "/instances")
    _show(given, found, render.instances(found))
    return 0


def ssh(home: Home, given: argparse.Namespace) -> int:
    """Run a command, or a login shell, on an instance. The exit status is the command's own."""
    instance = _instance(home, given.instance)
    if instance["status"] != "RUNNING":
        msg = f"instance {instance['name']} is {instance['status']}: wait until it is RUNNING (localcloud events --follow)"
        raise CloudError(msg)
    argv = given.argv or ["/bin/bash", "-l"]
    with _session(home, instance) as session:
        if not given.json:
            return session.attach(argv, tty=sys.stdin.isatty() and sys.stdout.isatty())
        done = session.run(argv)
    print(
        json.dumps(
            {
                "exit_status": done.exit_status,
                "stdout": done.stdout.decode(errors="replace"),
                "stderr": done.stderr.decode(errors="replace"),
            }
        )
    )
    return done.exit_status


@contextmanager
def _session(home: Home, instance: Mapping[str, Any]) -> Iterator[GuestSession]:
    from localcloud.guest.session import GuestSession, SessionError  # noqa: PLC0415 - only two commands need it, `start` does not

    try:
        yield GuestSession(home.instance(instance["id"]))
    except SessionError as error:
        raise CloudError(str(error)) from error


def logs(home: Home, given: argparse.Namespace) -> int:
    """Print the serial port's output, control characters made harmless."""
    instance = _instance(home, given.instance)
    with _session(home, instance) as session:
        contents = session.serial_output().decode(errors="replace")
    _show(given, {"instance": instance["name"], "contents": contents}, harmless(contents))
    return 0


def events(home: Home, given: argparse.Namespace) -> int:
    """Tell the story; with --follow, go on."""
    client = Client.connect(home)
    if not given.json:
        print(render.clock_line(client.call("GET", "/status")["clock"]))
    for line in client.lines(f"/events?after={given.after}&follow={int(given.follow)}"):
        print(json.dumps(line) if given.json else render.event(line), flush=True)
    return 0


def kill(home: Home, given: argparse.Namespace) -> int:
    """Kill all processes of an instance."""
    instance = Client.connect(home).call("POST", f"/instances/{given.instance}/crash")
    _show(given, instance, f"killed {instance['name']}: it is silent now; autohealing will find out")
    return 0


def hang(home: Home, given: argparse.Namespace) -> int:
    """Stop all processes of an instance for some cloud seconds."""
    instance = Client.connect(home).call(
        "POST", f"/instances/{given.instance}/hang", {"seconds": given.seconds}
    )
    _show(given, instance, f"{instance['name']} hangs for {given.seconds:g} s of the cloud's clock")
    return 0


def env(home: Home, given: argparse.Namespace) -> int:
    """Print the variables that make a client speak to this cloud."""
    config = CloudConfig.load(home)
    if config is None:
        msg = f"no local cloud was ever started in {home.path}; start it with: localcloud start"
        raise CloudError(msg)
    if given.account and given.gcloud:
        msg = f"--as {given.account}: not with --gcloud, whose own way is --impersonate-service-account; leave one of them away"
        raise CloudError(msg)
    variables = (
        gcloud_variables(config.endpoint, config.project, config.write_token(home))
        if given.gcloud
        else _client_variables(config)
    )
    if not given.json and launch.running(home) is None and launch.keeper(home) is None:
        print(
            "localcloud: this cloud does not run, so nobody answers there; start it with: make up, or localcloud start",
            file=sys.stderr,
        )
    if given.account:
        token = Client.connect(home).call("POST", "/tokens", {"email": given.account})
        variables["GOOGLE_OAUTH_ACCESS_TOKEN"] = token["access_token"]
    _show(
        given,
        variables,
        "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
    )
    return 0


def _client_variables(config: CloudConfig) -> dict[str, str]:
    """The variables that Google's Terraform-based providers (Pulumi's among them) read, and where Pulumi finds our plugin."""
    base = config.endpoint
    return {
        "PULUMI_DEBUG_PROVIDERS": f"gcp:{config.provider_port}",
        "GOOGLE_PROJECT": config.project,
        "GOOGLE_OAUTH_ACCESS_TOKEN": config.owner_token,
        "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{base}/compute/beta/",
        "GOOGLE_STORAGE_CUSTOM_ENDPOINT": f"{base}/storage/v1/",
        "GOOGLE_IAM_CUSTOM_ENDPOINT": f"{base}/iam/v1/",
        "GOOGLE_IAM_BETA_CUSTOM_ENDPOINT": f"{base}/iambeta/",
        "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT": f"{base}/crm/v1/",
        "GOOGLE_CLOUD_RESOURCE_MANAGER_CUSTOM_ENDPOINT": f"{base}/crm/",
        "GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT": f"{base}/serviceusage/v1/",
        "GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT": f"{base}/secretmanager/v1/",
        "GOOGLE_MONITORING_CUSTOM_ENDPOINT": f"{base}/monitoring/",
    }


def gcloud_variables(base: str, project: str, token: Path) -> dict[str, str]:
    """Return the variables that make gcloud speak to a cloud; `base` is its address, `token` a file with its owner's token."""
    overrides = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
    return {
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        f"{overrides}COMPUTE": f"{base}/compute/v1/",
        f"{overrides}STORAGE": f"{base}/storage/v1/",
        f"{overrides}IAM": f"{base}/",
        f"{overrides}CLOUDRESOURCEMANAGER": f"{base}/crm/",
        f"{overrides}SERVICEUSAGE": f"{base}/serviceusage/",
        f"{overrides}SECRETMANAGER": f"{base}/secretmanager/",
        f"{overrides}MONITORING": f"{base}/monitoring/",
    }


def _instance(home: Home, name: str) -> dict[str, Any]:
    known: list[dict[str, Any]] = Client.connect(home).call("GET", "/instances")
    for instance in known:
        if instance["name"] == name:
            return instance
    msg = f"instance {name} does not exist; instances are: {', '.join(item['name'] for item in known) or 'none'}"
    raise CloudError(msg)


def harmless(text: str) -> str:
    """Guests write what they like: keep their escape sequences from the reader's terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else "�" for char in text.replace("\r\n", "\n")
    )


def _show(given: argparse.Namespace, data: object, text: str) -> None:
    print(json.dumps(data) if given.json else text)
