"""The gate: what the engine's events come to, as a status and as reports.

Exits with 0 if the gate is open, with 1 if it is closed: by a mandatory finding, by a policy that could not run, by an error of
the engine, or because the pack did not judge the stack at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mig_policies.catalogue import RULES
from mig_policies.pack import PACK_NAME
from mig_policies.reports.events import read_events
from mig_policies.reports.junit import junit
from mig_policies.reports.markdown import markdown
from mig_policies.reports.places import Place, registered_places, saved_places
from mig_policies.reports.sarif import sarif
from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mig_policies.reports.events import Run
    from mig_policies.reports.places import Places


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the events, write the reports that are asked for, say what was found."""
    options = _parser().parse_args(arguments)
    run = read_events(_read(options.events).splitlines(), PACK_NAME, saved_state=options.saved_state)
    places = _places(options)
    _write(run, places, options)
    if not options.brief:
        _tell(run, places)
    counts = ", ".join(
        f"{len(run.of(item))} {item.value}"
        for item in (Outcome.VIOLATED, Outcome.UNDETERMINED, Outcome.EXEMPT)
    )
    closed = run.blocking
    sys.stdout.write(f"Policy pack {PACK_NAME}: {counts}; the gate is {'closed' if closed else 'open'}.\n")
    for reason in closed:
        sys.stdout.write(f"Closed by {reason}\n")
    return 1 if closed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mig_policies.reports", description=__doc__)
    parser.add_argument(
        "--events", default="-", help="the engine's events, one JSON object a line; - is standard input"
    )
    parser.add_argument(
        "--saved-state", action="store_true", help="the events are those of `pulumi policy analyze --json`"
    )
    parser.add_argument("--brief", action="store_true", help="do not repeat what the engine has shown")
    for name in ("sarif", "junit", "markdown"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write a report as {name}")
    places = parser.add_argument_group("where resources are declared")
    places.add_argument(
        "--calls", type=Path, metavar="FILE", help="the engine's log of calls, PULUMI_DEBUG_GRPC=FILE"
    )
    places.add_argument(
        "--state", type=Path, metavar="FILE", help="the stack's state, as `pulumi stack export` prints it"
    )
    places.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the pack's configuration, where findings about the pack belong",
    )
    places.add_argument("--root", type=Path, default=Path(), metavar="FOLDER", help="the program's folder")
    return parser


def _places(options: argparse.Namespace) -> Places:
    root = options.root.resolve()
    places: Places = {}
    if options.config:
        config = options.config.resolve()
        # Findings without a URN are about the pack's configuration.
        places[""] = (
            Place(file=config.relative_to(root).as_posix() if config.is_relative_to(root) else str(config)),
        )
    if options.state:
        places |= saved_places(json.loads(options.state.read_text("utf-8")), root)
    if options.calls and options.calls.is_file():
        with options.calls.open(encoding="utf-8") as calls:
            places |= registered_places(calls, root)
    return places


def _read(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    # An engine that ended before its first event has written no file.
    return Path(source).read_text("utf-8") if Path(source).is_file() else ""


def _write(run: Run, places: Places, options: argparse.Namespace) -> None:
    if options.sarif:
        options.sarif.write_text(json.dumps(sarif(run, RULES, places), indent=2) + "\n", "utf-8")
    if options.junit:
        options.junit.write_text(junit(run, places), "utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(run, places), "utf-8")


def _tell(run: Run, places: Places) -> None:
    for finding in run.findings:
        level = "mandatory" if finding.mandatory else "advisory"
        where = "".join(f" ({place})" for place in places.get(finding.urn, ())[:1])
        sys.stdout.write(
            f"[{level}] {finding.rule} {finding.outcome.value} on {finding.resource}{where}: {finding.message}\n"
        )


if __name__ == "__main__":
    sys.exit(main())
