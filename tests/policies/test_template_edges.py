"""The edges of the rules on the template and on bindings: what is next to a mistake is none."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.policies.cases.case import broken, identity_provider, metadata, outcome
from tests.policies.engine import UNKNOWN, Declared, analyze
from tests.policies.stacks import (
    project_binding,
    sound,
)

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
NOT_APPLICABLE = Outcome.NOT_APPLICABLE


def test_an_address_that_the_balancer_demands_is_told() -> None:
    interface = {"subnetwork": UNKNOWN, "ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}
    stack = sound().but("fr", ipVersion="IPV6").but("tpl", networkInterfaces=[interface])
    (message,) = analyze(stack.resources).told("TPL01")
    assert "an IPv6 address, as its balancer's IPv6 address demands, and no other" in message


def test_no_address_at_all_is_told_as_that() -> None:
    assert analyze(sound().resources).told("TPL01") == ["instance template 'tpl': no public address"]


def test_the_interface_with_an_address_is_named() -> None:
    stack = sound().but("tpl", networkInterfaces=[{"accessConfigs": []}, {"accessConfigs": [{}]}])
    assert "networkInterfaces[1].accessConfigs set" in analyze(stack.resources).message("TPL01")


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("default", VIOLATED),
        ("a@p.iam.gserviceaccount.com", PASSED),
        ("web-sa@p.iam.gserviceaccount.com", PASSED),
        ("p@appspot.gserviceaccount.com", VIOLATED),
        ("1-compute@developer.gserviceaccount.com", VIOLATED),
    ],
)
def test_the_default_accounts_are_known_by_name(email: str, expected: Outcome) -> None:
    assert outcome(sound().but("tpl", serviceAccount={"email": email}), "TPL02", "tpl") is expected


@pytest.mark.parametrize("field", ["enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring"])
def test_each_shield_counts(field: str) -> None:
    stack = sound()
    stack["tpl"].inputs["shieldedInstanceConfig"][field] = False
    assert f"shieldedInstanceConfig has {field} off" in analyze(stack.resources).message("TPL03")
    del stack["tpl"].inputs["shieldedInstanceConfig"][field]
    assert outcome(stack, "TPL03", "tpl") is (VIOLATED if field == "enableSecureBoot" else PASSED)


@pytest.mark.parametrize("value", ["TRUE", "true", "Y", "yes", "1", "1.0", True])
def test_a_switch_in_the_metadata_is_on_as_the_guest_reads_it(value: object) -> None:
    assert outcome(broken(metadata(block_project_ssh_keys=value)), "TPL04", "tpl") is PASSED
    assert outcome(broken(metadata(serial_port_enable=value)), "TPL04", "tpl") is VIOLATED
    assert outcome(broken(metadata(enable_oslogin=value)), "TPL04", "tpl") is PASSED


@pytest.mark.parametrize("value", ["FALSE", "no", "0", "", False])
def test_a_switch_in_the_metadata_is_off_otherwise(value: object) -> None:
    assert outcome(broken(metadata(block_project_ssh_keys=value)), "TPL04", "tpl") is VIOLATED
    assert outcome(broken(metadata(serial_port_enable=value)), "TPL04", "tpl") is PASSED
    assert outcome(broken(metadata(enable_oslogin=value)), "TPL04", "tpl") is VIOLATED


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("roles/owner", VIOLATED),
        ("roles/editor", VIOLATED),
        ("roles/viewer", VIOLATED),
        ("roles/logging.viewer", PASSED),
        ("", PASSED),
    ],
)
def test_basic_roles_are_three(role: str, expected: Outcome) -> None:
    assert outcome(sound().add(project_binding("log", role)), "IAM01", "log") is expected


def binding(name: str, *members: str) -> Declared:
    kind = "gcp:projects/iAMBinding:IAMBinding"
    return Declared(kind, name, {"project": "p", "role": "roles/logging.logWriter", "members": list(members)})


@pytest.mark.parametrize("position", [0, 1])
def test_every_member_of_a_binding_is_looked_at(position: int) -> None:
    members = ["user:a@example.com", "user:b@example.com"]
    assert outcome(sound().add(binding("all", *members)), "IAM02", "all") is PASSED
    members[position] = "serviceAccount:1-compute@developer.gserviceaccount.com"
    stack = sound().add(binding("all", *members))
    assert f"for the default account {members[position]}" in analyze(stack.resources).message("IAM02")


@pytest.mark.parametrize("claim", ["assertion.sub == 'x'", "attribute.repo == 'x'", "google.subject == 'x'"])
def test_a_condition_on_any_claim_will_do(claim: str) -> None:
    assert outcome(broken(identity_provider(attributeCondition=claim)), "IAM03", "ci") is PASSED


def policy_document(text: str) -> Declared:
    return Declared("gcp:projects/iAMPolicy:IAMPolicy", "all", {"project": "p", "policyData": text})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", PASSED),
        ('{"bindings": [{"role": "roles/logging.logWriter"}]}', PASSED),
        ('{"bindings": [{"role": "roles/x"}, {"role": "roles/owner"}]}', VIOLATED),
        ("{", UNDETERMINED),
        ("[]", UNDETERMINED),
        ('{"bindings": 1}', UNDETERMINED),
        ('{"bindings": [{}]}', UNDETERMINED),
        ('{"bindings": ["roles/owner"]}', UNDETERMINED),
    ],
)
def test_a_policy_document_is_read_binding_by_binding(text: str, expected: Outcome) -> None:
    stack = sound().add(policy_document(text))
    assert outcome(stack, "IAM01", "all") is expected


def test_the_members_of_a_policy_document_are_looked_at() -> None:
    member = "serviceAccount:1-compute@developer.gserviceaccount.com"
    stack = sound().add(policy_document(f'{{"bindings": [{{"role": "roles/x", "members": ["{member}"]}}]}}'))
    assert f"for the default account {member}" in analyze(stack.resources).message("IAM02")


def test_a_role_is_judged_before_its_members_are_known() -> None:
    owner = sound().add(project_binding("log", "roles/owner", UNKNOWN))
    assert outcome(owner, "IAM01", "log") is VIOLATED
    token_creator = sound().add(project_binding("log", "roles/iam.serviceAccountTokenCreator", UNKNOWN))
    assert outcome(token_creator, "IAM02", "log") is VIOLATED


def test_a_buckets_binding_is_judged_by_its_role() -> None:
    kind = "gcp:storage/bucketIAMMember:BucketIAMMember"
    member = Declared(kind, "read", {"bucket": "b", "role": "roles/viewer", "member": "user:a@example.com"})
    assert outcome(sound().add(member), "IAM01", "read") is VIOLATED
    member.inputs["role"] = "roles/storage.objectViewer"
    assert outcome(sound().add(member), "IAM01", "read") is PASSED
