"""HC01 to HC05 through the pack's gRPC service."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.policies.engine import UNKNOWN, Declared, analyze, secret
from tests.policies.stacks import REGION, Stack, check, group, service, sound

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
NOT_APPLICABLE, EXEMPT = Outcome.NOT_APPLICABLE, Outcome.EXEMPT
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


# How resources are linked.


def literal(stack: Stack) -> Stack:
    """The same stack once it exists: ids known, links literal, and nothing said about what came from where."""
    stack["ah"].computed = {"id": "projects/p/global/healthChecks/web-ah"}
    stack["lb"].computed = {"id": f"projects/p/regions/{REGION}/healthChecks/web-lb"}
    stack["mig"].computed = {"id": f"projects/p/regions/{REGION}/instanceGroupManagers/web-mig"}
    stack["mig"].inputs["autoHealingPolicies"]["healthCheck"] = "projects/p/global/healthChecks/web-ah"
    stack["be"].inputs["healthChecks"] = (
        f"https://www.googleapis.com/compute/v1/projects/p/regions/{REGION}/healthChecks/web-lb"
    )
    stack["be"].inputs["backends"][0]["group"] = (
        f"https://www.googleapis.com/compute/v1/projects/p/regions/{REGION}/instanceGroups/web-mig"
    )
    stack["mig"].sources = stack["be"].sources = {}
    return stack


def test_literal_links_are_followed() -> None:
    assert outcomes(literal(sound())) == dict.fromkeys(GROUP_RULES, PASSED)
    assert outcomes(literal(sound().add(check("ah"))))["HC02"] is VIOLATED


def test_literal_links_are_followed_on_a_saved_state_without_inputs() -> None:
    assert outcomes(literal(sound().add(check("ah"))), inputs_seen=False)["HC02"] is VIOLATED


def test_a_literal_link_is_followed_to_a_check_that_does_not_exist_yet_by_its_name() -> None:
    stack = sound().add(check("ah")).add(group("mig", "", link="projects/p/global/healthChecks/web-ah"))
    assert outcomes(stack)["HC02"] is VIOLATED


def test_a_check_of_the_same_name_elsewhere_is_not_taken_for_it() -> None:
    stack = sound().add(group("mig", "", link="projects/p/regions/us-east1/healthChecks/web-ah"))
    assert outcomes(stack)["HC02"] is UNDETERMINED


@pytest.mark.parametrize("regional_healing", [True, False])
@pytest.mark.parametrize("zonal", [True, False])
def test_regional_checks_heal_and_zonal_groups_are_healed(regional_healing: bool, zonal: bool) -> None:
    stack = sound().add(check("ah", regional=regional_healing))
    if zonal:
        stack["mig"].type = "gcp:compute/instanceGroupManager:InstanceGroupManager"
    assert outcomes(stack)["HC02"] is VIOLATED


def test_every_group_is_compared_with_every_service_it_stands_behind() -> None:
    stack = sound()
    stack.add(check("slow-lb", regional=True, checkIntervalSec=60, timeoutSec=15))
    stack.add(group("mig2", "ah"))
    stack.add(service("be2", "slow-lb", ["mig", "mig2"]))
    report = analyze(stack.resources)
    assert [finding.resource for finding in report.of("HC02")] == ["mig", "mig2"]
    assert all("backend service 'be2'" in finding.message for finding in report.of("HC02"))


def test_a_failover_backend_is_compared_too() -> None:
    stack = sound().add(check("ah2")).add(group("spare", "ah2")).add(service("be", "lb", ["mig", "spare"]))
    stack["be"].inputs["backends"][1]["failover"] = True
    assert outcomes(stack, "spare")["HC02"] is VIOLATED
    assert outcomes(stack, "mig")["HC02"] is PASSED


def test_a_nested_unknown_that_swallowed_the_whole_block_is_read_from_the_inputs() -> None:
    stack = sound().add(check("ah"))
    stack["mig"].computed = {"autoHealingPolicies": UNKNOWN}
    stack["be"].computed = {"backends": UNKNOWN}
    assert outcomes(stack)["HC02"] is VIOLATED
    assert outcomes(stack, inputs_seen=False)["HC02"] is VIOLATED, "the dependencies alone are enough"


def test_thresholds_that_are_secret_are_compared_all_the_same() -> None:
    stack = sound().but("ah", checkIntervalSec=secret(5), unhealthyThreshold=secret(2), timeoutSec=secret(5))
    assert outcomes(stack)["HC02"] is VIOLATED


def test_a_secret_that_is_unknown_is_undetermined() -> None:
    assert outcomes(sound().but("ah", checkIntervalSec=secret(UNKNOWN)))["HC02"] is UNDETERMINED


def test_a_value_of_the_wrong_type_is_undetermined_not_passed() -> None:
    report = analyze(sound().but("ah", checkIntervalSec="soon").resources)
    assert report.outcome("HC02", "mig") is UNDETERMINED


def test_rules_skip_what_is_not_theirs() -> None:
    stack = sound().add(Declared("random:index/randomPet:RandomPet", "pet", {"length": 2}))
    assert analyze(stack.resources).violated == set()


# Exemptions.

EXEMPTION = {
    "resource": "mig",
    "reason": "the service is very simple",
    "owner": "ops@example.com",
    "expires": "2026-12-31",
}


def test_an_exemption_is_printed_with_its_reason_and_stops_nothing() -> None:
    stack = sound().add(check("ah"))
    config = {
        "HC02": {"exemptions": [EXEMPTION]},
        "HC04": {"exemptions": [{**EXEMPTION, "resource": "*::mi?"}]},
    }
    report = analyze(stack.resources, config)
    assert report.outcome("HC02", "mig") is EXEMPT
    assert report.violated == set()
    told = [finding.message for finding in report.of("PACK03")]
    assert len(told) == 2
    assert "EXEMPT HC02" in told[0]
    assert "ratio 1.0" in told[0]
    assert "exempt until 2026-12-31 by ops@example.com: the service is very simple" in told[0]


def test_an_expired_exemption_is_a_violation_again() -> None:
    stack = sound().add(check("ah"))
    config = {"HC02": {"exemptions": [{**EXEMPTION, "expires": "2026-06-30"}]}}
    report = analyze(stack.resources, config)
    assert report.outcome("HC02", "mig") is VIOLATED
    assert "that day is over" in report.message("HC02")


def test_an_exemption_holds_on_its_last_day() -> None:
    config = {"HC02": {"exemptions": [{**EXEMPTION, "expires": "2026-07-01"}]}}
    assert analyze(sound().add(check("ah")).resources, config).outcome("HC02", "mig") is EXEMPT


def test_an_undetermined_outcome_can_be_exempt() -> None:
    stack = sound().but("lb", checkIntervalSec=UNKNOWN)
    config = {"HC05": {"exemptions": [{**EXEMPTION, "resource": "lb"}]}}
    assert analyze(stack.resources, config).outcome("HC05", "lb") is EXEMPT


def test_an_exemption_that_covers_nothing_is_an_error() -> None:
    config = {
        "HC02": {"exemptions": [EXEMPTION]},
        "HC05": {"exemptions": [{**EXEMPTION, "resource": "nobody"}]},
    }
    report = analyze(sound().resources, config)
    assert report.violated == {"PACK02"}
    assert len(report.of("PACK02")) == 2


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({key: value for key, value in EXEMPTION.items() if key != "owner"}, "owner is None"),
        ({**EXEMPTION, "until": "2027"}, "unknown field 'until'"),
        ({**EXEMPTION, "expires": "soon"}, "expires is 'soon', not a day"),
        ("mig", "'mig' is not an object"),
    ],
)
def test_a_faulty_exemption_is_an_error_and_exempts_nothing(entry: object, told: str) -> None:
    report = analyze(sound().add(check("ah")).resources, {"HC02": {"exemptions": [entry]}})
    assert report.violated == {"HC02", "HC04", "PACK01"}
    assert told in report.message("PACK01")


def test_a_misspelt_parameter_is_an_error() -> None:
    report = analyze(sound().resources, {"HC02": {"minRatoi": 3}})
    assert report.violated == {"PACK01"}
    assert "HC02: unknown key 'minRatoi'" in report.message("PACK01")
