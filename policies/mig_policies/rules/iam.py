"""IAM: who may do what; least privilege, and nobody's way in through somebody else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mig_policies.rule import CRITICAL, HIGH, MANDATORY, Parameters, ResourceRule
from mig_policies.rules.template import DEFAULT_ACCOUNT
from mig_policies.tokens import (
    BUCKET_IAM_BINDING,
    BUCKET_IAM_MEMBER,
    IDENTITY_POOL_PROVIDER,
    PROJECT_IAM_BINDING,
    PROJECT_IAM_MEMBER,
    PROJECT_IAM_POLICY,
    SERVICE_ACCOUNT_IAM_BINDING,
    SERVICE_ACCOUNT_IAM_MEMBER,
)
from mig_policies.values import Undetermined
from mig_policies.verdict import Verdict, passed, violated

if TYPE_CHECKING:
    from mig_policies.resource import Resource

ROLES_PAGE: Final = "https://docs.cloud.google.com/iam/docs/roles-overview"
IMPERSONATION_PAGE: Final = "https://docs.cloud.google.com/iam/docs/service-account-permissions"
FEDERATION_PAGE: Final = "https://docs.cloud.google.com/iam/docs/workload-identity-federation"

PROJECT_BINDINGS: Final = frozenset({PROJECT_IAM_MEMBER, PROJECT_IAM_BINDING, PROJECT_IAM_POLICY})
ALL_BINDINGS: Final = PROJECT_BINDINGS | {
    BUCKET_IAM_MEMBER,
    BUCKET_IAM_BINDING,
    SERVICE_ACCOUNT_IAM_MEMBER,
    SERVICE_ACCOUNT_IAM_BINDING,
}
BASIC_ROLES: Final = frozenset({"roles/owner", "roles/editor", "roles/viewer"})
# At project level each of these lets its holder act as every service account of the project.
IMPERSONATION_ROLES: Final = frozenset(
    {
        "roles/iam.serviceAccountUser",
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/iam.serviceAccountKeyAdmin",
        "roles/iam.serviceAccountAdmin",
        "roles/iam.workloadIdentityUser",
    }
)
_CLAIMS: Final = ("assertion.", "attribute.", "google.subject", "google.groups")


@dataclass(frozen=True)
class Grant:
    """One role and those who have it."""

    role: str
    members: tuple[str, ...]


def _grants(binding: Resource, *, with_members: bool) -> list[Grant]:
    """Read what a binding resource grants; members only if asked for, since they are unknown more often."""
    if binding.type == PROJECT_IAM_POLICY:
        return _policy_grants(binding)
    role = binding.props.text("role", "")
    members: list[str] = []
    if with_members:
        member = binding.props.text("member", None)
        members = [member] if member is not None else binding.props.texts("members")
    return [Grant(role, tuple(members))]


def _policy_grants(binding: Resource) -> list[Grant]:
    try:
        policy = json.loads(binding.props.text("policyData", "{}"))
        return [
            Grant(str(entry["role"]), tuple(map(str, entry.get("members", []))))
            for entry in policy.get("bindings", [])
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise Undetermined(f"policyData is no IAM policy: {type(fault).__name__}") from fault


def _no_basic_role(binding: Resource, _: Parameters) -> list[Verdict]:
    return [
        violated(
            f"{binding.label}: {grant.role}, required a role for the purpose; basic roles reach everything"
        )
        for grant in _grants(binding, with_members=False)
        if grant.role in BASIC_ROLES
    ] or [passed(f"{binding.label}: no basic role")]


def _no_impersonation(binding: Resource, _: Parameters) -> list[Verdict]:
    grants = _grants(binding, with_members=False)
    found = [
        violated(
            f"{binding.label}: {grant.role} on the whole project, required on the one service account that is meant"
        )
        for grant in grants
        if grant.role in IMPERSONATION_ROLES
    ]
    if found:
        return found
    return [
        violated(
            f"{binding.label}: {grant.role} for the default account {member}, required an account of the service's own"
        )
        for grant in _grants(binding, with_members=True)
        for member in grant.members
        if DEFAULT_ACCOUNT.search(member)
    ] or [passed(f"{binding.label}: no way to act as others")]


def _federation_has_a_condition(provider: Resource, _: Parameters) -> Verdict:
    condition = provider.props.text("attributeCondition", None)
    if condition is None:
        return violated(
            f"{provider.label}: attributeCondition unset, required one; every tenant of the issuer could sign in"
        )
    if not any(claim in condition for claim in _CLAIMS):
        return violated(
            f"{provider.label}: attributeCondition looks at no claim, required one on assertion.* or attribute.*"
        )
    return passed(f"{provider.label}: sign-in has a condition")


IAM01 = ResourceRule(
    id="IAM01",
    title="No basic roles",
    description="Owner, editor and viewer must not be granted: they reach everything in a project.",
    remediation="Grant the predefined role for the purpose.",
    url=ROLES_PAGE,
    severity=CRITICAL,
    level=MANDATORY,
    types=ALL_BINDINGS,
    look=_no_basic_role,
)
IAM02 = ResourceRule(
    id="IAM02",
    title="No impersonation across the project",
    description="Roles that let their holder act as service accounts must not be granted on a whole project, nor anything "
    "to default accounts.",
    remediation="Grant the role on the one service account, and use an account of the service's own.",
    url=IMPERSONATION_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=PROJECT_BINDINGS,
    look=_no_impersonation,
)
IAM03 = ResourceRule(
    id="IAM03",
    title="Federation has a condition",
    description="A workload identity provider must say whose tokens it takes, by a claim such as the repository's id.",
    remediation="Set attributeCondition, for instance assertion.repository_id == '123456'.",
    url=FEDERATION_PAGE,
    severity=CRITICAL,
    level=MANDATORY,
    types=frozenset({IDENTITY_POOL_PROVIDER}),
    look=_federation_has_a_condition,
)

RULES = (IAM01, IAM02, IAM03)
