"""One member of one role in the IAM policy of a project, bucket, service account or secret. Additive: others' members stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, ProviderError
from localcloud.provider.families.iam_holders import (
    BucketPolicy,
    ProjectPolicy,
    SecretPolicy,
    ServiceAccountPolicy,
)
from localcloud.provider.families.iam_policy import (
    Condition,
    PolicyHolder,
    change_policy,
    has_member,
    wait_for_policy,
    with_member,
    without_member,
)
from localcloud.provider.resource import Request, Resource, Timeouts
from localcloud.provider.values import Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.diff import Change
    from localcloud.provider.session import Session

Body = dict[str, Value]


class IamMember(Resource):
    """A member of a role. `owner` is the property that says whose policy it is in."""

    timeouts = Timeouts(create=1200, update=None, delete=None)
    naming = None
    never_updated = True

    def __init__(self, resource_type: str, owner: str, *, keeps_meta: bool) -> None:
        super().__init__(resource_type)
        self.owner = owner
        self.keeps_meta = keeps_meta

    def _holder(self, session: Session, properties: Properties) -> tuple[PolicyHolder, str, str]:
        """Return whose policy, the start of the resource's id, and the owner as the state has it."""
        given = str(properties[self.owner])
        if self.owner == "bucket":
            bucket = given.removeprefix("b/")
            return BucketPolicy(bucket), f"b/{bucket}", f"b/{bucket}"
        if self.owner == "project":
            project = given.removeprefix("projects/")
            return ProjectPolicy(project), project, project
        if self.owner == "secretId":
            project, _, secret = given.removeprefix("projects/").replace("/secrets/", "/").rpartition("/")
            name = f"projects/{project or session.project_of(properties)}/secrets/{secret}"
            return SecretPolicy(name), name, name
        name = (
            given
            if given.startswith("projects/")
            else f"projects/{session.project_of({})}/serviceAccounts/{given}"
        )
        return ServiceAccountPolicy(name), name, name

    def changes(
        self, session: Session, state: Properties, news: Properties, ignored: tuple[str, ...] = ()
    ) -> list[Change]:
        """Compare, with the owner written as states have it."""
        if isinstance(news.get(self.owner), str):
            news = {**news, self.owner: self._holder(session, news)[2]}
        return super().changes(session, state, news, ignored)

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Add the member, and wait until the policy shows it."""
        planned = request.planned
        role, member, condition = str(planned["role"]), str(planned["member"]), _condition(planned)
        holder, start, owner = self._holder(request.session, planned)
        timeout = self.timeouts.of("create", request.timeout)
        rest = request.session.rest
        await change_policy(
            rest, holder, lambda policy: with_member(policy, role, member, condition), timeout
        )
        policy = await wait_for_policy(
            rest, holder, lambda policy: has_member(policy, role, member, condition), timeout
        )
        resource_id = f"{start}/{role}/{member}" + _condition_suffix(condition)
        return resource_id, self._state(owner, policy, planned)

    def _state(self, owner: str, policy: Body, properties: Properties) -> Properties:
        condition = properties.get("condition")
        project = {"project": owner.split("/")[1]} if self.owner == "secretId" else {}
        return {
            self.owner: owner,
            **project,
            "condition": {
                "description": "",
                **{name: value for name, value in condition.items() if value is not None},
            }
            if condition
            else None,
            "etag": policy.get("etag", ""),
            "member": properties["member"],
            "role": properties["role"],
        }

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Look for the member in the policy; imported by ``owner role member``, as the official provider."""
        properties = state if state.get("role") else self._parse(resource_id)
        holder, _, owner = self._holder(session, properties)
        try:
            policy = await holder.get(session.rest)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        if not has_member(policy, str(properties["role"]), str(properties["member"]), _condition(properties)):
            return None
        return self._state(owner, policy, properties)

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return the id as creation makes it."""
        start = self._holder(session, state)[1]
        return f"{start}/{state['role']}/{state['member']}{_condition_suffix(_condition(state))}"

    def _parse(self, resource_id: str) -> Properties:
        parts = resource_id.split()
        if len(parts) == 3:
            return {self.owner: parts[0], "role": parts[1], "member": parts[2]}
        start, found, rest = resource_id.partition("/roles/")
        role, _, member = rest.partition("/")
        if not (found and member):
            raise ProviderError(
                f"id {resource_id!r} of {self.type}: not in the form '{self.owner.upper()} ROLE MEMBER'; import it by that"
            )
        return {self.owner: start, "role": f"roles/{role}", "member": member}

    async def delete(self, request: Request) -> None:
        """Take the member out; a policy whose owner is gone has no members."""
        prior = request.prior
        role, member, condition = str(prior["role"]), str(prior["member"]), _condition(prior)
        holder, _, _ = self._holder(request.session, prior)
        rest = request.session.rest
        timeout = self.timeouts.of("delete", request.timeout)
        try:
            await change_policy(
                rest,
                holder,
                lambda policy: (
                    without_member(policy, role, member, condition)
                    if has_member(policy, role, member, condition)
                    else None
                ),
                timeout,
            )
            await wait_for_policy(
                rest, holder, lambda policy: not has_member(policy, role, member, condition), timeout
            )
        except ApiError as error:
            if error.status != 404:
                raise


def _condition_suffix(condition: Condition) -> str:
    if not condition:
        return ""
    return f"/{condition['title']}/{condition.get('description', '')}/{condition['expression']}"


def _condition(properties: Properties) -> Condition:
    condition = properties.get("condition")
    if not isinstance(condition, dict):
        return None
    return {
        name: str(condition[name]) for name in ("title", "expression", "description") if condition.get(name)
    }


BUCKET_IAM_MEMBER = IamMember("gcp:storage/bucketIAMMember:BucketIAMMember", "bucket", keeps_meta=True)
PROJECT_IAM_MEMBER = IamMember("gcp:projects/iAMMember:IAMMember", "project", keeps_meta=False)
SECRET_IAM_MEMBER = IamMember(
    "gcp:secretmanager/secretIamMember:SecretIamMember", "secretId", keeps_meta=False
)
SERVICE_ACCOUNT_IAM_MEMBER = IamMember(
    "gcp:serviceaccount/iAMMember:IAMMember", "serviceAccountId", keeps_meta=False
)
