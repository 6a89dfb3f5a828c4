"""Why an instance has no service: the script it may not read, the script that is not there, the script that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.diagnosis.access import READ
from scripts.diagnosis.finding import Finding

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Facts, Instance, Script

_SCOPES = (
    "cloud-platform", "cloud-platform.read-only", "devstorage.read_only", "devstorage.read_write", "devstorage.full_control",
)  # fmt: skip
AGAIN = "scripts/doctor shell {instance} --rerun"


def found(facts: Facts) -> list[Finding]:
    """Return what is wrong with the start-up script, and with getting it."""
    if facts.script is None:
        return _failures(facts, explained=False)
    causes = [*_permission(facts, facts.script), *_scope(facts), *_absence(facts, facts.script)]
    explained = bool(causes) or bool(facts.reach and not facts.reach.by)
    return [*causes, *_failures(facts, explained=explained)]


def _permission(facts: Facts, script: Script) -> list[Finding]:
    access = script.access
    if access.granted:
        return []
    refused = [one for one in facts.instances if one.run is not None and one.run.refused]
    fetched = [one for one in facts.instances if one.run is not None and one.run.succeeded]
    limits = (
        ""
        if not access.conditional
        else f"; conditional bindings were not evaluated: {', '.join(access.conditional)}"
    )
    if access.unseen:
        limits += f"; not readable for you: {', '.join(access.unseen)}"
    consequence = "an instance that is created, recreated or booted from now on gets 403 for its script and never serves"
    if refused:
        consequence = f"{names(refused)} got 403 for the script and cannot serve; every further instance will get it too"
    return [
        Finding(
            code="permission-missing",
            severity="error" if refused or not (access.conditional or access.unseen) else "warning",
            subject=access.account,
            what=f"{access.account} lacks {READ} on {script.url}: no binding of the bucket or of the project gives it "
            f"(bindings of folders and of the organization cannot be seen from here{limits})",
            consequence=consequence,
            mend=f"gcloud storage buckets add-iam-policy-binding gs://{script.bucket} --member=serviceAccount:{access.account} "
            "--role=roles/storage.objectViewer"
            + (f" && {AGAIN.format(instance=refused[0].name)}" if refused else ""),
            evidence=tuple(f"{one.name}: {one.run.refused}" for one in refused if one.run)
            or ((f"{names(fetched)} fetched it before",) if fetched else ()),
        )
    ]


def _scope(facts: Facts) -> list[Finding]:
    without = [
        one
        for one in facts.instances
        if one.scopes is not None and not any(scope.rpartition("/")[2] in _SCOPES for scope in one.scopes)
    ]
    if not without:
        return []
    return [
        Finding(
            code="scope-missing",
            severity="error",
            subject=names(without),
            what=f"the access scopes of {names(without)} do not include Cloud Storage",
            consequence="they get 403 for the script whatever IAM grants",
            mend="set the scope https://www.googleapis.com/auth/cloud-platform in the instance template, then: pulumi up",
        )
    ]


def _absence(facts: Facts, script: Script) -> list[Finding]:
    if script.exists is not False:
        return []
    hit = [one for one in facts.instances if one.run is not None and one.run.absent]
    return [
        Finding(
            code="startup-script-missing",
            severity="error",
            subject=script.url,
            what=f"{script.url} is named by the template and is not in the bucket",
            consequence=f"{names(hit) or 'an instance that boots from now on'} cannot start the service",
            mend="pulumi up --refresh"
            + (f" && {AGAIN.format(instance=hit[0].name)}" if hit else "")
            + "  # puts the script back",
            evidence=tuple(f"{one.name}: {one.run.absent}" for one in hit if one.run),
        )
    ]


def _failures(facts: Facts, *, explained: bool) -> list[Finding]:
    failed = [one for one in facts.instances if one.run is not None and one.run.failure]
    if explained:  # those failures are consequences, and told as evidence
        failed = [
            one
            for one in failed
            if one.run and not (one.run.refused or one.run.absent or one.run.unreachable)
        ]
    result = [_failure(one) for one in failed if not one.serving()]
    running = [
        one
        for one in facts.instances
        # One that is being made is told as such: there a script that runs is as it should be.
        if one.run is not None and not one.run.finished and not one.serving() and one.action == "NONE"
    ]
    return [*result, *(_unfinished(one) for one in running)]


def _failure(instance: Instance) -> Finding:
    assert instance.run is not None  # noqa: S101  for the type checker: such instances were chosen
    return Finding(
        code="startup-script-failed",
        severity="error",
        subject=instance.name,
        what=f"the start-up script failed on {instance.name}: {instance.run.failure}",
        consequence=f"the service does not run there; autohealing is {instance.autohealing or 'silent'}, "
        f"the balancer {instance.balancer or 'silent'}; recreating it runs the same script again",
        mend=f"{AGAIN.format(instance=instance.name)}  # after mending the script and pulumi up",
        evidence=instance.run.tail,
    )


def _unfinished(instance: Instance) -> Finding:
    assert instance.run is not None  # noqa: S101  as above
    return Finding(
        code="startup-script-running",
        severity="warning",
        subject=instance.name,
        what=f"the start-up script still runs on {instance.name}",
        consequence="it serves when the script has started the service; a script that hangs never does",
        mend=f"scripts/doctor shell {instance.name}",
        evidence=instance.run.tail,
    )


def names(instances: list[Instance]) -> str:
    """Return their names, in words."""
    return ", ".join(one.name for one in instances)
