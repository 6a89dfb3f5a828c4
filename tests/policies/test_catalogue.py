"""Every rule of the catalogue: passed, violated, not applicable, exempt and undetermined, through the gRPC service.

Each case breaks one thing of a stack that passes everything.
"""

from __future__ import annotations

import dataclasses
from typing import NoReturn

import pytest
from mig_policies import pack
from mig_policies.catalogue import RULES
from mig_policies.rule import MANDATORY, Rule, StackRule
from mig_policies.verdict import Outcome

from tests.policies.cases import group as group_cases
from tests.policies.cases import health_checks, load_balancer, template_and_network
from tests.policies.cases.case import Breaking, Case, deny, heal_by, identity_provider, policy, unlink
from tests.policies.engine import UNKNOWN, Declared, analyze
from tests.policies.stacks import Stack, check, forwarding_rule, group, service, sound, template

BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}
CASES = [*health_checks.CASES, *load_balancer.CASES, *group_cases.CASES, *template_and_network.CASES]
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


def test_a_size_to_begin_with_is_none_that_deployments_would_write() -> None:
    stack = sound().but("mig", targetSize=3)
    stack["mig"].ignore_changes = ("updatePolicy",)
    assert analyze(stack.resources).outcome("MIG02", "mig") is Outcome.VIOLATED
    stack["mig"].ignore_changes = ("targetSize",)
    assert analyze(stack.resources).outcome("MIG02", "mig") is Outcome.PASSED


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


def test_a_forwarding_rule_that_may_send_anywhere_leaves_agreement_undetermined() -> None:
    stack = sound()
    unlink("fr", "backendService")(stack)
    assert analyze(stack.resources).outcome("LB02", "be") is Outcome.UNDETERMINED
