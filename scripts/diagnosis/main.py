"""`scripts/doctor`: arguments in, report out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from scripts.diagnosis import report
from scripts.diagnosis.diagnose import diagnose, wrong
from scripts.diagnosis.gather import Gatherer
from scripts.diagnosis.google_api import CannotLookError, GoogleApi, RefusedError
from scripts.diagnosis.shell import open_shell
from scripts.diagnosis.stack import group_of

if TYPE_CHECKING:
    from collections.abc import Sequence

WELL, WRONG, CANNOT_LOOK = 0, 1, 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/doctor",
        description="Say what is wrong with a deployed stack, and what mends it. Nothing is changed. "
        "Exit status: 0 nothing is wrong, 1 something is, 2 it could not be looked at.",
    )
    _target(parser, None)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    verbs = parser.add_subparsers(dest="verb", metavar="shell")
    shell = verbs.add_parser(
        "shell",
        help="show why an instance's start-up script failed, then offer a shell there",
        description="Run `sudo journalctl -u google-startup-scripts.service` on an instance, then offer a shell there.",
    )
    shell.add_argument("instance", metavar="INSTANCE")
    shell.add_argument(
        "--rerun", action="store_true", help="run the start-up script again: sudo google_metadata_script_runner startup"
    )  # fmt: skip
    shell.add_argument("--tunnel-through-iap", action="store_true", help="connect by Identity-Aware Proxy")
    _target(shell, argparse.SUPPRESS)
    return parser


def _target(parser: argparse.ArgumentParser, default: str | None) -> None:
    stack = os.environ.get("STACK", "") if default is None else default
    parser.add_argument(
        "--stack", default=stack, metavar="NAME", help="the stack (default: $STACK, else the one that is selected)"
    )  # fmt: skip
    parser.add_argument(
        "--group", default=default, metavar="LINK", help="link of the instance group, in place of the stack's output instance_group"
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        api = GoogleApi.connect(os.environ)
        group = given.group or group_of(given.stack, api)
        if given.verb == "shell":
            return open_shell(api, group, given.instance, rerun=given.rerun, tunnel=given.tunnel_through_iap)
        facts = Gatherer(api).facts(group)
    except (CannotLookError, RefusedError) as error:
        if getattr(given, "json", False):
            print(json.dumps({"error": {"message": str(error)}}))
        else:
            print(f"doctor: {error}", file=sys.stderr)
        return CANNOT_LOOK
    except KeyboardInterrupt:
        return 130
    findings = diagnose(facts)
    print(json.dumps(report.document(facts, findings)) if given.json else report.text(facts, findings))
    return WRONG if wrong(findings) else WELL
