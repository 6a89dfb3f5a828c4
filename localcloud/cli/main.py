"""The `localcloud` command: arguments in, one function per command."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from localcloud.cli import commands, faults, internet
from localcloud.cli.client import CloudError
from localcloud.home import Home

Command = Callable[[Home, argparse.Namespace], int]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcloud",
        description="A Google Cloud on this machine. Its folder is $LOCALCLOUD_HOME; every time shown is the cloud's clock.",
    )
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(run=run)
        verb.add_argument("--json", action="store_true", help="print JSON for programs")
        return verb

    start = add("start", commands.start, "start the cloud, or find it running")
    start.add_argument(
        "--speed",
        type=float,
        metavar="N",
        help="let the cloud's clock run N times as fast as the wall's (0.1 to 100)",
    )
    start.add_argument(
        "--project", metavar="ID", help='the project of a new cloud ("local" unless said); it cannot change'
    )
    start.add_argument(
        "--system",
        metavar="NAME",
        help="give instances a root file system of their own, made once by debootstrap: debian-12, or none for this machine's /usr",
    )
    start.add_argument(
        "--packages",
        metavar="URL",
        help="let instances with such a system install packages from this Debian mirror, through the daemon; none: they cannot",
    )
    add("stop", commands.stop, "stop the cloud and everything it runs; its state is kept")
    add("status", commands.status, "show the cloud, its groups and what hinders them")
    add("instances", commands.instances, "list instances with both health checks' verdicts")
    ssh = add("ssh", commands.ssh, "open a shell on an instance, or run a command there (after --)")
    ssh.add_argument("instance", metavar="INSTANCE")
    ssh.add_argument("argv", nargs="*", metavar="COMMAND")
    logs = add("logs", commands.logs, "print an instance's serial port output")
    logs.add_argument("instance", metavar="INSTANCE")
    events = add("events", commands.events, "tell what happened, in order")
    events.add_argument("--follow", "-f", action="store_true", help="go on as things happen")
    events.add_argument(
        "--after",
        type=int,
        default=0,
        metavar="N",
        help="only what came after the event with this sequence number",
    )
    kill = add(
        "kill", commands.kill, "kill all processes of an instance at once, as a crash of its kernel would"
    )
    kill.add_argument("instance", metavar="INSTANCE")
    hang = add("hang", commands.hang, "stop all processes of an instance for a while")
    hang.add_argument("instance", metavar="INSTANCE")
    hang.add_argument(
        "--seconds", type=float, required=True, metavar="N", help="for how long, in cloud seconds"
    )
    client = add(
        "client",
        internet.run,
        "run a command, or a shell, where the cloud's clients are (after --): all ports, all protocols",
    )
    client.add_argument("argv", nargs="*", metavar="COMMAND")
    env = add("env", commands.env, "print the variables that clients of this cloud need, for eval")
    env.add_argument("--gcloud", action="store_true", help="those of the gcloud command")
    env.add_argument(
        "--as",
        dest="account",
        metavar="EMAIL",
        help="with a token of this service account, for 12 hours of the cloud's: clients may do what its roles allow",
    )
    faults.add_parser(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (1: it failed, with the reason on standard error)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # What stands behind -- is somebody else's command line: options in it are not ours.
    own, command = (
        (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    )
    given = _parser().parse_args(own)
    given.argv = [*getattr(given, "argv", []), *command]
    run: Command = given.run
    try:
        return run(Home.default(), given)
    except (CloudError, ValueError, OSError) as error:
        if given.json:
            print(json.dumps({"error": {"message": str(error)}}))
        else:
            print(f"localcloud: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
