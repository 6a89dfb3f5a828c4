"""What the pack remembers during one deployment: inputs seen, the index, and the account of every outcome."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from mig_policies.exemption import Exemption, parse_exemption
from mig_policies.resource import Resource
from mig_policies.stack import Stack
from mig_policies.values import goal, plain_tree
from mig_policies.verdict import Outcome, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pulumi_policy import PolicyResource, ResourceValidationArgs

    from mig_policies.rule import Rule

T = TypeVar("T")


class Round(Generic[T]):
    """A value all policies of one request share. A policy that comes again has a new request, so a new value."""

    def __init__(self) -> None:
        self._served: set[str] = set()
        self.value: T | None = None

    def share(self, policy: str, make: Callable[[], T]) -> T:
        """Return the round's value for `policy`, made by the first one to ask."""
        if self.value is None or policy in self._served:
            self._served = set()
            self.value = make()
        self._served.add(policy)
        return self.value


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The account of one rule on one resource."""

    rule: str
    resource: Resource
    outcome: Outcome
    messages: tuple[str, ...]


class Session:
    """The pack's memory; the engine starts one process, so one session, per deployment."""

    def __init__(self, today: Callable[[], dt.date] = dt.date.today) -> None:
        # Expiry is a day in the reviewers' calendar, so the local date is meant.
        self._today = today
        self._declared: dict[str, Round[Resource]] = {}
        self._stack: Round[Stack] = Round()
        self._exemptions: dict[str, tuple[Exemption, ...]] = {}
        self._faults: dict[str, tuple[str, ...]] = {}
        self._used: set[Exemption] = set()
        self.defaulted: dict[str, frozenset[str]] = {}
        self.account: dict[tuple[str, str], Entry] = {}

    def declared(self, args: ResourceValidationArgs, policy: str) -> Resource:
        """Remember a resource's inputs, and return it as the resource rules see it."""

        def convert() -> Resource:
            # Resources are being registered: any index made before is of an earlier deployment.
            self._stack = Round()
            tree = plain_tree(args.props)
            return Resource(
                urn=args.urn,
                type=args.resource_type,
                name=args.name,
                tree=tree,
                declared=tree,
                delete_before_replace=args.opts.delete_before_replace,
                ignored=frozenset(args.opts.ignore_changes),
                defaulted=self.defaulted.get(args.urn),
            )

        return self._declared.setdefault(args.urn, Round()).share(policy, convert)

    def stack(self, resources: Sequence[PolicyResource], policy: str) -> Stack:
        """Return the index of the stack's resources, made once for all rules of a request."""
        return self._stack.share(policy, lambda: Stack(self._goal(resource) for resource in resources))

    def _goal(self, resource: PolicyResource) -> Resource:
        seen = self._declared.get(resource.urn)
        declared = seen.value.tree if seen is not None and seen.value is not None else None
        return Resource(
            urn=resource.urn,
            type=resource.resource_type,
            name=resource.name,
            tree=goal(declared, plain_tree(resource.props))
            if resource.resource_type.startswith("gcp:")
            else {},
            dependencies={
                key: tuple(source.urn for source in sources)
                for key, sources in resource.property_dependencies.items()
            },
            delete_before_replace=resource.opts.delete_before_replace,
            ignored=frozenset(resource.opts.ignore_changes),
            declared=declared,
            defaulted=self.defaulted.get(resource.urn),
        )

    def configure(self, rule: Rule, config: Mapping[str, object]) -> None:
        """Take a rule's exemptions from its configuration; what is wrong with it becomes a fault, not silence."""
        known = {"exemptions", *(parameter.name for parameter in rule.parameters)}
        faults = [
            f"{rule.id}: unknown key '{key}'; it has {', '.join(sorted(known))}"
            for key in config
            if key not in known
        ]
        exemptions: list[Exemption] = []
        entries = config.get("exemptions", [])
        for entry in entries if isinstance(entries, list) else [entries]:
            try:
                exemptions.append(parse_exemption(rule.id, entry))
            except (TypeError, ValueError) as fault:
                faults.append(str(fault))
        self._exemptions[rule.id] = tuple(exemptions)
        self._faults[rule.id] = tuple(faults)

    def record(self, rule: Rule, resource: Resource, verdicts: Iterable[Verdict]) -> list[Verdict]:
        """Hold exemptions against what a rule found, enter the outcome, and return the verdicts as they stand."""
        standing = [self._exempt(rule, resource, verdict) for verdict in verdicts]
        outcome = worst(standing)
        self.account[rule.id, resource.urn] = Entry(
            rule=rule.id,
            resource=resource,
            outcome=outcome,
            messages=tuple(verdict.message for verdict in standing if verdict.outcome is outcome),
        )
        return standing

    def _exempt(self, rule: Rule, resource: Resource, verdict: Verdict) -> Verdict:
        if verdict.outcome not in {Outcome.VIOLATED, Outcome.UNDETERMINED}:
            return verdict
        for exemption in self._exemptions.get(rule.id, ()):
            if not exemption.covers(resource):
                continue
            self._used.add(exemption)
            if exemption.expired(self._today()):
                told = f"{verdict.message} (was {exemption.told}; that day is over)"
                return Verdict(Outcome.VIOLATED, told)
            return replace(verdict, outcome=Outcome.EXEMPT, message=f"{verdict.message} ({exemption.told})")
        return verdict

    def entries(self, outcome: Outcome, stack: Stack) -> list[Entry]:
        """Return the account's entries with this outcome, of resources that are still in the stack."""
        return [
            entry
            for (_, urn), entry in sorted(self.account.items())
            if entry.outcome is outcome and urn in stack.by_urn
        ]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the rules' configuration."""
        return [fault for _, faults in sorted(self._faults.items()) for fault in faults]

    @property
    def unused_exemptions(self) -> list[Exemption]:
        """Exemptions that covered nothing: their resource is gone, mended or misspelt."""
        every = (exemption for _, exemptions in sorted(self._exemptions.items()) for exemption in exemptions)
        return [exemption for exemption in every if exemption not in self._used]
