"""How a group, its services and their checks find each other: unknown links, literal ones, and none."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.policies.engine import UNKNOWN, Declared, analyze, secret
from tests.policies.stacks import REGION, Stack, check, created, group, service, sound

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
PAIR_RULES = ("HC01", "HC02", "HC03")
GROUP_RULES = (*PAIR_RULES, "HC04")


def outcomes(stack: Stack, resource: str = "mig", *, inputs_seen: bool = True) -> dict[str, Outcome]:
    report = analyze(stack.resources, inputs_seen=inputs_seen)
    return {rule: report.outcome(rule, resource) for rule in GROUP_RULES}


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


@pytest.mark.parametrize("inputs_seen", [True, False])
def test_a_deployed_stack_is_judged_by_its_literal_links(inputs_seen: bool) -> None:
    report = analyze(created(), inputs_seen=inputs_seen)
    assert {rule: report.outcome(rule, "mig") for rule in GROUP_RULES} == dict.fromkeys(GROUP_RULES, PASSED)
    assert report.outcome("LB01", "be") is PASSED
    assert report.outcome("LB02", "be") is PASSED
    assert (
        "admits 130.211.0.0/22 on tcp:8080, required for health check 'ah' of group 'mig'"
        in report.of("NET01")[0].message
    )
    assert report.outcome("AS01", "mig") is VIOLATED, "two instances over three zones"
    told = [finding.message for finding in report.of("PACK04")]
    assert all("MIG02" in message for message in told), (
        "only what is written cannot be told from outputs alone"
    )
    assert bool(told) is not inputs_seen
