"""Markdown, for the comment on a pull request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from mig_policies.reports.events import Finding, Run
    from mig_policies.reports.places import Places

# A comment on GitHub takes 65,536 characters.
MOST_CHARACTERS: Final = 60_000


def markdown(run: Run, places: Places) -> str:
    """Return the run as a comment: the verdict first, then what closes the gate, then the rest."""
    closed = run.blocking
    counts = ", ".join(
        f"{len(run.of(outcome))} {outcome.value}"
        for outcome in (Outcome.VIOLATED, Outcome.UNDETERMINED, Outcome.EXEMPT)
    )
    lines = [
        f"### Policy pack {run.pack}: {'**the gate is closed**' if closed else 'the gate is open'}",
        "",
        f"{counts}.",
    ]
    for message in (*run.not_run, *run.errors):
        lines += ["", f"> {_line(message)}"]
    if not run.judged:
        lines += [
            "",
            f"> The pack did not judge the stack, so nothing is known about it. {'' if run.errors else 'Did it load?'}".rstrip(),
        ]
    for title, chosen in (
        (
            "Must be mended",
            [item for item in run.findings if item.mandatory and item.outcome is not Outcome.EXEMPT],
        ),
        (
            "Advice, and what could not be determined",
            [item for item in run.findings if not item.mandatory and item.outcome is not Outcome.EXEMPT],
        ),
        ("Exempt", run.of(Outcome.EXEMPT)),
    ):
        if chosen:
            lines += [
                "",
                f"**{title}**",
                "",
                "| Rule | Resource | Finding |",
                "| --- | --- | --- |",
                *map(partial(_row, places), chosen),
            ]
    text = "\n".join(lines) + "\n"
    if len(text) > MOST_CHARACTERS:
        text = (
            text[:MOST_CHARACTERS].rsplit("\n", 1)[0]
            + "\n\n(cut here; the whole is in the SARIF and JUnit reports)\n"
        )
    return text


def _row(places: Places, finding: Finding) -> str:
    told = "could not be determined: " if finding.outcome is Outcome.UNDETERMINED else ""
    where = "".join(f", {place}" for place in places.get(finding.urn, ())[:1])
    return f"| {finding.rule} | `{finding.resource}`{where} | {told}{_line(finding.message)} |"


def _line(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
