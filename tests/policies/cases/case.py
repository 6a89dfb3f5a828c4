"""What a case is, and the ways to break a sound stack that several cases share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.policies.engine import Declared, analyze
from tests.policies.stacks import Stack, autoscaler, firewall, sound

if TYPE_CHECKING:
    from mig_policies.verdict import Outcome

Breaking = Callable[[Stack], object]


@dataclass(frozen=True)
class Case:
    """How to make a rule trip on a resource, and how to make it not apply or not decidable there."""

    rule: str
    resource: str
    violate: tuple[tuple[Breaking, str], ...]
    obscure: Breaking
    # Without one, the rule applies to every resource of its types.
    exclude: Breaking | None = None
    config: dict[str, object] = field(default_factory=dict)


def broken(*breaks: Breaking) -> Stack:
    """A sound stack with all of these done to it."""
    stack = sound()
    for change in breaks:
        change(stack)
    return stack


def outcome(stack: Stack, rule: str, resource: str) -> Outcome:
    """What a rule says of a resource with nothing configured."""
    return analyze(stack.resources).outcome(rule, resource)


def policy(**changes: object) -> Breaking:
    """Lay changes over the group's update policy."""
    return lambda s: s["mig"].inputs["updatePolicy"].update(changes)


def metadata(**changes: object) -> Breaking:
    """Lay changes over the template's metadata; underscores stand for dashes."""
    return lambda s: (
        s["tpl"].inputs["metadata"].update({key.replace("_", "-"): value for key, value in changes.items()})
    )


def identity_provider(**inputs: object) -> Breaking:
    kind = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
    return lambda s: s.add(Declared(kind, "ci", {"workloadIdentityPoolProviderId": "ci", **inputs}))


def unlink(name: str, *keys: str) -> Breaking:
    """Have nothing in the stack be the source of a resource's properties."""

    def apply(stack: Stack) -> None:
        stack[name].sources = {key: names for key, names in stack[name].sources.items() if key not in keys}

    return apply


def without_autohealing(stack: Stack) -> None:
    stack.but("mig", autoHealingPolicies=None)
    unlink("mig", "autoHealingPolicies")(stack)


def internal(stack: Stack) -> object:
    return stack.but("be", loadBalancingScheme="INTERNAL")


def heal_by(**inputs: object) -> Breaking:
    return lambda s: s.but("ah", **inputs)


def balance_by(**inputs: object) -> Breaking:
    return lambda s: s.but("lb", **inputs)


def scale(**changes: object) -> Breaking:
    return lambda s: s.add(autoscaler("as", "mig", **changes))


def share(stack: Stack) -> None:
    stack["mig"].sources = {**stack["mig"].sources, "autoHealingPolicies": ["lb"]}


def deny(level: int, ranges: list[str]) -> Breaking:
    def apply(stack: Stack) -> None:
        rule = firewall("deny", ranges, ["8080"], priority=level)
        rule.inputs["denies"] = rule.inputs.pop("allows")
        stack.add(rule)

    return apply
