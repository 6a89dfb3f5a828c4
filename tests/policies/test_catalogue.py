"""Every rule of the catalogue: passed, violated, not applicable, exempt and undetermined, through the gRPC service.

Each case breaks one thing of a stack that passes everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import pytest
from mig_policies import pack
from mig_policies.catalogue import RULES
from mig_policies.rule import MANDATORY, Rule, StackRule
from mig_policies.verdict import Outcome

from tests.policies.engine import UNKNOWN, Declared, analyze
from tests.policies.stacks import (
    PROBERS,
    REGION,
    Stack,
    autoscaler,
    check,
    firewall,
    forwarding_rule,
    group,
    project_binding,
    service,
    sound,
    template,
)

Breaking = Callable[[Stack], object]
BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}


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


CASES = [
    Case(
        "HC01",
        "mig",
        ((share, "share health check 'lb'"),),
        unlink("mig", "autoHealingPolicies"),
        without_autohealing,
    ),
    Case(
        "HC02",
        "mig",
        ((heal_by(checkIntervalSec=5, unhealthyThreshold=3), "ratio 1.5, required 2"),),
        heal_by(unhealthyThreshold=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC03",
        "mig",
        ((heal_by(timeoutSec=3), "timeoutSec 3, required at least 4"),),
        balance_by(timeoutSec=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC04",
        "mig",
        ((heal_by(unhealthyThreshold=2), "unhealthyThreshold 2, required at least 3"),),
        heal_by(unhealthyThreshold=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC05",
        "ah",
        ((heal_by(timeoutSec=31), "timeoutSec 31, required at most checkIntervalSec 30"),),
        heal_by(timeoutSec=UNKNOWN),
    ),
    Case(
        "HC06",
        "mig",
        ((heal_by(timeoutSec=14), "checkIntervalSec 30, required at most 2 x timeoutSec 14 = 28 s"),),
        heal_by(timeoutSec=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC07",
        "lb",
        ((balance_by(timeoutSec=5), "the API's defaults"), (balance_by(timeoutSec=None), "timeoutSec unset")),
        balance_by(timeoutSec=UNKNOWN),
    ),
    Case(
        "HC08",
        "mig",
        ((without_autohealing, "autoHealingPolicies unset"),),
        lambda s: s.but("mig", autoHealingPolicies=UNKNOWN),
    ),
    Case(
        "HC09",
        "mig",
        (
            (
                lambda s: s["mig"].inputs["autoHealingPolicies"].update(initialDelaySec=219),
                "initialDelaySec 219, required at least 1.1 x 200 s",
            ),
            (lambda s: s["mig"].inputs["autoHealingPolicies"].pop("initialDelaySec"), "initialDelaySec 0"),
        ),
        lambda s: s["mig"].inputs["autoHealingPolicies"].update(initialDelaySec=UNKNOWN),
        without_autohealing,
        {"bootSeconds": 200},
    ),
    Case(
        "HC10",
        "mig",
        (
            (
                lambda s: s.but("mig", instanceLifecyclePolicy={"onFailedHealthCheck": "DO_NOTHING"}),
                "onFailedHealthCheck DO_NOTHING",
            ),
            (
                lambda s: s.but("mig", instanceLifecyclePolicy={"defaultActionOnFailure": "DO_NOTHING"}),
                "defaultActionOnFailure DO_NOTHING",
            ),
        ),
        lambda s: s.but("mig", instanceLifecyclePolicy={"onFailedHealthCheck": UNKNOWN}),
    ),
    Case(
        "HC11",
        "mig",
        (
            (heal_by(httpHealthCheck=None, tcpHealthCheck={"port": 8080}), "a bare TCP probe"),
            (heal_by(httpHealthCheck={"port": 8080, "requestPath": "/"}), "requestPath '/'"),
            (heal_by(httpHealthCheck=None), "no protocol block"),
        ),
        heal_by(httpHealthCheck={"port": 8080, "requestPath": UNKNOWN}),
        without_autohealing,
    ),
    Case(
        "HC12",
        "ah",
        (
            (
                heal_by(sourceRegions=["us-east1", "us-west1", "europe-west1"]),
                "sourceRegions us-east1, us-west1, europe-west1",
            ),
        ),
        heal_by(sourceRegions=UNKNOWN),
    ),
    Case(
        "HC13",
        "lb",
        ((balance_by(logConfig=None), "logConfig.enable false"),),
        balance_by(logConfig={"enable": UNKNOWN}),
    ),
    Case(
        "HC14",
        "mig",
        ((heal_by(healthyThreshold=1), "healthyThreshold 1, advised at least 2"),),
        heal_by(healthyThreshold=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "LB01",
        "be",
        (
            (lambda s: (s.but("be", healthChecks=None), unlink("be", "healthChecks")(s)), "no health check"),
            (lambda s: s.add(service("be", "ah", ["mig"])), "health check 'ah' is global"),
            (
                lambda s: s.add(service("be", "", ["mig"], link="projects/p/global/healthChecks/x")),
                "is global",
            ),
            (lambda s: s.but("be", healthChecks=["a", "b"]), "2 health checks, required exactly 1"),
        ),
        unlink("be", "healthChecks"),
        internal,
    ),
    Case(
        "LB02",
        "be",
        (
            (internal, "loadBalancingScheme INTERNAL, required EXTERNAL"),
            (lambda s: s.but("be", loadBalancingScheme=None), "loadBalancingScheme INTERNAL"),
            (lambda s: s.but("be", protocol=None), "protocol unset"),
            (lambda s: s.but("be", protocol="HTTP"), "protocol HTTP, required TCP, UDP or UNSPECIFIED"),
            (
                lambda s: s.but("be", protocol="UDP"),
                "forwarding rule 'fr' has ipProtocol TCP, backend service 'be' has protocol UDP",
            ),
            (lambda s: s.but("fr", ipProtocol="L3_DEFAULT"), "ipProtocol L3_DEFAULT"),
        ),
        lambda s: s.but("be", protocol=UNKNOWN),
    ),
    Case(
        "LB03",
        "be",
        (
            (
                lambda s: s["be"].inputs["backends"][0].pop("balancingMode"),
                "unset (the default is UTILIZATION), required CONNECTION",
            ),
            (lambda s: s["be"].inputs["backends"][0].update(balancingMode="RATE"), "balancingMode RATE"),
        ),
        lambda s: s["be"].inputs["backends"][0].update(balancingMode=UNKNOWN),
        internal,
    ),
    Case(
        "LB04",
        "be",
        (
            (
                lambda s: s.but("be", connectionDrainingTimeoutSec=29),
                "connectionDrainingTimeoutSec 29, required 30 to 3600",
            ),
            (lambda s: s.but("be", connectionDrainingTimeoutSec=None), "connectionDrainingTimeoutSec unset"),
        ),
        lambda s: s.but("be", connectionDrainingTimeoutSec=UNKNOWN),
        internal,
        {"drainSeconds": 30},
    ),
    Case(
        "LB05",
        "be",
        (
            (
                lambda s: s.but(
                    "be",
                    connectionTrackingPolicy={"connectionPersistenceOnUnhealthyBackends": "ALWAYS_PERSIST"},
                ),
                "ALWAYS_PERSIST",
            ),
            (lambda s: s.but("be", failoverPolicy=None), "dropTrafficIfUnhealthy unset"),
        ),
        lambda s: s.but("be", failoverPolicy=UNKNOWN),
        internal,
    ),
    Case(
        "LB06",
        "fr",
        (
            (lambda s: s.but("fr", ports=None, allPorts=True), "allPorts true"),
            (lambda s: s.but("fr", ports=["8080", "22"]), "forwards port 22, required only 80, 443, 8080"),
            (lambda s: s.but("fr", ports=None, portRange="8080-8081"), "forwards port 8081"),
            (lambda s: s.but("fr", ports=None), "no port named"),
        ),
        lambda s: s.but("fr", ports=[UNKNOWN]),
        lambda s: s.but("fr", loadBalancingScheme="INTERNAL"),
    ),
    Case(
        "LB07",
        "mig",
        ((lambda s: s.but("be", backends=[]), "a backend of no backend service"),),
        unlink("be", "backends"),
    ),
    Case(
        "LB08",
        "be",
        ((lambda s: s.but("be", logConfig=None), "logConfig.enable false"),),
        lambda s: s.but("be", logConfig={"enable": UNKNOWN}),
    ),
    Case(
        "MIG01",
        "mig",
        (
            (
                lambda s: s.but("mig", distributionPolicyZones=[f"{REGION}-b"]),
                "1 zone (europe-west1-b), required at least 2",
            ),
            (
                lambda s: setattr(s["mig"], "type", "gcp:compute/instanceGroupManager:InstanceGroupManager"),
                "is zonal",
            ),
            (
                lambda s: s.but("mig", distributionPolicyZones=[f"{REGION}-b", f"{REGION}-a"]),
                "zone europe-west1-a, required only",
            ),
        ),
        lambda s: s.but("mig", distributionPolicyZones=UNKNOWN),
        config={"allowedZones": [f"{REGION}-{zone}" for zone in "bcd"]},
    ),
    Case(
        "MIG02",
        "mig",
        ((lambda s: s.but("mig", targetSize=3), "targetSize 3 beside autoscaler 'as'"),),
        lambda s: s.but("mig", targetSize=UNKNOWN),
        lambda s: s.without("as"),
    ),
    Case(
        "MIG03",
        "mig",
        (
            (policy(maxUnavailableFixed=1), "maxUnavailable 1, required 0"),
            (lambda s: s["mig"].inputs["updatePolicy"].pop("maxUnavailableFixed"), "maxUnavailable unset"),
            (policy(maxSurgeFixed=0), "maxSurge 0 beside maxUnavailable 0"),
            (policy(minReadySec=0), "minReadySec 0, required at least 1"),
            (lambda s: s.but("mig", updatePolicy=None), "updatePolicy unset"),
        ),
        policy(minReadySec=UNKNOWN),
    ),
    Case(
        "MIG04",
        "mig",
        (
            (policy(instanceRedistributionType="NONE"), "instanceRedistributionType NONE with shape EVEN"),
            (
                lambda s: s.but("mig", distributionPolicyTargetShape="ANY"),
                "distributionPolicyTargetShape ANY",
            ),
        ),
        unlink("as", "target"),
        lambda s: s.without("as"),
    ),
    Case(
        "MIG05",
        "tpl",
        (
            (lambda s: s.but("tpl", namePrefix=None, name="web-1"), "fixed name 'web-1'"),
            (lambda s: setattr(s["tpl"], "delete_before_replace", True), "deleteBeforeReplace true"),
        ),
        lambda s: s.but("tpl", namePrefix=None, name=UNKNOWN),
    ),
    Case(
        "AS01",
        "mig",
        (
            (lambda s: s.without("as"), "has no autoscaler"),
            (scale(minReplicas=2), "minReplicas 2, required at least 3 (group 'mig' spans 3 zones)"),
            (scale(maxReplicas=4), "maxReplicas 4, required at least 1.5 x 3 = 5"),
        ),
        scale(minReplicas=UNKNOWN),
    ),
    Case(
        "AS02",
        "as",
        (
            (
                scale(loadBalancingUtilization={"target": 0.8}),
                "is behind backend service 'be', a passthrough balancer",
            ),
        ),
        lambda s: (scale(loadBalancingUtilization={"target": 0.8})(s), unlink("as", "target")(s)),
        lambda s: (scale(loadBalancingUtilization={"target": 0.8})(s), s.without("be")),
    ),
    Case(
        "AS03",
        "as",
        (
            (scale(cooldownPeriod=49), "cooldownPeriod 49, required at least 50"),
            (scale(scaleInControl=None), "scaleInControl unset"),
            (scale(mode="OFF"), "mode OFF, required ON"),
        ),
        scale(cooldownPeriod=UNKNOWN),
        config={"bootSeconds": 50},
    ),
    Case(
        "TPL01",
        "tpl",
        (
            (
                lambda s: s.but("tpl", networkInterfaces=[{"accessConfigs": [{}]}]),
                "networkInterfaces[0].accessConfigs set",
            ),
            (
                lambda s: s.but(
                    "tpl", networkInterfaces=[{"ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}]
                ),
                "ipv6AccessConfigs set",
            ),
        ),
        lambda s: s.but("tpl", networkInterfaces=UNKNOWN),
    ),
    Case(
        "TPL02",
        "tpl",
        (
            (lambda s: s.but("tpl", serviceAccount=None), "serviceAccount unset"),
            (lambda s: s.but("tpl", serviceAccount={"scopes": []}), "service account unset"),
            (
                lambda s: s.but("tpl", serviceAccount={"email": "123-compute@developer.gserviceaccount.com"}),
                "not the default",
            ),
        ),
        lambda s: s.but("tpl", serviceAccount={"email": UNKNOWN}),
    ),
    Case(
        "TPL03",
        "tpl",
        (
            (
                lambda s: s.but("tpl", shieldedInstanceConfig=None),
                "enableSecureBoot, enableVtpm, enableIntegrityMonitoring off",
            ),
            (
                lambda s: s.but(
                    "tpl", shieldedInstanceConfig={"enableSecureBoot": True, "enableVtpm": False}
                ),
                "has enableVtpm off",
            ),
            (lambda s: s.but("tpl", shieldedInstanceConfig={}), "has enableSecureBoot off"),
        ),
        lambda s: s.but("tpl", shieldedInstanceConfig={"enableSecureBoot": UNKNOWN}),
    ),
    Case(
        "TPL04",
        "tpl",
        (
            (metadata(enable_oslogin="FALSE"), "enable-oslogin FALSE"),
            (metadata(serial_port_enable="1"), "serial-port-enable TRUE"),
            (lambda s: s.but("tpl", metadata={}), "block-project-ssh-keys not TRUE"),
            (lambda s: s.but("tpl", canIpForward=True), "canIpForward true"),
        ),
        metadata(enable_oslogin=UNKNOWN),
    ),
    Case(
        "IAM01",
        "log",
        (
            (
                lambda s: s.add(project_binding("log", "roles/editor")),
                "roles/editor, required a role for the purpose",
            ),
        ),
        lambda s: s.but("log", role=UNKNOWN),
    ),
    Case(
        "IAM02",
        "log",
        (
            (
                lambda s: s.add(project_binding("log", "roles/iam.serviceAccountTokenCreator")),
                "on the whole project",
            ),
            (
                lambda s: s.add(
                    project_binding(
                        "log",
                        "roles/logging.logWriter",
                        "serviceAccount:1-compute@developer.gserviceaccount.com",
                    )
                ),
                "for the default account",
            ),
        ),
        lambda s: s.but("log", member=UNKNOWN),
    ),
    Case(
        "IAM03",
        "ci",
        (
            (identity_provider(), "attributeCondition unset"),
            (identity_provider(attributeCondition="true"), "looks at no claim"),
        ),
        identity_provider(attributeCondition=UNKNOWN),
    ),
    Case(
        "NET01",
        "mig",
        (
            (
                lambda s: s.without("probes").without("clients"),
                "no firewall rule admits 130.211.0.0/22, 35.191.0.0/16 on tcp:8080",
            ),
            (
                lambda s: s.without("clients").but("probes", sourceRanges=PROBERS[:2]),
                "admits 209.85.152.0/22, 209.85.204.0/22",
            ),
            (
                lambda s: s.without("clients").but(
                    "probes", sourceRanges=[*PROBERS[:2], PROBERS[3], "209.85.152.0/23"]
                ),
                "209.85.154.0/23",
            ),
            (
                heal_by(httpHealthCheck={"port": 9000}),
                "on tcp:9000, required for health check 'ah'",
            ),
            (lambda s: s.without("clients").but("probes", disabled=True), "no firewall rule admits"),
            (lambda s: s.without("clients").but("probes", direction="EGRESS"), "no firewall rule admits"),
            (
                lambda s: s.without("clients").but("probes", allows=[{"protocol": "udp"}]),
                "no firewall rule admits",
            ),
            (
                lambda s: s.without("clients").but(
                    "probes", targetServiceAccounts=["x@p.iam.gserviceaccount.com"]
                ),
                "no firewall rule admits",
            ),
            (
                lambda s: s.without("clients").but("probes", targetServiceAccounts=None, targetTags=["db"]),
                "no firewall rule admits",
            ),
            (deny(999, ["35.191.0.0/16"]), "admits 35.191.0.0/16"),
            (deny(1000, ["35.191.0.0/24"]), "admits 35.191.0.0/24"),
        ),
        unlink("tpl", "networkInterfaces"),
        lambda s: without_autohealing(s.without("be")),
    ),
    Case(
        "NET02",
        "clients",
        (
            (
                lambda s: s.but("clients", allows=[{"protocol": "tcp", "ports": ["22"]}]),
                "opens tcp:22 to any source",
            ),
            (
                lambda s: s.but("clients", allows=[{"protocol": "tcp"}]),
                "opens tcp:0-79, 81-442, 444-8079, 8081-65535",
            ),
            (lambda s: s.but("clients", allows=[{"protocol": "all"}]), "opens all to any source"),
            (
                lambda s: s.but(
                    "clients", sourceRanges=None, allows=[{"protocol": "tcp", "ports": ["3389"]}]
                ),
                "opens tcp:3389",
            ),
            (
                lambda s: s.but(
                    "clients", sourceRanges=["::/0"], allows=[{"protocol": "6", "ports": ["20-25"]}]
                ),
                "opens tcp:20-25",
            ),
            (
                lambda s: s.but("clients", targetTags=["web"], allows=[{"protocol": "tcp", "ports": ["22"]}]),
                "opens tcp:22",
            ),
        ),
        lambda s: s.but("clients", sourceRanges=[UNKNOWN]),
        lambda s: s.but("clients", direction="EGRESS"),
    ),
    Case(
        "NET03",
        "sub",
        (
            (lambda s: s.but("sub", logConfig=None), "logConfig unset"),
            (lambda s: s.but("sub", privateIpGoogleAccess=None), "privateIpGoogleAccess false"),
        ),
        lambda s: s.but("sub", privateIpGoogleAccess=UNKNOWN),
        lambda s: s.but("sub", purpose="REGIONAL_MANAGED_PROXY"),
    ),
]
VIOLATIONS = [
    pytest.param(case, breaking, told, id=f"{case.rule}-{position}")
    for case in CASES
    for position, (breaking, told) in enumerate(case.violate)
]
by_rule = pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
EXEMPTION = {"reason": "agreed with the reviewers", "owner": "ops@example.com", "expires": "2026-12-31"}


def make(case: Case, *breaking: Breaking) -> Stack:
    stack = sound()
    if case.rule == "IAM03":
        identity_provider(attributeCondition="assertion.repository_id == '123456'")(stack)
    for apply in breaking:
        apply(stack)
    return stack


def config_of(case: Case) -> dict[str, object]:
    return {case.rule: dict(case.config)}


def test_every_rule_has_its_cases() -> None:
    assert [case.rule for case in CASES] == sorted(
        BY_ID,
        key=lambda rule: (
            ["HC", "LB", "MIG", "AS", "TPL", "IAM", "NET"].index(rule.rstrip("0123456789")),
            rule,
        ),
    )


@by_rule
def test_a_sound_resource_passes(case: Case) -> None:
    assert analyze(make(case).resources, config_of(case)).outcome(case.rule, case.resource) is Outcome.PASSED


@pytest.mark.parametrize(("case", "breaking", "told"), VIOLATIONS)
def test_what_is_wrong_is_violated_and_told(case: Case, breaking: Breaking, told: str) -> None:
    report = analyze(make(case, breaking).resources, config_of(case))
    assert report.outcome(case.rule, case.resource) is Outcome.VIOLATED
    found = [finding for finding in report.of(case.rule) if finding.resource == case.resource]
    assert any(told in finding.message for finding in found), [finding.message for finding in found]
    expected = "MANDATORY" if BY_ID[case.rule].level is MANDATORY else "ADVISORY"
    assert {finding.level for finding in found} == {expected}
    assert all(BY_ID[case.rule].description in finding.message for finding in found)


@by_rule
def test_what_cannot_be_told_is_undetermined_and_reported(case: Case) -> None:
    report = analyze(make(case, case.obscure).resources, config_of(case))
    assert report.outcome(case.rule, case.resource) is Outcome.UNDETERMINED
    assert report.of(case.rule) == []
    assert any(
        f"UNDETERMINED {case.rule}:" in finding.message and finding.resource == case.resource
        for finding in report.of("PACK04")
    )


@by_rule
def test_a_violation_can_be_exempt(case: Case) -> None:
    config = {case.rule: {**case.config, "exemptions": [{**EXEMPTION, "resource": case.resource}]}}
    report = analyze(make(case, case.violate[0][0]).resources, config)
    assert report.outcome(case.rule, case.resource) is Outcome.EXEMPT
    assert not [finding for finding in report.of(case.rule) if finding.resource == case.resource]
    assert any(f"EXEMPT {case.rule}:" in finding.message for finding in report.of("PACK03"))


@pytest.mark.parametrize("case", [case for case in CASES if case.exclude], ids=lambda case: case.rule)
def test_a_rule_says_where_it_does_not_apply(case: Case) -> None:
    assert case.exclude is not None
    report = analyze(make(case, case.exclude).resources, config_of(case))
    assert report.outcome(case.rule, case.resource) is Outcome.NOT_APPLICABLE


@by_rule
def test_a_rule_does_not_apply_to_a_stack_without_its_resources(case: Case) -> None:
    pet = Declared("random:index/randomPet:RandomPet", "pet", {"length": 2})
    report = analyze([pet])
    assert case.rule in report.not_applicable
    assert report.findings == ()


def test_a_sound_stack_passes_every_rule_on_a_first_preview() -> None:
    report = analyze(sound().resources)
    assert report.findings == ()
    assert {entry.outcome for entry in report.account.values()} <= {Outcome.PASSED, Outcome.NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("rule", "resource", "apply"),
    [
        ("LB02", "be", lambda s: s.but("be", protocol="UNSPECIFIED").but("fr", ipProtocol="L3_DEFAULT")),
        ("LB02", "be", lambda s: s.but("be", protocol="UNSPECIFIED")),
        ("LB06", "fr", lambda s: s.but("fr", ports=None, portRange="8080-8080")),
        ("MIG01", "mig", lambda s: s.but("mig", distributionPolicyZones=None)),
        (
            "MIG03",
            "mig",
            lambda s: s["mig"].inputs["updatePolicy"].update(maxSurgeFixed=None, maxSurgePercent=50),
        ),
        (
            "MIG04",
            "mig",
            lambda s: (
                s.but("mig", distributionPolicyTargetShape="BALANCED"),
                policy(instanceRedistributionType="NONE")(s),
            ),
        ),
        ("MIG05", "tpl", lambda s: s.but("tpl", namePrefix=None, name="tpl-1a2b3c4")),
        ("IAM03", "ci", identity_provider(attributeCondition="attribute.repository == 'a/b'")),
        (
            "NET01",
            "mig",
            lambda s: s.without("clients").but(
                "probes", targetServiceAccounts=None, targetTags=["web", "db"]
            ),
        ),
        ("NET01", "mig", lambda s: s.without("clients").but("probes", targetServiceAccounts=None)),
        ("NET01", "mig", lambda s: s.without("probes").but("clients", allows=[{"protocol": "all"}])),
        ("NET01", "mig", deny(1001, ["35.191.0.0/16"])),
        (
            "NET01",
            "mig",
            lambda s: s.but("probes", targetServiceAccounts=[UNKNOWN]).but(
                "tpl", serviceAccount={"email": UNKNOWN}
            ),
        ),
        (
            "NET02",
            "clients",
            lambda s: s.but("clients", sourceRanges=["203.0.113.0/24"], allows=[{"protocol": "all"}]),
        ),
        (
            "NET02",
            "clients",
            lambda s: s.but(
                "clients", sourceRanges=None, sourceTags=["bastion"], allows=[{"protocol": "all"}]
            ),
        ),
        ("NET02", "clients", lambda s: s.but("clients", allows=[{"protocol": "icmp"}])),
        ("HC11", "mig", heal_by(httpHealthCheck=None, grpcHealthCheck={"port": 9000})),
        ("HC09", "mig", lambda s: s["mig"].inputs["autoHealingPolicies"].update(initialDelaySec=1)),
    ],
)
def test_other_right_ways_pass(rule: str, resource: str, apply: Breaking) -> None:
    stack = sound()
    apply(stack)
    assert analyze(stack.resources).outcome(rule, resource) is Outcome.PASSED


def test_a_policy_document_is_read_and_a_broken_one_is_undetermined() -> None:
    def policy_stack(data: str) -> list[Declared]:
        return [Declared("gcp:projects/iAMPolicy:IAMPolicy", "all", {"project": "p", "policyData": data})]

    bad = '{"bindings": [{"role": "roles/owner", "members": ["user:a@example.com"]}]}'
    assert analyze(policy_stack(bad)).outcome("IAM01", "all") is Outcome.VIOLATED
    assert analyze(policy_stack('{"bindings": []}')).outcome("IAM01", "all") is Outcome.PASSED
    assert analyze(policy_stack("no json")).outcome("IAM01", "all") is Outcome.UNDETERMINED


@pytest.mark.parametrize("name", ["net", "tpl"])
def test_the_default_network_is_refused(name: str) -> None:
    stack = sound().but("net", name="default").but("tpl", networkInterfaces=[{"network": "default"}])
    assert analyze(stack.resources).outcome("NET03", name) is Outcome.VIOLATED


def test_an_existing_groups_known_size_is_not_taken_for_a_declared_one() -> None:
    stack = sound()
    stack["mig"].computed = {**stack["mig"].computed, "targetSize": 5}
    assert analyze(stack.resources).outcome("MIG02", "mig") is Outcome.PASSED
    assert analyze(stack.resources, inputs_seen=False).outcome("MIG02", "mig") is Outcome.UNDETERMINED


def test_an_existing_network_leaves_the_firewall_undetermined() -> None:
    stack = sound().but("sub", network="projects/p/global/networks/shared")
    unlink("sub", "network")(stack)
    assert analyze(stack.resources).outcome("NET01", "mig") is Outcome.UNDETERMINED


def test_a_fault_in_a_rule_is_a_violation_of_that_rule_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError("by nought")

    assert isinstance(BY_ID["HC02"], StackRule)
    fault = dataclasses.replace(BY_ID["HC02"], look=broken)
    monkeypatch.setattr(pack, "RULES", tuple(fault if rule.id == "HC02" else rule for rule in RULES))
    report = analyze(sound().resources)
    assert report.violated == {"HC02"}
    assert "ZeroDivisionError: by nought" in report.message("HC02")


def test_every_rule_is_documented() -> None:
    for rule in RULES:
        assert rule.url.startswith("https://docs.cloud.google.com/")
        assert rule.description.endswith(".")
        assert rule.remediation.endswith(".")
        assert rule.title


def test_other_frontends_do_not_concern_a_service() -> None:
    stack = sound()
    stack.add(service("udp", "lb", ["mig"], protocol="UDP")).add(
        forwarding_rule("fu", "udp", ipProtocol="UDP")
    )
    stack.add(template("tpl2")).add(check("spare")).add(group("mig2", "ah"))
    report = analyze(stack.resources)
    assert report.outcome("LB02", "be") is Outcome.PASSED
    assert report.outcome("LB02", "udp") is Outcome.PASSED
