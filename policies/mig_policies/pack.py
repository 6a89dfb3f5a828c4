"""The catalogue as Pulumi policies: one policy per rule, and a few about the pack itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, StackValidationPolicy

from mig_policies.catalogue import RULES
from mig_policies.exemption import SCHEMA as EXEMPTIONS_SCHEMA
from mig_policies.housekeeping import HOUSEKEEPING
from mig_policies.rule import ResourceRule, Rule, StackRule
from mig_policies.session import Session
from mig_policies.verdict import Outcome, Verdict, decide, worst
from mig_policies.witness import witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pulumi_policy import (
        Policy,
        ReportViolation,
        ResourceValidationArgs,
        StackValidationArgs,
    )

PACK_NAME: Final = "mig-nlb"


def policies(session: Session | None = None) -> list[Policy]:
    """Return every policy of the pack, sharing one `session`; a list, since that is what `PolicyPack` takes."""
    session = session or Session()
    made: list[Policy] = [witness(session)]
    for rule in RULES:
        if isinstance(rule, ResourceRule):
            made.append(_resource_policy(rule, session))
        elif isinstance(rule, StackRule):
            made.append(_stack_policy(rule, session))
    # Last, for they report what the rules found.
    made.extend(duty.policy(session) for duty in HOUSEKEEPING)
    return made


def _resource_policy(rule: ResourceRule, session: Session) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = session.declared(args, rule.id)
        config = args.get_config()
        session.configure(rule, config)
        if args.resource_type not in rule.types:
            args.not_applicable(f"{rule.id} is not about {args.resource_type}")
        settings = rule.settings(config)
        standing = session.record(rule, resource, decide(lambda: rule.look(resource, settings)))
        for message in _violations(standing):
            report(message, args.urn)
        if worst(standing) is Outcome.NOT_APPLICABLE:
            args.not_applicable("; ".join(verdict.message for verdict in standing))

    return ResourceValidationPolicy(validate=validate, **_described(rule))


def _stack_policy(rule: StackRule, session: Session) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = session.stack(args.resources, rule.id)
        config = args.get_config()
        session.configure(rule, config)
        settings = rule.settings(config)
        found: list[Verdict] = []
        for resource in stack.of(rule.types):
            verdicts = decide(partial(rule.look, resource, stack, settings))
            standing = session.record(rule, resource, verdicts)
            for message in _violations(standing):
                report(message, resource.urn)
            found += standing
        if worst(found) is Outcome.NOT_APPLICABLE:
            reasons = dict.fromkeys(verdict.message for verdict in found)
            args.not_applicable("; ".join(reasons) or f"the stack has nothing that {rule.id} is about")

    return StackValidationPolicy(validate=validate, **_described(rule))


def _violations(verdicts: Iterable[Verdict]) -> Sequence[str]:
    return [verdict.message for verdict in verdicts if verdict.outcome is Outcome.VIOLATED]


def _described(rule: Rule) -> dict[str, Any]:
    properties = {parameter.name: parameter.schema() for parameter in rule.parameters}
    return {
        "name": rule.id,
        "display_name": rule.title,
        "description": rule.description,
        "enforcement_level": rule.level,
        "severity": rule.severity,
        "remediation_steps": rule.remediation,
        "url": rule.url,
        "tags": [rule.id.rstrip("0123456789"), rule.scope],
        "config_schema": PolicyConfigSchema(properties={**properties, "exemptions": EXEMPTIONS_SCHEMA}),
    }
