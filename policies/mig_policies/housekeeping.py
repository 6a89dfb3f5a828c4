"""PACK: the policies about the pack itself. The gate reports what it did not decide, and never fails open.

These are no rules about resources, so they cannot be exempted, and they run last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    ReportViolation,
    Severity,
    StackValidationPolicy,
)

from mig_policies.catalogue import RULES
from mig_policies.configuration import ConfigurationError, Entry, entry_of, laxer, lint, load
from mig_policies.rule import ADVISORY, CRITICAL, HIGH, LOW, MANDATORY
from mig_policies.session import Session
from mig_policies.stack import Stack
from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from pulumi_policy import StackValidationArgs


CONFIG_FOLDER: Final = Path(__file__).resolve().parent.parent / "config"


@dataclass(frozen=True, kw_only=True)
class Duty:
    """One policy about the pack: it yields (message, URN or none) for everything it has to report."""

    id: str
    title: str
    description: str
    remediation: str
    severity: Severity
    level: EnforcementLevel
    report: Callable[[Session, Stack, dict[str, object], ReportViolation], None]
    properties: dict[str, dict[str, object]]

    def policy(self, session: Session) -> StackValidationPolicy:
        """Return it as a Pulumi policy over `session`."""

        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            self.report(session, session.stack(args.resources, self.id), dict(args.get_config()), report)

        return StackValidationPolicy(
            name=self.id,
            display_name=self.title,
            description=self.description,
            enforcement_level=self.level,
            severity=self.severity,
            remediation_steps=self.remediation,
            tags=["PACK"],
            config_schema=PolicyConfigSchema(properties=self.properties),
            validate=validate,
        )


def stack_name(stack: Stack) -> str | None:
    """Return the name of the stack, as its URNs have it (`urn:pulumi:STACK::PROJECT::...`)."""
    return next((urn.split(":")[2] for urn in stack.by_urn), None)


def entries() -> list[Entry]:
    """Return what every policy of the pack accepts in a configuration file."""
    own = [
        Entry(
            id=duty.id, level=duty.level, texts=frozenset(duty.properties), exemptible=False, floor=duty.level
        )
        for duty in HOUSEKEEPING
    ]
    return [*map(entry_of, RULES), *own]


def require_sound_configurations(folder: Path = CONFIG_FOLDER) -> None:
    """Lint every stack's configuration file.

    Raises:
        ConfigurationError: with all faults of all files.
    """
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            config = load(path)
        except ConfigurationError as unreadable:
            faults += unreadable.faults
            continue
        faults += [f"{path.name}: {fault}" for fault in lint(config, entries())]
        own = config.get("PACK01")
        if not isinstance(own, dict) or own.get("stack") != path.stem:
            faults.append(
                f'{path.name}: PACK01.stack must say "{path.stem}", so that no other stack is judged by this file'
            )
    if faults:
        raise ConfigurationError(faults)


def _configured(session: Session, stack: Stack, config: dict[str, object], report: ReportViolation) -> None:
    for fault in session.faults:
        report(f"configuration: {fault}", None)
    given = config.get("stack")
    name = stack_name(stack)
    if name is None or given == name:
        return
    if given is not None:
        report(f"this is stack '{name}', the configuration given is for stack '{given}'", None)
    elif (CONFIG_FOLDER / f"{name}.json").is_file():
        report(
            f"stack '{name}' has a configuration of its own, and this run was not given it; "
            f"add --policy-pack-config policies/config/{name}.json",
            None,
        )


def _promoted(_: Session, stack: Stack, config: dict[str, object], report: ReportViolation) -> None:
    name, source = stack_name(stack), config.get("promotedFrom")
    if name is None or not isinstance(source, str):
        return
    here, there = CONFIG_FOLDER / f"{name}.json", CONFIG_FOLDER / f"{source}.json"
    if not here.is_file() or not there.is_file():
        report(
            f"stack '{name}' is promoted from '{source}', and policies/config/{source}.json is not there to compare with",
            None,
        )
        return
    for difference in laxer(load(here), load(there), entries()):
        report(f"stack '{name}' is laxer than '{source}', which it is promoted from: {difference}", None)


def _stale(session: Session, _: Stack, __: dict[str, object], report: ReportViolation) -> None:
    for exemption in session.unused_exemptions:
        report(
            f"{exemption.rule}: the exemption of '{exemption.resource}' ({exemption.owner}, until "
            f"{exemption.expires.isoformat()}) covers nothing; the resource is gone, mended, or misspelt. Remove it.",
            None,
        )


def _exempt(session: Session, stack: Stack, _: dict[str, object], report: ReportViolation) -> None:
    for entry in session.entries(Outcome.EXEMPT, stack):
        for message in entry.messages:
            report(f"EXEMPT {entry.rule}: {message}", entry.resource.urn)


def _undetermined(session: Session, stack: Stack, _: dict[str, object], report: ReportViolation) -> None:
    for entry in session.entries(Outcome.UNDETERMINED, stack):
        for message in entry.messages:
            report(f"UNDETERMINED {entry.rule}: {message}", entry.resource.urn)


HOUSEKEEPING: Final = (
    Duty(
        id="PACK01",
        title="The pack runs with the stack's own configuration",
        description="The policy pack must run with the configuration of the stack it judges, free of unknown keys.",
        remediation="Pass --policy-pack-config policies/config/STACK.json, as `make preview` does.",
        severity=CRITICAL,
        level=MANDATORY,
        report=_configured,
        properties={"stack": {"type": "string", "description": "The stack this configuration is for."}},
    ),
    Duty(
        id="PACK02",
        title="Every exemption covers something",
        description="An exemption that covers nothing must go, lest it cover tomorrow's mistake.",
        remediation="Remove the exemption from policies/config/STACK.json, or correct its resource.",
        severity=HIGH,
        level=MANDATORY,
        report=_stale,
        properties={},
    ),
    Duty(
        id="PACK03",
        title="Exemptions in use",
        description="What would be violated or undetermined, were it not exempt; printed so that it is not forgotten.",
        remediation="Mend the resource before the exemption expires.",
        severity=LOW,
        level=ADVISORY,
        report=_exempt,
        properties={},
    ),
    Duty(
        id="PACK04",
        title="Everything could be determined",
        description="What no rule could decide, because a value is unknown or outside the stack, is not known to be right.",
        remediation="Give the value literally, declare or read the resource in this stack, or record an exemption.",
        severity=HIGH,
        level=ADVISORY,
        report=_undetermined,
        properties={},
    ),
    Duty(
        id="PACK05",
        title="A stack is never laxer than the one it is promoted from",
        description="The configuration of a stack must be at least as strict as that of the stack it is promoted from.",
        remediation="Raise the level or the parameter in this stack's configuration, or lower it in both and say why.",
        severity=HIGH,
        level=MANDATORY,
        report=_promoted,
        properties={
            "promotedFrom": {"type": "string", "description": "The stack this one is promoted from."}
        },
    ),
)
