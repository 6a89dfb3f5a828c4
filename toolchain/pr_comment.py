"""The comment on a pull request: what a preview of each stack came to, in Markdown, from the engine's events and the pack's report.

Always written anew as a whole: a comment that tells of an earlier commit is worse than none. Nothing here runs or fetches anything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER = "<!-- mig-nlb: previews of this pull request -->"
"""Begins the comment, invisibly: by it the comment is found again."""

MOST_CHARACTERS = 60_000
"""GitHub takes 65,536 characters; what posts the comment may add some."""

_STACK_TYPE = "pulumi:pulumi:Stack"
_GROUPS = frozenset(
    {
        "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
        "gcp:compute/instanceGroupManager:InstanceGroupManager",
    }
)
_AUTOSCALERS = frozenset(
    {"gcp:compute/regionAutoscaler:RegionAutoscaler", "gcp:compute/autoscaler:Autoscaler"}
)
# A replacement is told in several steps; the one that stands for all of them, and what a reader calls it.
_VERBS = {
    "create": "create",
    "update": "update",
    "replace": "recreate",
    "delete": "delete",
    "import": "import",
    "same": "leave",
}


@dataclass(kw_only=True)
class Preview:
    """What the engine's events tell of one preview.

    Attributes:
        steps: for each resource what becomes of it, as the engine calls it ("create", "replace", ...).
        types: for each resource its type token.
        inputs: for each resource its inputs after the change.
        reasons: for each resource that is replaced the properties that require it.
        outputs: the stack's outputs; what is not known yet has a placeholder.
        result: "succeeded", "failed", or "" if the engine was stopped.
    """

    steps: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    reasons: dict[str, Sequence[str]] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""

    def counts(self) -> Counter[str]:
        """Return how many resources there are of each verb, in a reader's words."""
        return Counter(_VERBS[step] for step in self.steps.values())

    def of(self, step: str) -> list[str]:
        """Return the resources that a step is planned for, in the engine's order."""
        return [urn for urn, planned in self.steps.items() if planned == step]


def read_events(lines: Iterable[str]) -> Preview:
    """Read the engine's event log, one JSON object a line; lines that are none count as nothing."""
    preview = Preview()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # the last line of an engine that was stopped
            continue
        if "resourcePreEvent" in event:
            _take_step(preview, event["resourcePreEvent"]["metadata"])
        elif "resOutputsEvent" in event:
            metadata = event["resOutputsEvent"]["metadata"]
            if metadata["type"] == _STACK_TYPE:
                preview.outputs = (metadata.get("new") or {}).get("outputs") or {}
        elif "summaryEvent" in event:
            preview.result = str(event["summaryEvent"].get("result", ""))
    return preview


def _take_step(preview: Preview, metadata: Mapping[str, Any]) -> None:
    urn, step, kind = metadata["urn"], metadata["op"], metadata["type"]
    if step not in _VERBS or kind == _STACK_TYPE or kind.startswith("pulumi:providers:"):
        return
    preview.steps[urn], preview.types[urn] = step, kind
    preview.inputs[urn] = (metadata.get("new") or {}).get("inputs") or {}
    if step == "replace":
        preview.reasons[urn] = _reasons(metadata)


def _reasons(metadata: Mapping[str, Any]) -> list[str]:
    """Return the properties that a replacement is because of; where the provider does not say, all that change."""
    detailed = metadata.get("detailedDiff") or {}
    forcing = [
        path for path, change in detailed.items() if str(change.get("diffKind", "")).endswith("replace")
    ]
    if forcing:
        return sorted(forcing)
    # So it is with a resource that is replaced because another one is: the engine asked nobody.
    before, after = ((metadata.get(side) or {}).get("inputs") or {} for side in ("old", "new"))
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return sorted({*(metadata.get("keys") or ()), *names} - {"__defaults"})


