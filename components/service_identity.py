"""Who the instances are: a service account, and the bindings it needs and no more.

Bindings are single members, added to what others have bound; nothing here ever replaces a policy. They are made outside any
`apply`, so that the first preview shows every one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.iam_bindings import IamBindings, condition_arguments, role_suffix
from components.invalid_argument import InvalidArgumentError
from components.resource_name import require_resource_name

_EMAIL = re.compile(r"[a-z0-9.-]+@[a-z0-9.-]+")


@dataclass(frozen=True, kw_only=True)
class NewServiceAccount:
    """A service account of this stack's own.

    Attributes:
        account_id: 6 to 30 characters; the service's name and "-vm" unless said.
        display_name: for people.
    """

    account_id: str | None = None
    display_name: str | None = None

    def id_for(self, service: str) -> str:
        """Return the account's id.

        Raises:
            InvalidArgumentError: Google would refuse it.
        """
        account_id = self.account_id or f"{service}-vm"
        require_resource_name("account_id", account_id, limit=30)
        if len(account_id) < 6:
            raise InvalidArgumentError(
                "account_id", account_id, "Google takes 6 to 30 characters", "set mig-nlb:identity account_id"
            )
        return account_id


@dataclass(frozen=True, kw_only=True)
class ExistingServiceAccount:
    """A service account that somebody else keeps; bindings are still added to it.

    Attributes:
        email: its e-mail address.
    """

    email: pulumi.Input[str]

    def __post_init__(self) -> None:
        """Refuse what is no e-mail address, and the project's default identity."""
        if not isinstance(self.email, str):
            return  # of a resource that is not there yet
        if not _EMAIL.fullmatch(self.email):
            raise InvalidArgumentError(
                "email",
                self.email,
                "not a service account's e-mail address",
                "write NAME@PROJECT.iam.gserviceaccount.com",
            )
        if self.email.endswith("-compute@developer.gserviceaccount.com"):
            raise InvalidArgumentError(
                "email", self.email, "the default service account is shared by everything in the project, often with the editor role",
                "make an account for this service (leave email out)",
            )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ServiceIdentityArgs:
    """What the identity is made from.

    Attributes:
        project: where the account and the project bindings are.
        account: a new account, or an existing one.
        bindings: roles by what they are on.
        bucket: the start-up script's bucket; needed when there are bucket bindings.
    """

    project: str
    account: NewServiceAccount | ExistingServiceAccount
    bindings: IamBindings
    bucket: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Refuse bucket bindings without a bucket."""
        if self.bindings.bucket and self.bucket is None:
            raise InvalidArgumentError(
                "iam.bucket", ", ".join(self.bindings.bucket), "the start-up script is in no bucket that this stack knows",
                "remove the bindings, or give the script as a file or the bucket's name",
            )  # fmt: skip


class ServiceIdentity(pulumi.ComponentResource):
    """A service account with its bindings.

    Attributes:
        email: e-mail address, as instances and firewall rules take it.
        member: the same as a member of an IAM policy ("serviceAccount:...").
        bindings: the binding resources, for instances to wait for.
    """

    email: pulumi.Output[str]
    member: pulumi.Output[str]
    bindings: tuple[pulumi.Resource, ...]

    def __init__(
        self, name: str, args: ServiceIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        account_id = args.account.id_for(name) if isinstance(args.account, NewServiceAccount) else None
        super().__init__("mig-nlb:compute:ServiceIdentity", name, None, opts)
        parent = pulumi.ResourceOptions(parent=self)
        if isinstance(args.account, ExistingServiceAccount):
            self.email = pulumi.Output.from_input(args.account.email)
            self.member = pulumi.Output.concat("serviceAccount:", args.account.email)
            account_name = pulumi.Output.concat(
                f"projects/{args.project}/serviceAccounts/", args.account.email
            )
        else:
            account = gcp.serviceaccount.Account(
                f"{name}-account",
                account_id=account_id,
                display_name=args.account.display_name or f"Instances of {name}",
                project=args.project,
                opts=parent,
            )
            self.email, self.member, account_name = account.email, account.member, account.name
        if args.bucket is not None and not args.bindings.may_read_bucket:
            pulumi.log.warn(
                "no binding of this stack lets the instances read the start-up script's bucket: unless another does, they get 403 "
                "for it. Fix: bind roles/storage.objectViewer in mig-nlb:iam bucket.",
                self,
            )
        self.bindings = (
            *self._bind_project(name, args),
            *self._bind_bucket(name, args),
            *self._bind_service_account(name, args, account_name),
        )
        self.register_outputs({"email": self.email, "member": self.member})

    def _bind_project(self, name: str, args: ServiceIdentityArgs) -> list[pulumi.Resource]:
        return [
            gcp.projects.IAMMember(
                f"{name}-project-{role_suffix(role)}",
                project=args.project,
                role=role,
                member=self.member,
                **condition_arguments(binding.condition),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for role, binding in sorted(args.bindings.project.items())
        ]

    def _bind_bucket(self, name: str, args: ServiceIdentityArgs) -> list[pulumi.Resource]:
        if args.bucket is None:
            return []
        return [
            gcp.storage.BucketIAMMember(
                f"{name}-bucket-{role_suffix(role)}",
                bucket=args.bucket,
                role=role,
                member=self.member,
                **condition_arguments(binding.condition),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for role, binding in sorted(args.bindings.bucket.items())
        ]

    def _bind_service_account(
        self, name: str, args: ServiceIdentityArgs, account_name: pulumi.Output[str]
    ) -> list[pulumi.Resource]:
        return [
            gcp.serviceaccount.IAMMember(
                f"{name}-account-{role_suffix(role)}-{member}",
                service_account_id=account_name,
                role=role,
                member=member,
                **condition_arguments(binding.condition),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for role, binding in sorted(args.bindings.service_account.items())
            for member in sorted(binding.members)
        ]
