"""The edges of the rules on the group and its autoscaler: the last value that passes, the first that does not."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.policies.cases.case import broken, outcome, policy, scale, unlink
from tests.policies.engine import analyze
from tests.policies.stacks import (
    REGION,
    autoscaler,
    sound,
)

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
NOT_APPLICABLE = Outcome.NOT_APPLICABLE

ONE_ZONE, TWO_ZONES = [f"{REGION}-b"], [f"{REGION}-b", f"{REGION}-c"]


@pytest.mark.parametrize(
    ("zones", "words"), [(ONE_ZONE, "1 zone (europe-west1-b),"), (TWO_ZONES, "2 zones (europe-west1-b, ")]
)
def test_zones_are_counted_in_words(zones: list[str], words: str) -> None:
    stack = sound().but("mig", distributionPolicyZones=zones)
    assert words in analyze(stack.resources, {"MIG01": {"minZones": 3}}).message("MIG01")
    assert analyze(stack.resources, {"MIG01": {"minZones": len(zones)}}).outcome("MIG01", "mig") is PASSED


def test_a_zone_is_allowed_by_its_name_however_it_is_linked() -> None:
    url = "https://www.googleapis.com/compute/v1/projects/p/zones/"
    stack = sound().but("mig", distributionPolicyZones=[url + zone for zone in TWO_ZONES])
    allowed = {"MIG01": {"allowedZones": TWO_ZONES}}
    assert analyze(stack.resources, allowed).outcome("MIG01", "mig") is PASSED


def test_the_first_autoscaler_of_a_group_is_named_and_read() -> None:
    stack = sound().but("mig", targetSize=3).add(autoscaler("as2", "mig", minReplicas=1))
    assert "beside autoscaler 'as'" in analyze(stack.resources).message("MIG02")
    assert outcome(stack, "AS01", "mig") is PASSED
    second = broken(scale(minReplicas=1)).add(autoscaler("as2", "mig"))
    assert "autoscaler 'as': minReplicas 1" in analyze(second.resources).message("AS01")


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ({"maxUnavailableFixed": None, "maxUnavailablePercent": 0}, PASSED),
        ({"maxUnavailableFixed": None, "maxUnavailablePercent": 1}, VIOLATED),
        ({"maxUnavailableFixed": 0, "maxUnavailablePercent": 20}, PASSED),
        ({"maxSurgeFixed": None, "maxSurgePercent": 20}, PASSED),
        ({"maxSurgeFixed": None, "maxSurgePercent": 1}, PASSED),
        ({"maxSurgeFixed": None}, VIOLATED),
        ({"maxSurgeFixed": 1}, PASSED),
        ({"minReadySec": 1}, PASSED),
        ({"minReadySec": None}, VIOLATED),
    ],
)
def test_an_update_adds_before_it_takes(updates: dict[str, object], expected: Outcome) -> None:
    assert outcome(broken(policy(**updates)), "MIG03", "mig") is expected


def test_what_an_update_lacks_is_told_as_the_number_it_is() -> None:
    assert "minReadySec 0, required at least 1;" in analyze(
        broken(policy(minReadySec=None)).resources
    ).message("MIG03")


@pytest.mark.parametrize(
    ("shape", "redistribution", "expected"),
    [
        ("EVEN", "PROACTIVE", PASSED),
        ("EVEN", "NONE", VIOLATED),
        ("EVEN", "ZEALOUS", VIOLATED),
        ("BALANCED", "NONE", PASSED),
        ("BALANCED", "PROACTIVE", PASSED),
        ("ANY_SINGLE_ZONE", "NONE", VIOLATED),
    ],
)
def test_an_even_group_redistributes(shape: str, redistribution: str, expected: Outcome) -> None:
    stack = broken(policy(instanceRedistributionType=redistribution))
    assert outcome(stack.but("mig", distributionPolicyTargetShape=shape), "MIG04", "mig") is expected


@pytest.mark.parametrize(
    ("name", "prefix", "expected"),
    [
        ("web", None, VIOLATED),
        ("web", "web-", PASSED),
        (None, None, PASSED),
        ("tpl-0123abc", None, PASSED),
        ("tpl-0123abcd", None, PASSED),
        ("tpl-0123abcde", None, VIOLATED),
        ("web-0123abc", None, VIOLATED),
    ],
)
def test_a_name_that_rotates_is_none_a_prefix_or_the_engines(
    name: str | None, prefix: str | None, expected: Outcome
) -> None:
    assert outcome(sound().but("tpl", name=name, namePrefix=prefix), "MIG05", "tpl") is expected


@pytest.mark.parametrize(
    ("zones", "limits", "expected"),
    [
        (None, (3, 10), PASSED),
        (None, (2, 10), VIOLATED),
        (None, (4, 10), PASSED),
        (None, (4, 6), PASSED),
        (None, (4, 5), VIOLATED),
        (ONE_ZONE, (2, 3), PASSED),
        (ONE_ZONE, (1, 3), VIOLATED),
        (TWO_ZONES, (2, 3), PASSED),
        (TWO_ZONES, (2, 2), VIOLATED),
    ],
)
def test_an_autoscaler_has_an_instance_for_each_zone_and_half_as_many_to_grow_by(
    zones: list[str] | None, limits: tuple[int, int], expected: Outcome
) -> None:
    stack = broken(scale(minReplicas=limits[0], maxReplicas=limits[1])).but(
        "mig", distributionPolicyZones=zones
    )
    assert outcome(stack, "AS01", "mig") is expected


@pytest.mark.parametrize(
    ("zones", "words"), [(ONE_ZONE, "spans 1 zone)"), (TWO_ZONES, "spans 2 zones)"), (None, "spans 3 zones)")]
)
def test_limits_that_are_not_written_are_nought(zones: list[str] | None, words: str) -> None:
    stack = sound().but("mig", distributionPolicyZones=zones)
    del stack["as"].inputs["autoscalingPolicy"]["minReplicas"]
    message = analyze(stack.resources).message("AS01")
    assert "minReplicas 0, required at least" in message
    assert words in message
    stack = sound()
    del stack["as"].inputs["autoscalingPolicy"]["maxReplicas"]
    assert "maxReplicas 0, required at least 1.5 x 3 = 5" in analyze(stack.resources).message("AS01")


def test_the_room_that_is_required_is_worked_out() -> None:
    message = analyze(broken(scale(minReplicas=8, maxReplicas=11)).resources).message("AS01")
    assert "maxReplicas 11, required at least 1.5 x 8 = 12" in message


def test_a_zonal_group_is_in_one_zone() -> None:
    stack = broken(scale(minReplicas=1, maxReplicas=2))
    stack["mig"].type = "gcp:compute/instanceGroupManager:InstanceGroupManager"
    one = {"AS01": {"minReplicas": 1}}
    assert analyze(stack.resources, one).told("AS01") == ["autoscaler 'as': 1 to 2 instances over 1 zones"]
    scale(minReplicas=0)(stack)
    assert "required at least 1 (group 'mig' spans 1 zone)" in analyze(stack.resources, one).message("AS01")


def test_a_size_to_begin_with_is_told_with_the_first_autoscaler() -> None:
    stack = sound().but("mig", targetSize=3).add(autoscaler("as2", "mig"))
    stack["mig"].ignore_changes = ["targetSize"]
    (message,) = analyze(stack.resources).told("MIG02")
    assert message == "group 'mig': begins with 3; from then on its size is autoscaler 'as''s business alone"


def test_a_size_that_is_not_written_is_the_first_autoscalers_business() -> None:
    stack = sound().add(autoscaler("as2", "mig"))
    assert analyze(stack.resources).told("MIG02") == [
        "group 'mig': its size is autoscaler 'as''s business alone"
    ]


def test_the_first_autoscaler_whose_group_is_not_known_gives_the_reason() -> None:
    stack = broken(unlink("as", "target")).add(autoscaler("as2", "mig"))
    unlink("as2", "target")(stack)
    (message,) = analyze(stack.resources).told("MIG02")
    assert "'as'" in message


def test_a_zonal_group_needs_the_configured_instances_only() -> None:
    stack = broken(scale(minReplicas=2))
    stack["mig"].type = "gcp:compute/instanceGroupManager:InstanceGroupManager"
    assert outcome(stack, "AS01", "mig") is PASSED


def test_a_balancers_signal_whose_balancer_is_not_known_is_undetermined() -> None:
    by_load = scale(loadBalancingUtilization={"target": 0.8})
    assert outcome(broken(by_load, unlink("be", "backends")), "AS02", "as") is UNDETERMINED
    elsewhere = broken(by_load, unlink("as", "target")).but(
        "as", target=f"projects/p/regions/{REGION}/instanceGroupManagers/x"
    )
    assert outcome(elsewhere, "AS02", "as") is UNDETERMINED


@pytest.mark.parametrize("mode", ["OFF", "ONLY_SCALE_OUT", "ONLY_UP"])
def test_an_autoscaler_that_does_not_scale_both_ways_is_off(mode: str) -> None:
    assert f"mode {mode}, required ON" in analyze(broken(scale(mode=mode)).resources).message("AS03")


@pytest.mark.parametrize(("boot", "expected"), [(59, PASSED), (60, PASSED), (61, VIOLATED)])
@pytest.mark.parametrize("written", [True, False])
def test_the_cooldown_covers_the_boot(boot: int, expected: Outcome, *, written: bool) -> None:
    stack = sound()
    if not written:
        del stack["as"].inputs["autoscalingPolicy"]["cooldownPeriod"]
    assert analyze(stack.resources, {"AS03": {"bootSeconds": boot}}).outcome("AS03", "as") is expected
