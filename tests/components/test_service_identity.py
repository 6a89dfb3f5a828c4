"""The service account and its bindings."""

from __future__ import annotations

import pytest

from components.iam_bindings import Binding, Condition, IamBindings, MembersBinding
from components.invalid_argument import InvalidArgumentError
from components.service_identity import (
    ExistingServiceAccount,
    NewServiceAccount,
    ServiceIdentity,
    ServiceIdentityArgs,
)
from tests.components.parts import (
    VIEWER,
)
from tests.components.recording import Recording, record
from tests.golden.inventory import assert_inventory


def identity(
    bindings: IamBindings, account: NewServiceAccount | ExistingServiceAccount | None = None
) -> Recording:
    args = ServiceIdentityArgs(
        project="p",
        account=account or NewServiceAccount(),
        bindings=bindings,
        bucket="scripts" if bindings.bucket else None,
    )
    return record(lambda: ServiceIdentity("web", args))


def test_bindings_are_single_members_keyed_by_role() -> None:
    condition = Condition(title="scripts", expression="resource.name.startsWith('x')")
    made = identity(
        IamBindings(
            project={"roles/logging.logWriter": Binding()},
            bucket={VIEWER: Binding(condition=condition)},
            service_account={
                "roles/iam.serviceAccountUser": MembersBinding(members=("group:b@x.org", "group:a@x.org"))
            },
        )
    )
    assert_inventory("identity-bindings", made.inventory())
    assert {resource.type.split(":")[1] for resource in made.resources if resource.custom} == {
        "serviceaccount/account",
        "serviceaccount/iAMMember",
        "storage/bucketIAMMember",
        "projects/iAMMember",
    }, "nothing authoritative"


def test_an_existing_service_account_gets_the_bindings_and_is_not_made() -> None:
    made = identity(
        IamBindings(project={"roles/logging.logWriter": Binding()}),
        ExistingServiceAccount(email="theirs@p.iam.gserviceaccount.com"),
    )
    assert made.of("Account") == []
    assert made.one("IAMMember").inputs["member"] == "serviceAccount:theirs@p.iam.gserviceaccount.com"


def test_bucket_bindings_without_a_bucket_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="in no bucket that this stack knows"):
        ServiceIdentityArgs(
            project="p", account=NewServiceAccount(), bindings=IamBindings(bucket={VIEWER: Binding()})
        )


@pytest.mark.parametrize(
    ("name", "words"), [("w", "6 to 30 characters"), ("w" * 28, "at most 30 characters")]
)
def test_an_account_id_that_google_does_not_take_is_refused(name: str, words: str) -> None:
    args = ServiceIdentityArgs(project="p", account=NewServiceAccount(), bindings=IamBindings())
    with pytest.raises(InvalidArgumentError, match=words):
        record(lambda: ServiceIdentity(name, args))
