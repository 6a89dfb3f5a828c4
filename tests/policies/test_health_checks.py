"""HC01 to HC05 through the pack's gRPC service."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.policies.engine import UNKNOWN, analyze
from tests.policies.stacks import REGION, Stack, check, group, service, sound

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
NOT_APPLICABLE = Outcome.NOT_APPLICABLE
PAIR_RULES = ("HC01", "HC02", "HC03")
GROUP_RULES = (*PAIR_RULES, "HC04")


def outcomes(stack: Stack, resource: str = "mig", *, inputs_seen: bool = True) -> dict[str, Outcome]:
    report = analyze(stack.resources, inputs_seen=inputs_seen)
    return {rule: report.outcome(rule, resource) for rule in GROUP_RULES}


def test_a_sound_stack_passes_on_a_first_preview_with_every_link_unknown() -> None:
    report = analyze(sound().resources)
    assert {rule: report.outcome(rule, "mig") for rule in GROUP_RULES} == dict.fromkeys(GROUP_RULES, PASSED)
    assert report.outcome("HC05", "ah") is PASSED
    assert report.outcome("HC05", "lb") is PASSED
    assert report.violated == set()
    assert report.of("PACK04") == []


def test_two_untouched_checks_are_equal_and_fail() -> None:
    stack = sound().add(check("ah"))
    report = analyze(stack.resources)
    assert report.outcome("HC01", "mig") is PASSED
    assert report.outcome("HC03", "mig") is PASSED
    assert report.violated == {"HC02", "HC04"}
    assert (
        "balancer stops sending after 2 x 5 s = 10 s; autohealing recreates after 2 x 5 s = 10 s; "
        "ratio 1.0, required 2" in report.message("HC02")
    )
    assert "group 'mig' heals by health check 'ah', backend service 'be' balances by health check 'lb'" in (
        report.message("HC02")
    )


def test_defaults_are_applied_where_nothing_was_filled_in() -> None:
    stack = sound()
    for name in ("ah", "lb"):
        stack.but(
            name, checkIntervalSec=None, timeoutSec=None, healthyThreshold=None, unhealthyThreshold=None
        )
    assert "10 s; ratio 1.0" in analyze(stack.resources).message("HC02")


def test_one_check_for_both_fails_the_rule_on_separate_checks() -> None:
    stack = sound()
    stack["be"].sources = {"backends": ["mig"], "healthChecks": ["lb"]}
    stack["mig"].sources = {"autoHealingPolicies": ["lb"]}
    report = analyze(stack.resources)
    assert report.outcome("HC01", "mig") is VIOLATED
    assert "group 'mig' and backend service 'be' share health check 'lb'" in report.message("HC01")
    assert report.outcome("HC02", "mig") is VIOLATED


@pytest.mark.parametrize(
    ("name", "healing", "balancing", "expected"),
    [
        ("Google's tutorial", (10, 5, 2, 3), (5, 5, 2, 2), set()),
        ("Google's lab text", (30, 10, 1, 3), (5, 5, 2, 2), set()),
        ("the provider's example", (5, 5, 2, 10), (5, 5, 2, 2), set()),
        ("gce-atlantis", (5, 5, 1, 10), (1, 1, 2, 5), set()),
        ("two defaults", (5, 5, 2, 2), (5, 5, 2, 2), {"HC02", "HC04"}),
        ("one weak component", (60, 10, 2, 1), (5, 5, 2, 2), {"HC03", "HC04"}),
    ],
)
def test_published_pairs_get_their_verdicts(
    name: str, healing: tuple[int, ...], balancing: tuple[int, ...], expected: set[str]
) -> None:
    keys = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
    stack = sound()
    stack.but("ah", **dict(zip(keys, healing, strict=True)))
    stack.but("lb", **dict(zip(keys, balancing, strict=True)))
    assert analyze(stack.resources).violated & set(GROUP_RULES) == expected, name


@pytest.mark.parametrize(
    ("name", "healing", "delay", "expected"),
    [
        ("Google's tutorial", (10, 5, 2, 3), 300, set()),
        ("Google's lab text", (30, 10, 1, 3), 300, {"HC06", "HC14"}),
        ("the provider's example", (5, 5, 2, 10), 300, set()),
        ("gce-atlantis", (5, 5, 1, 10), 30, {"HC09", "HC14"}),
    ],
)
def test_published_checks_break_no_other_rule_than_the_listed(
    name: str, healing: tuple[int, ...], delay: int, expected: set[str]
) -> None:
    keys = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
    stack = sound().but("ah", **dict(zip(keys, healing, strict=True)))
    stack["mig"].inputs["autoHealingPolicies"]["initialDelaySec"] = delay
    report = analyze(stack.resources, {"HC09": {"bootSeconds": 60}})
    rules = ("HC06", "HC09", "HC11", "HC14")
    found = {rule for rule in rules if report.outcome(rule, "mig") is VIOLATED}
    assert found == expected, name


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("checkIntervalSec", 4, "checkIntervalSec 4, required at least 5"),
        ("timeoutSec", 3, "timeoutSec 3, required at least 4"),
        ("unhealthyThreshold", 1, "unhealthyThreshold 1, required at least 2"),
    ],
)
def test_no_component_may_be_the_balancers_stricter(field: str, value: int, told: str) -> None:
    stack = sound().but("ah", **{field: value})
    assert told in analyze(stack.resources).message("HC03")


def test_the_ratio_is_configurable_and_an_equal_one_is_enough() -> None:
    stack = sound().but("ah", checkIntervalSec=10, timeoutSec=5, unhealthyThreshold=3)
    assert analyze(stack.resources, {"HC02": {"minRatio": 3}}).outcome("HC02", "mig") is PASSED
    report = analyze(stack.resources, {"HC02": {"minRatio": 3.5}})
    assert "ratio 3.0, required 3.5" in report.message("HC02")
    assert "Autohealing must wait at least 35 s: unhealthyThreshold 4 at the interval of 10 s would do" in (
        report.message("HC02")
    )


def test_equal_detection_fails_even_where_a_ratio_of_one_is_allowed() -> None:
    stack = sound().but("ah", checkIntervalSec=5, timeoutSec=5, unhealthyThreshold=2)
    assert analyze(stack.resources, {"HC02": {"minRatio": 1}}).outcome("HC02", "mig") is VIOLATED


@pytest.mark.parametrize(("threshold", "expected"), [(2, VIOLATED), (3, PASSED)])
def test_autohealing_waits_for_three_failures(threshold: int, expected: Outcome) -> None:
    stack = sound().but("ah", unhealthyThreshold=threshold)
    assert analyze(stack.resources).outcome("HC04", "mig") is expected


@pytest.mark.parametrize(("timeout", "expected"), [(5, PASSED), (6, VIOLATED)])
def test_a_timeout_stays_within_its_interval(timeout: int, expected: Outcome) -> None:
    report = analyze(sound().but("lb", timeoutSec=timeout).resources)
    assert report.outcome("HC05", "lb") is expected
    if expected is VIOLATED:
        assert "health check 'lb': timeoutSec 6, required at most checkIntervalSec 5" in report.message(
            "HC05"
        )


# What the rules are not about.


def test_a_group_without_autohealing_is_not_compared() -> None:
    assert outcomes(sound().but("mig", autoHealingPolicies=None)) == dict.fromkeys(
        GROUP_RULES, NOT_APPLICABLE
    )


def test_a_group_behind_no_balancer_is_not_compared_but_still_waits_for_failures() -> None:
    stack = sound().without("be").but("ah", unhealthyThreshold=2)
    assert outcomes(stack) == {**dict.fromkeys(PAIR_RULES, NOT_APPLICABLE), "HC04": VIOLATED}


def test_a_service_without_a_check_is_not_compared() -> None:
    stack = sound().but("be", healthChecks=None)
    stack["be"].sources = {"backends": ["mig"]}
    assert outcomes(stack)["HC01"] is NOT_APPLICABLE


def test_an_empty_stack_is_not_applicable_to_any_rule() -> None:
    report = analyze([])
    assert set(GROUP_RULES) <= report.not_applicable
    assert report.findings == ()


# What cannot be told.


def test_an_unknown_threshold_spoils_only_the_rules_that_need_it() -> None:
    stack = sound().but("ah", checkIntervalSec=UNKNOWN)
    stack.add(check("ah2")).add(group("mig2", "ah2")).add(service("be2", "lb", ["mig2"]))
    report = analyze(stack.resources)
    assert report.outcome("HC01", "mig") is PASSED
    assert report.outcome("HC02", "mig") is UNDETERMINED
    assert report.outcome("HC05", "ah") is UNDETERMINED
    assert report.outcome("HC05", "lb") is PASSED
    assert report.outcome("HC02", "mig2") is VIOLATED, "the next group is still judged"
    told = [finding.message for finding in report.of("PACK04")]
    assert any(
        "HC02" in message and "checkIntervalSec is not known before the deployment" in message
        for message in told
    )


def test_an_unknown_link_made_from_nothing_in_the_stack_is_undetermined() -> None:
    stack = sound()
    stack["mig"].sources = {}
    assert outcomes(stack) == dict.fromkeys(GROUP_RULES, UNDETERMINED)


def test_a_link_made_from_two_checks_is_undetermined() -> None:
    stack = sound()
    stack["mig"].sources = {"autoHealingPolicies": ["ah", "lb"]}
    report = analyze(stack.resources)
    assert report.outcome("HC01", "mig") is UNDETERMINED
    assert any("health check 'ah' or health check 'lb'" in finding.message for finding in report.of("PACK04"))


def test_a_check_outside_the_stack_is_separate_but_its_thresholds_are_undetermined() -> None:
    stack = sound().without("ah")
    stack.add(group("mig", "", link="projects/p/global/healthChecks/elsewhere"))
    assert outcomes(stack) == {
        "HC01": PASSED,
        "HC02": UNDETERMINED,
        "HC03": UNDETERMINED,
        "HC04": UNDETERMINED,
    }


def test_one_check_outside_the_stack_given_to_both_is_a_violation() -> None:
    stack = Stack()
    link = f"projects/p/regions/{REGION}/healthChecks/shared"
    stack.add(group("mig", "", link=f"https://www.googleapis.com/compute/v1/{link}"))
    stack.add(service("be", "", ["mig"], link=link))
    assert outcomes(stack)["HC01"] is VIOLATED


def test_a_check_given_by_number_cannot_be_told_from_one_given_by_name() -> None:
    stack = sound().add(group("mig", "", link="projects/p/global/healthChecks/123456"))
    stack.add(service("be", "", ["mig"], link=f"projects/p/regions/{REGION}/healthChecks/lb"))
    assert outcomes(stack)["HC01"] is UNDETERMINED


def test_a_backend_that_may_be_any_group_is_undetermined() -> None:
    stack = sound()
    stack["be"].sources = {"healthChecks": ["lb"]}
    assert outcomes(stack) == {**dict.fromkeys(PAIR_RULES, UNDETERMINED), "HC04": PASSED}


def test_undetermined_fails_where_the_configuration_says_so() -> None:
    stack = sound().but("ah", checkIntervalSec=UNKNOWN)
    assert analyze(stack.resources).violated == set()
    assert analyze(stack.resources, {"PACK04": "mandatory"}).violated == {"PACK04"}
