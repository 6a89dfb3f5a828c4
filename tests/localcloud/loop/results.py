"""What the campaign found, beside the documentation: every trial in a table, and a summary that page and pictures are made from."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from dataclasses import astuple, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.localcloud.loop.settings import Settings
from tests.localcloud.loop.trial import STEPS, Step, Trial
from tests.localcloud.loop.trials import Campaign

DOCS = Path(__file__).resolve().parents[3] / "docs"
TRIALS = DOCS / "closed-loop.csv"
SUMMARY = DOCS / "closed-loop.json"
_CHECKS = ("balancer", "autohealing")
_HEADS = (
    "victim", "how", "outcome", "late_ms", "trouble", "stratum", "speed",
    *(f"{check} {each.name}" for check in _CHECKS for each in fields(Settings)),
    *(f"{step} {what}" for step in STEPS for what in ("took", "least", "most")),
)  # fmt: skip


def machine() -> str:
    """Say on what it ran."""
    return f"{os.cpu_count()} processors, Linux {platform.release().split('-')[0]}"


def now() -> str:
    """Say when it ran."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def read(file: Path = SUMMARY) -> dict[str, Any]:
    """Return what is summed up: one entry per part of the campaign."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def note(part: str, found: dict[str, Any], file: Path = SUMMARY) -> None:
    """Put one part's figures, when and on what they were measured into the summary; other parts' stay."""
    told = {**read(file), part: {"when": now(), "machine": machine(), **found}}
    file.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def table(found: Campaign) -> str:
    """Return every trial as a line of comma-separated values; times in cloud seconds."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_HEADS)
    for each in found.trials:
        steps = {step.name: step for step in each.steps}
        cells: list[object] = [
            each.victim,
            each.how,
            each.outcome(),
            round(each.late * 1000),
            each.trouble,
            each.stratum,
            f"{each.speed:g}",
        ]
        cells += [*astuple(each.balancer), *astuple(each.healing)]
        for name in STEPS:
            step = steps.get(name)
            cells += (
                ["", "", ""] if step is None else [f"{step.took:.3f}", f"{step.least:g}", f"{step.most:g}"]
            )
        writer.writerow(cells)
    return lines.getvalue()


def campaign(text: str) -> Campaign:
    """Return the trials that such a table has."""
    found = Campaign()
    for row in csv.DictReader(io.StringIO(text)):
        balancer, healing = (
            Settings(*(int(row[f"{check} {each.name}"]) for each in fields(Settings))) for check in _CHECKS
        )
        steps = [
            Step(name, float(row[f"{name} took"]), float(row[f"{name} least"]), float(row[f"{name} most"]))
            for name in STEPS
            if row[f"{name} took"]
        ]
        late = int(row["late_ms"]) / 1000
        settings = (balancer, healing, steps, row["trouble"], late, row["stratum"], float(row["speed"]))
        found.trials.append(Trial(row["victim"], row["how"], *settings))
    return found


def summary(found: Campaign) -> dict[str, Any]:
    """Return a campaign's figures: how many trials ended how, and how long each step took beyond the least that was promised."""
    steps: dict[str, dict[str, float]] = {}
    on_time = [each for each in found.trials if each.outcome() != "apart"]
    for name in STEPS:
        timed = [(step, each.speed) for each in on_time for step in each.steps if step.name == name]
        took = sorted((step.took - step.least) / speed for step, speed in timed)
        left = [(step.most - step.took) / speed for step, speed in timed]
        if took:
            steps[name] = {
                "count": len(took),
                "median": round(took[len(took) // 2], 3),
                "p99": round(took[len(took) * 99 // 100], 3),
                "longest": round(took[-1], 3),
                "least_margin": round(min(left), 3),
            }
    strata = {each.stratum: each.speed for each in found.trials}
    return {
        **_ends(found),
        "strata": [{"name": name, "speed": strata[name], **_ends(found.of(name))} for name in sorted(strata)],
        "steps": steps,
    }


def _ends(found: Campaign) -> dict[str, Any]:
    return {
        "trials": len(found.trials),
        **{outcome: found.count(outcome) for outcome in ("kept", "broken", "apart")},
    }


def write_campaign(found: Campaign) -> None:
    """Write the trials and what they sum up to."""
    TRIALS.write_text(table(found), encoding="utf-8")
    note("trials", summary(found))