def section(stack: str, preview: Preview, policies: str, compared: str = "") -> str:
    """Return one stack's part of the comment.

    Args:
        stack: its name.
        preview: what the engine's events tell.
        policies: the policy pack's report, in Markdown.
        compared: what the preview was made against, for people; the stack's state unless said.
    """
    against = f" (against {compared})" if compared else ""
    lines = [f"## Stack `{stack}`{against}", "", _changes(preview)]
    if recreated := preview.of("replace"):
        lines += [
            "",
            "**Recreated, not updated**",
            "",
            "| Resource | Type | Because of |",
            "| --- | --- | --- |",
        ]
        lines += [_recreated(preview, urn) for urn in recreated]
    if deleted := preview.of("delete"):
        lines += ["", f"**Deleted**: {', '.join(f'`{_name(urn)}`' for urn in deleted)}"]
    for title, text in (
        ("Health checks", timeline(preview.outputs.get("health_checks"))),
        ("Capacity", capacity(preview)),
    ):
        if text:
            lines += ["", f"**{title}**: {text}"]
    return "\n".join([*lines, "", policies.strip(), ""])


def comment(sections: Sequence[str]) -> str:
    """Return the whole comment, at most MOST_CHARACTERS long, with a note where something had to be left out."""
    text = "\n".join([MARKER, "# What this change would do", "", *sections]).rstrip() + "\n"
    if len(text) <= MOST_CHARACTERS:
        return text
    note = "\n\n(cut here; the whole is in the run's artifacts)\n"
    return text[: MOST_CHARACTERS - len(note)].rsplit("\n", 1)[0] + note


def timeline(checks: object) -> str:
    """Say when each health check acts on an instance that stops answering, from the stack's output `health_checks`."""
    if not isinstance(checks, dict):
        return ""
    try:
        balancer, autohealing = (checks[role]["detection_sec"] for role in ("balancer", "autohealing"))
        return (
            f"balancer stops sending after {balancer['min']:g}-{balancer['max']:g} s; "
            f"group recreates after {autohealing['min']:g}-{autohealing['max']:g} s; "
            f"margin {checks['ratio']:g}x, required {checks['required_ratio']:g}x"
        )
    except (KeyError, TypeError, ValueError):
        return "not known from this preview"


def capacity(preview: Preview) -> str:
    """Say between how many and how many instances each group may have, with what an update adds for its duration."""
    autoscalers = [preview.inputs[urn] for urn, kind in preview.types.items() if kind in _AUTOSCALERS]
    policies = [given.get("autoscalingPolicy") or {} for given in autoscalers]
    told = []
    for urn, kind in preview.types.items():
        if kind not in _GROUPS or preview.steps[urn] == "delete":
            continue
        group = preview.inputs[urn]
        # Which group an autoscaler is for is not known before the group exists; with one of each there is no doubt.
        policy = policies[0] if len(policies) == 1 else {}
        least, most = (
            (policy.get("minReplicas"), policy.get("maxReplicas"))
            if policy
            else 2 * (group.get("targetSize"),)
        )
        told.append(f"`{_name(urn)}` {_envelope(least, most, group.get('updatePolicy') or {})}")
    return "; ".join(told)


def _envelope(least: object, most: object, update: Mapping[str, Any]) -> str:
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        return "has a size that is not known before it exists"
    span = f"{least:g} to {most:g} instances" if least != most else f"{most:g} instances"
    fixed, percent = update.get("maxSurgeFixed"), update.get("maxSurgePercent")
    if isinstance(fixed, int | float):
        return f"{span}, at most {most + fixed:g} during an update (surge {fixed:g})"
    if isinstance(percent, int | float):
        surge = -(-most * percent // 100)  # Google rounds the surge up
        return f"{span}, at most {most + surge:g} during an update (surge {percent:g} %)"
    return f"{span}, and what the group's default surge adds during an update"


def _changes(preview: Preview) -> str:
    counts = preview.counts()
    told = ", ".join(
        f"{counts[verb]} to {verb}"
        for verb in ("create", "update", "recreate", "delete", "import")
        if counts[verb]
    )
    unchanged = f"; {counts['leave']} stay as they are" if counts["leave"] else ""
    if preview.result != "succeeded":
        how = preview.result or "did not end"
        return f"**The preview {how}.** Until then: {told or 'no changes'}{unchanged}."
    return f"{told or 'No changes'}{unchanged}."


def _recreated(preview: Preview, urn: str) -> str:
    because = ", ".join(f"`{path}`" for path in preview.reasons.get(urn, ())) or "not told"
    return f"| `{_name(urn)}` | {preview.types[urn].rpartition(':')[2]} | {because} |"


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]
