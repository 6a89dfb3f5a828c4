"""Both verdicts side by side: why they differ, and what is left where nothing else explains a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.diagnosis.facts import FAILED
from scripts.diagnosis.finding import Finding
from scripts.diagnosis.script_causes import names

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Check, Facts, Instance

_BEGINNING = frozenset({"CREATING", "CREATING_WITHOUT_RETRIES", "VERIFYING", "STARTING", "RESUMING"})
_REPAIRING = frozenset({"RECREATING", "RESTARTING", "REFRESHING"})
# What holds for every instance; a cause among these explains each failure of its check.
_EVERYWHERE = frozenset({"firewall-blocks-probes", "check-port-wrong", "check-request-wrong", "service-fails-checks"})  # fmt: skip
_BOOT = frozenset({"permission-missing", "scope-missing", "startup-script-missing", "google-unreachable", "startup-script-failed",
                   "service-port-wrong", "startup-script-running"})  # fmt: skip


def requests(facts: Facts, causes: list[Finding]) -> list[Finding]:
    """Return checks that ask for the wrong thing: failed everywhere, though nothing else is in their way."""
    up = [one for one in facts.instances if one.status == "RUNNING" and one.verdict("balancer")]
    ways = {finding.subject for finding in causes}
    if not up or any(finding.code in _BOOT for finding in causes):
        return []
    failing = [
        check
        for check in facts.checks
        if check.name not in ways and all(one.verdict(check.role) in FAILED for one in up)
    ]
    if len(failing) == 1:
        other = next((check for check in facts.checks if check not in failing), None)
        answered = other is not None and all(one.verdict(other.role) == "HEALTHY" for one in up)
        if other is not None and answered and other.request != failing[0].request:
            return [_request(facts, failing[0], other)]
    if len(failing) == len(facts.checks) and failing and all(one.run and one.run.succeeded for one in up):
        return [_service(failing, up)]
    return []


def _request(facts: Facts, check: Check, other: Check) -> Finding:
    path = other.request.removeprefix("GET ").partition(" ")[0]
    same = check.protocol == other.protocol and check.request.startswith("GET /")
    flag = f"--request-path={path}" if same else "..."
    return Finding(
        code="check-request-wrong",
        severity="error",
        subject=check.name,
        what=f"the {check.role} check asks {check.request} (port {check.port}), which every instance fails, while the {other.role} "
        f"check asks {other.request} (port {other.port}) and is answered by all",
        consequence="the group recreates instances that are well"
        if check.role == "autohealing"
        else "no instance gets traffic, though all are well",
        mend=f"gcloud compute health-checks update {check.protocol.lower()} {check.name} {check.place} {flag} "
        f"--project={facts.group.project}",
    )


def _service(failing: list[Check], up: list[Instance]) -> Finding:
    asked = " and ".join(sorted({f"{check.request} on port {check.port}" for check in failing}))
    return Finding(
        code="service-fails-checks",
        severity="error",
        subject=names(up),
        what=f"every instance fails {asked}, though its start-up script ended well and the firewall lets probes through",
        consequence="no instance gets traffic, and the group recreates them all",
        mend=f"scripts/doctor shell {up[0].name}  # then ask the service itself: curl -i localhost:{failing[0].port}",
    )


def eagerness(facts: Facts) -> list[Finding]:
    """Return what makes autohealing recreate before the balancer has even turned away."""
    heal, balance = facts.check("autohealing"), facts.check("balancer")
    if heal is None or balance is None or not facts.group.heals or heal.window > balance.window:
        return []
    return [
        Finding(
            code="autohealing-too-eager",
            severity="warning",
            subject=heal.name,
            what=f"autohealing condemns after {heal.interval} s x {heal.unhealthy} = {heal.window} s of failures, the balancer after "
            f"{balance.interval} s x {balance.unhealthy} = {balance.window} s",
            consequence="a hiccup under load recreates instances that would have recovered",
            mend="make autohealing at least three times slower (mig-nlb:autohealing_check in the stack's file), then: pulumi up",
        )
    ]


def instances(facts: Facts, causes: list[Finding]) -> list[Finding]:
    """Return instances that are not well and that none of the causes explains."""
    return [
        finding
        for one in facts.instances
        if not _explained(facts, one, causes) and (finding := _instance(facts, one)) is not None
    ]


def _explained(facts: Facts, instance: Instance, causes: list[Finding]) -> bool:
    bad = [check for check in facts.checks if instance.verdict(check.role) != "HEALTHY"]
    for finding in causes:
        if finding.code in _EVERYWHERE and any(check.name == finding.subject for check in bad):
            return True
        if finding.code == "service-fails-checks" and instance.name in finding.subject.split(", "):
            return True
        if finding.code in _BOOT and not instance.serving():
            named = [one.name for one in facts.instances if one.name in finding.subject.split(", ")]
            if instance.name in named or (not named and not (instance.run and instance.run.succeeded)):
                return True
    return False


def _instance(facts: Facts, one: Instance) -> Finding | None:
    if one.action in _REPAIRING:
        return _changing(
            one,
            "instance-being-recreated",
            f"{one.name} is {one.action}: the group makes it anew",
            _shows(facts),
        )
    if one.action in _BEGINNING:
        what = f"{one.name} is {one.action}: made or recreated, and not yet healthy"
        return _changing(one, "instance-not-ready", what, _shows(facts))
    if one.action == "NONE" and any(one.verdict(check.role) in FAILED for check in facts.checks):
        return _silent(facts, one)
    return None


def _changing(one: Instance, code: str, what: str, mend: str) -> Finding:
    running = one.run is not None and not one.run.finished
    if running:
        what += "; its start-up script still runs"
    return Finding(
        code=code,
        severity="warning",
        subject=one.name,
        what=what,
        consequence=f"the others carry its load until both checks call it healthy (now {verdicts(one)})",
        mend=mend,
        evidence=(*one.errors, *(one.run.tail if one.run is not None and running else ())),
    )


def _silent(facts: Facts, one: Instance) -> Finding:
    heal = facts.check("autohealing")
    coming = ""
    if heal is not None and facts.group.heals:
        coming = f"; after {heal.interval} s x {heal.unhealthy} = {heal.window} s of failures the group recreates it"
    return Finding(
        code="instance-silent",
        severity="error",
        subject=one.name,
        what=f"{one.name} fails its checks ({verdicts(one)}), and nothing that all instances share explains it: "
        "its service or the whole machine hangs or has died",
        consequence=f"{'it gets no traffic' if not one.serving() else 'it still gets traffic'}{coming}",
        mend=f"scripts/doctor shell {one.name}  # or at once: gcloud compute instance-groups managed recreate-instances "
        f"{facts.group.name} {facts.group.place} --instances={one.name} --project={facts.group.project}",
        evidence=(why(facts, one),),
    )


def verdicts(one: Instance) -> str:
    """Return both verdicts, in words."""
    return f"autohealing {one.autohealing or 'unknown'}, balancer {one.balancer or 'unknown'}"


def why(facts: Facts, one: Instance) -> str:
    """Say why an instance's two verdicts differ; empty where they agree."""
    heal, balance = facts.check("autohealing"), facts.check("balancer")
    if heal is None or balance is None:
        return (
            f"only the {'balancer' if balance else 'group'} checks it"
            if heal or balance
            else "no check watches it"
        )
    good = {one.autohealing == "HEALTHY", one.balancer == "HEALTHY"}
    if len(good) == 1:
        return ""
    if (heal.port, heal.request) != (balance.port, balance.request):
        return (
            f"they ask different things: autohealing {heal.request} on port {heal.port}, "
            f"balancer {balance.request} on port {balance.port}"
        )
    if one.autohealing in {"", "UNKNOWN"}:
        return f"autohealing counts no failures for the first {facts.group.initial_delay} s of an instance, or has not seen enough yet"
    if one.autohealing == "HEALTHY":
        return f"autohealing is slower: {heal.window} s of failures until its verdict, the balancer {balance.window} s"
    return (
        f"autohealing needs {heal.interval} s x {heal.healthy} to believe in it again, the balancer {balance.interval} s x "
        f"{balance.healthy}; or their probers are not let in alike"
    )


def _shows(facts: Facts) -> str:
    return (
        f"gcloud compute instance-groups managed list-instances {facts.group.name} {facts.group.place} "
        f"--project={facts.group.project}  # wait, and look again"
    )
