"""Whose IAM policies there are: where each kind is read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.provider.values import Value

if TYPE_CHECKING:
    from localcloud.provider.rest import RestClient

Body = dict[str, Value]
_OPTIONS = {"options": {"requestedPolicyVersion": 3}}


@dataclass(frozen=True)
class ProjectPolicy:
    """A project's policy, at Resource Manager."""

    project: str

    @property
    def key(self) -> str:
        """Return the project."""
        return f"projects/{self.project}"

    async def get(self, rest: RestClient) -> Body:
        """Return the policy."""
        return await rest.request(
            "POST", rest.endpoints.resource_manager_url(f"{self.key}:getIamPolicy"), _OPTIONS
        )

    async def set(self, rest: RestClient, policy: Body) -> None:
        """Replace the policy."""
        body = {"policy": policy, "updateMask": "bindings,etag,auditConfigs"}
        await rest.request("POST", rest.endpoints.resource_manager_url(f"{self.key}:setIamPolicy"), body)


@dataclass(frozen=True)
class BucketPolicy:
    """A bucket's policy, at Cloud Storage."""

    bucket: str

    @property
    def key(self) -> str:
        """Return the bucket."""
        return f"b/{self.bucket}"

    async def get(self, rest: RestClient) -> Body:
        """Return the policy."""
        return await rest.request(
            "GET", rest.endpoints.storage_url(f"b/{self.bucket}/iam", "&optionsRequestedPolicyVersion=3")
        )

    async def set(self, rest: RestClient, policy: Body) -> None:
        """Replace the policy."""
        await rest.request("PUT", rest.endpoints.storage_url(f"b/{self.bucket}/iam", ""), policy)


@dataclass(frozen=True)
class ServiceAccountPolicy:
    """A service account's policy (who may act as it), at IAM."""

    name: str

    @property
    def key(self) -> str:
        """Return the account's full name."""
        return self.name

    async def get(self, rest: RestClient) -> Body:
        """Return the policy."""
        return await rest.request(
            "POST", rest.endpoints.iam_url(f"{self.name}:getIamPolicy", "&options.requestedPolicyVersion=3")
        )

    async def set(self, rest: RestClient, policy: Body) -> None:
        """Replace the policy."""
        await rest.request("POST", rest.endpoints.iam_url(f"{self.name}:setIamPolicy"), {"policy": policy})


@dataclass(frozen=True)
class SecretPolicy:
    """A secret's policy, at Secret Manager."""

    name: str

    @property
    def key(self) -> str:
        """Return the secret's full name."""
        return self.name

    async def get(self, rest: RestClient) -> Body:
        """Return the policy."""
        url = rest.endpoints.secret_manager_url(
            f"{self.name}:getIamPolicy", "&options.requestedPolicyVersion=3"
        )
        return await rest.request("GET", url)

    async def set(self, rest: RestClient, policy: Body) -> None:
        """Replace the policy."""
        url = rest.endpoints.secret_manager_url(f"{self.name}:setIamPolicy")
        await rest.request("POST", url, {"policy": policy})
