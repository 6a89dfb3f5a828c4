"""What a rule finds on a resource. Nothing is left out silently: every look ends in one of five outcomes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mig_policies.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Outcome(enum.Enum):
    """The five outcomes, from the best news to the worst; the worst one found stands for the resource."""

    NOT_APPLICABLE = "not applicable"
    PASSED = "passed"
    EXEMPT = "exempt"
    UNDETERMINED = "undetermined"
    VIOLATED = "violated"


_RANK = {outcome: rank for rank, outcome in enumerate(Outcome)}


@dataclass(frozen=True)
class Verdict:
    """One outcome and the sentence that explains it."""

    outcome: Outcome
    message: str


def passed(message: str = "") -> Verdict:
    """The resource does what the rule asks."""
    return Verdict(Outcome.PASSED, message)


def violated(message: str) -> Verdict:
    """The resource breaks the rule; the message has the resources, the actual and the required value."""
    return Verdict(Outcome.VIOLATED, message)


def not_applicable(reason: str) -> Verdict:
    """The rule has nothing to say about the resource."""
    return Verdict(Outcome.NOT_APPLICABLE, reason)


def undetermined(reason: str) -> Verdict:
    """It cannot be told, and the reason says why."""
    return Verdict(Outcome.UNDETERMINED, reason)


def decide(look: Callable[[], Verdict | Iterable[Verdict]]) -> Iterator[Verdict]:
    """Run one look at a resource so that whatever happens in it stays in it.

    What cannot be read becomes `undetermined`. A fault in the rule itself becomes a violation: a broken rule must
    not wave anything through, nor keep the other rules from running.
    """
    try:
        found = look()
        if isinstance(found, Verdict):
            yield found
        else:
            yield from found
    except Undetermined as reason:
        yield undetermined(str(reason))
    except Exception as fault:  # noqa: BLE001 - the boundary between rules
        yield violated(
            f"the rule failed on this resource, so nothing is known of it: {type(fault).__name__}: {fault}"
        )


def worst(verdicts: Iterable[Verdict]) -> Outcome:
    """The outcome that stands for the resource; with no verdict at all, the rule does not apply."""
    return max(
        (verdict.outcome for verdict in verdicts), key=_RANK.__getitem__, default=Outcome.NOT_APPLICABLE
    )
