"""The comment on a pull request, from event streams that the engine really wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolchain import pr_comment
from toolchain.pr_comment import Preview, capacity, comment, read_events, section, timeline

RECORDED = Path(__file__).with_name("recorded")
GROUP = "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager"
AUTOSCALER = "gcp:compute/regionAutoscaler:RegionAutoscaler"


def recorded(name: str) -> Preview:
    return read_events((RECORDED / f"{name}.jsonl").read_text().splitlines())


def group(update: dict[str, Any], autoscaled: dict[str, Any] | None, **inputs: object) -> Preview:
    preview = Preview(result="succeeded")
    preview.steps["u::web-group"], preview.types["u::web-group"] = "create", GROUP
    preview.inputs["u::web-group"] = {"updatePolicy": update, **inputs}
    if autoscaled is not None:
        preview.steps["u::a"], preview.types["u::a"] = "create", AUTOSCALER
        preview.inputs["u::a"] = {"autoscalingPolicy": autoscaled}
    return preview


def test_a_new_stack_is_told_with_its_checks_and_its_capacity() -> None:
    text = section(
        "prod", recorded("create"), "### Policy pack mig-nlb: the gate is open\n", "an empty cloud"
    )
    assert text.startswith("## Stack `prod` (against an empty cloud)\n\n26 to create.\n")
    assert (
        "**Health checks**: balancer stops sending after 8-13 s; group recreates after 135-165 s; margin 15x, required 3x"
        in text
    )
    assert "`web-group` 6 to 30 instances, at most 33 during an update (surge 3)" in text
    assert "Recreated" not in text
    assert text.endswith("### Policy pack mig-nlb: the gate is open\n")


def test_what_is_recreated_is_listed_with_what_requires_it() -> None:
    text = section("prod", recorded("replace"), "", "main")
    assert "\n1 to update, 2 to recreate; 23 stay as they are.\n" in text
    table = [line for line in text.splitlines() if line.startswith("| `")]
    assert table == [
        "| `web-subnetwork` | Subnetwork | `ipCidrRange` |",
        "| `web-template` | InstanceTemplate | `machineType`, `networkInterfaces` |",
    ]
    # A resource that stays still counts: the group has its capacity whether or not something of it changes.
    assert "at most 33 during an update" in text


def test_deletions_are_named() -> None:
    preview = Preview(steps={"u::old-rule": "delete"}, types={"u::old-rule": "t"}, result="succeeded")
    assert "**Deleted**: `old-rule`" in section("dev", preview, "")


@pytest.mark.parametrize(
    ("result", "told"), [("failed", "**The preview failed.**"), ("", "**The preview did not end.**")]
)
def test_a_preview_that_did_not_succeed_is_not_taken_for_one_without_changes(result: str, told: str) -> None:
    assert told in section("dev", Preview(result=result), "")


def test_an_empty_log_and_a_cut_line_are_no_error() -> None:
    assert read_events([]).result == ""
    assert read_events(['{"resourcePreEv', "", '{"summaryEvent": {"result": "failed"}}']).result == "failed"


def test_no_changes_are_said_so() -> None:
    preview = Preview(steps={"u::a": "same"}, types={"u::a": "t"}, result="succeeded")
    assert "\nNo changes; 1 stay as they are.\n" in section("dev", preview, "")


@pytest.mark.parametrize(
    ("update", "autoscaled", "inputs", "told"),
    [
        (
            {"maxSurgeFixed": 3},
            {"minReplicas": 3, "maxReplicas": 10},
            {},
            "3 to 10 instances, at most 13 during an update (surge 3)",
        ),
        (
            {"maxSurgePercent": 25},
            {"minReplicas": 3, "maxReplicas": 10},
            {},
            "at most 13 during an update (surge 25 %)",
        ),
        ({"maxSurgeFixed": 0}, None, {"targetSize": 4}, "4 instances, at most 4 during an update (surge 0)"),
        ({}, None, {"targetSize": 4}, "4 instances, and what the group's default surge adds"),
        ({}, None, {}, "has a size that is not known"),
    ],
)
def test_the_capacity_is_the_most_instances_with_the_surge(
    update: dict[str, Any], autoscaled: dict[str, Any] | None, inputs: dict[str, Any], told: str
) -> None:
    assert told in capacity(group(update, autoscaled, **inputs))


def test_checks_that_are_no_output_or_unknown_are_not_made_up() -> None:
    assert timeline(None) == ""
    assert timeline({"balancer": {}}) == "not known from this preview"


def test_the_comment_can_be_found_again_and_is_cut_with_a_note() -> None:
    short = comment(["## Stack `dev`\n"])
    assert short.startswith(pr_comment.MARKER + "\n")
    assert "cut here" not in short
    long = comment(["| a row of a table |\n" * 10_000])
    assert len(long) <= pr_comment.MOST_CHARACTERS
    assert long.startswith(pr_comment.MARKER)
    assert long.endswith("| a row of a table |\n\n(cut here; the whole is in the run's artifacts)\n")
