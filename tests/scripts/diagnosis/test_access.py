"""Who may read the script, by the bindings that can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scripts.diagnosis.access import READ, reading
from scripts.diagnosis.google_api import RefusedError

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Access

ACCOUNT = "web-vm@demo.iam.gserviceaccount.com"
US = f"serviceAccount:{ACCOUNT}"
Binding = dict[str, Any]


def judge(bucket: list[Binding] | None, project: list[Binding] | None = None) -> Access:
    """Judge with these bindings; a custom role `reader` reads objects, any other cannot be looked up."""

    def permissions(role: str) -> tuple[str, ...]:
        assert role not in {"roles/viewer", "roles/logging.logWriter", "roles/storage.admin"}, "known already"
        if role.endswith(("/reader", "dataflow.worker")):
            return (READ,)
        raise RefusedError(403, "not yours")

    policies: dict[str, dict[str, Any] | None] = {
        "bucket B": None if bucket is None else {"bindings": bucket},
        "project demo": {"bindings": project or []},
    }
    return reading(ACCOUNT, "demo", policies, permissions)


@pytest.mark.parametrize(
    "role",
    [
        "roles/storage.objectViewer",
        "roles/storage.admin",
        "projects/demo/roles/reader",
        "roles/dataflow.worker",
    ],
)
def test_a_reading_role_on_the_bucket_or_on_the_project_grants(role: str) -> None:
    binding = {"role": role, "members": [US]}
    assert judge([binding]).by == f"{role} on bucket B"
    assert judge([], [binding]).by == f"{role} on project demo"


@pytest.mark.parametrize(
    "role",
    ["roles/storage.objectCreator", "roles/logging.logWriter", "roles/viewer", "projects/demo/roles/unknown"],
)
def test_other_roles_do_not(role: str) -> None:
    assert not judge([], [{"role": role, "members": [US]}]).granted


def test_somebody_elses_binding_does_not() -> None:
    assert not judge([{"role": "roles/storage.objectViewer", "members": ["user:ann@example.com"]}]).granted


def test_the_public_may_include_us() -> None:
    assert judge([{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]).granted


def test_project_viewers_read_through_the_buckets_convenience_binding() -> None:
    convenience = {"role": "roles/storage.legacyObjectReader", "members": ["projectViewer:demo"]}
    assert not judge([convenience]).granted
    assert judge([convenience], [{"role": "roles/viewer", "members": [US]}]).granted


def test_a_condition_is_told_and_not_believed() -> None:
    condition = {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}
    access = judge([{"role": "roles/storage.objectViewer", "members": [US], "condition": condition}])
    assert not access.granted
    assert "request.time" in access.conditional[0]


def test_a_policy_that_cannot_be_read_is_told() -> None:
    assert judge(None).unseen == ("the policy of bucket B",)
    assert judge([], [{"role": "projects/demo/roles/unknown", "members": [US]}]).unseen == (
        "the role projects/demo/roles/unknown",
    )
