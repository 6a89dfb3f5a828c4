"""Labels: what the program sets, what the plugin adds, and what the resource has in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.provider.session import Session
    from localcloud.provider.values import Properties, Value


def plan_labels(session: Session, planned: Properties, *, attributed: bool) -> None:
    """Fill in `pulumiLabels` (given and the stack's defaults) and `effectiveLabels` (those and others' additions)."""
    given = planned.get("labels")
    labels: dict[str, Value] = {**session.labels, **(session.attribution if attributed else {})}
    labels.update(given if isinstance(given, dict) else {})
    planned["pulumiLabels"] = labels
    planned["effectiveLabels"] = dict(labels)


def read_labels(state: Properties, labels: dict[str, str], prior: Properties) -> None:
    """Read the three label properties: of the program's own, only those it set."""

    def only(name: str) -> dict[str, str]:
        known = prior.get(name)
        return {key: value for key, value in labels.items() if isinstance(known, dict) and key in known}

    state["labels"] = only("labels")
    state["pulumiLabels"] = only("pulumiLabels")
    state["effectiveLabels"] = dict(labels)
