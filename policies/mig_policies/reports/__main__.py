"""The gate: `pulumi preview --json ... | python -m mig_policies.reports [--sarif FILE] [--junit FILE] [--markdown FILE]`.

Exits with 0 if the gate is open, with 1 if it is closed: by a mandatory finding, by a policy that could not run, by an error of
the engine, or because the pack did not judge the stack at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mig_policies.catalogue import RULES
from mig_policies.pack import PACK_NAME
from mig_policies.reports.events import read_events
from mig_policies.reports.junit import junit
from mig_policies.reports.markdown import markdown
from mig_policies.reports.sarif import sarif
from mig_policies.verdict import Outcome


def main(arguments: list[str] | None = None) -> int:
    """Read the events, write the reports that are asked for, say what was found."""
    parser = argparse.ArgumentParser(prog="python -m mig_policies.reports", description=__doc__)
    parser.add_argument(
        "--events",
        default="-",
        help="file with the engine's events, one JSON object a line; - is standard input",
    )
    parser.add_argument(
        "--saved-state", action="store_true", help="the events are those of `pulumi policy analyze --json`"
    )
    for name in ("sarif", "junit", "markdown"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write a report as {name}")
    options = parser.parse_args(arguments)
    text = sys.stdin.read() if options.events == "-" else Path(options.events).read_text("utf-8")
    run = read_events(text.splitlines(), PACK_NAME, saved_state=options.saved_state)
    if options.sarif:
        options.sarif.write_text(json.dumps(sarif(run, RULES), indent=2) + "\n", "utf-8")
    if options.junit:
        options.junit.write_text(junit(run), "utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(run), "utf-8")
    for finding in run.findings:
        level = "mandatory" if finding.mandatory else "advisory"
        sys.stdout.write(
            f"[{level}] {finding.rule} {finding.outcome.value} on {finding.resource}: {finding.message}\n"
        )
    counts = ", ".join(
        f"{len(run.of(item))} {item.value}"
        for item in (Outcome.VIOLATED, Outcome.UNDETERMINED, Outcome.EXEMPT)
    )
    closed = run.blocking
    sys.stdout.write(f"{counts}; the gate is {'closed' if closed else 'open'}\n")
    for reason in closed:
        sys.stderr.write(f"closed by {reason}\n")
    return 1 if closed else 0


if __name__ == "__main__":
    sys.exit(main())
