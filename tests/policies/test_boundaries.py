"""The edges of the rules on health checks: the last value that passes, the first that does not, and what is advised then."""

from __future__ import annotations

from copy import deepcopy

import pytest
from mig_policies.catalogue import RULES
from mig_policies.rules.check_pairs import mend, shown
from mig_policies.timing import Timing, is_slower
from mig_policies.verdict import Outcome

from tests.policies.engine import UNKNOWN, analyze
from tests.policies.stacks import REGION, check, firewall, forwarding_rule, group, service, sound

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
SHARED = f"projects/p/regions/{REGION}/healthChecks/shared"

# Every number that the pack's configuration can set: its least and greatest value. A wider one would let a stack be configured lax.
BOUNDS = {
    ("AS01", "minHeadroom"): (1, None),
    ("AS01", "minReplicas"): (1, None),
    ("AS03", "bootSeconds"): (0, None),
    ("HC02", "minRatio"): (1, None),
    ("HC04", "minUnhealthyThreshold"): (2, 10),
    ("HC06", "maxIntervalToTimeout"): (1, None),
    ("HC09", "bootSeconds"): (0, None),
    ("HC09", "margin"): (1, None),
    ("HC14", "minHealthyThreshold"): (1, 10),
    ("LB04", "drainSeconds"): (0, 3600),
    ("MIG01", "minZones"): (1, None),
    ("MIG03", "minReadySeconds"): (0, 3600),
}


def test_no_parameter_can_be_set_beyond_its_bounds() -> None:
    numbers = {
        (rule.id, parameter.name): (parameter.minimum, parameter.maximum)
        for rule in RULES
        for parameter in rule.parameters
        if not isinstance(parameter.default, tuple)
    }
    assert numbers == BOUNDS


# What a rule compares with when nothing is configured. A laxer one would pass what the catalogue says it refuses.
DEFAULTS = {
    ("AS01", "minHeadroom"): 1.5,
    ("AS01", "minReplicas"): 2,
    ("LB02", "schemes"): ("EXTERNAL",),
    ("LB04", "drainSeconds"): 1,
    ("LB06", "allowedPorts"): ("80", "443", "8080"),
    ("MIG01", "allowedZones"): (),
    ("MIG01", "minZones"): 2,
    ("MIG03", "minReadySeconds"): 1,
    ("NET02", "servicePorts"): ("80", "443", "8080"),
}


def test_defaults_are_those_of_the_catalogue() -> None:
    found = {(rule.id, each.name): each.default for rule in RULES for each in rule.parameters}
    assert {key: found[key] for key in DEFAULTS} == DEFAULTS
    others = {rule for rule, _ in found.keys() - DEFAULTS.keys()}
    assert all(rule == "AS03" or rule.startswith("HC") for rule in others), "their own tests hold theirs"


@pytest.mark.parametrize(
    ("balancing", "healing", "ratio", "need", "advice"),
    [
        # One second more than the balancer, where any more would do.
        ((5, 2), (5, 2), 1, "11 s", "unhealthyThreshold 3 at the interval of 5 s would do"),
        # The API's greatest threshold is still a threshold ...
        ((5, 10), (10, 3), 2, "100 s", "unhealthyThreshold 10 at the interval of 10 s would do"),
        # ... beyond it only a longer interval helps, rounded up to what is enough.
        ((5, 10), (5, 3), 2, "100 s", "checkIntervalSec 34 at unhealthyThreshold 3 would do"),
        ((5, 10), (10, 3), 2.1, "105 s", "checkIntervalSec 35 at unhealthyThreshold 3 would do"),
    ],
)
def test_the_advice_is_the_least_that_would_pass(
    balancing: tuple[int, int], healing: tuple[int, int], ratio: float, need: str, advice: str
) -> None:
    stack = sound()
    for name, (interval, unhealthy) in {"lb": balancing, "ah": healing}.items():
        stack.but(name, checkIntervalSec=interval, timeoutSec=5, unhealthyThreshold=unhealthy)
    config = {"HC02": {"minRatio": ratio}}
    assert f"Autohealing must wait at least {need}: {advice}" in analyze(stack.resources, config).message(
        "HC02"
    )
    field, value = advice.split()[:2]
    stack.but("ah", **{field: int(value)})
    assert analyze(stack.resources, config).outcome("HC02", "mig") is PASSED


def test_advice_rounds_up() -> None:
    assert mend(Timing(interval=7, unhealthy=2), 20) == "unhealthyThreshold 3 at the interval of 7 s would do"


@pytest.mark.parametrize(("ratio", "told"), [(1.0, "1.0"), (1.5, "1.5"), (1.25, "1.250"), (1.96, "1.960")])
def test_a_ratio_is_never_rounded_up_to_what_is_required(ratio: float, told: str) -> None:
    assert shown(ratio) == told


def test_a_quicker_check_is_not_slower_whatever_the_ratio() -> None:
    quick, slow = Timing(interval=5, unhealthy=3), Timing(interval=10, unhealthy=2)
    assert not is_slower(quick, slow, 0.5)


@pytest.mark.parametrize(("threshold", "told"), [(1, "1 lost probe in a row"), (2, "2 lost probes in a row")])
def test_lost_probes_are_counted_in_words(threshold: int, told: str) -> None:
    assert told in analyze(sound().but("ah", unhealthyThreshold=threshold).resources).message("HC04")


@pytest.mark.parametrize(("interval", "expected"), [(29, PASSED), (30, PASSED), (31, VIOLATED)])
def test_an_interval_is_at_most_twice_the_timeout(interval: int, expected: Outcome) -> None:
    stack = sound().but("ah", checkIntervalSec=interval, timeoutSec=15)
    assert analyze(stack.resources).outcome("HC06", "mig") is expected


@pytest.mark.parametrize(("healthy", "expected"), [(1, VIOLATED), (2, PASSED), (3, PASSED)])
def test_two_successes_or_more_are_believed(healthy: int, expected: Outcome) -> None:
    assert analyze(sound().but("ah", healthyThreshold=healthy).resources).outcome("HC14", "mig") is expected


@pytest.mark.parametrize(
    ("delay", "boot", "expected"),
    [
        (0, 0, VIOLATED),
        (1, 0, PASSED),
        (109, 100, VIOLATED),
        # 1.1 x 100 is a little more than 110 in floating point.
        (110, 100, PASSED),
        (131, 120, VIOLATED),
        (132, 120, PASSED),
    ],
)
def test_the_delay_is_the_boot_and_its_margin_to_the_second(delay: int, boot: int, expected: Outcome) -> None:
    stack = sound()
    stack["mig"].inputs["autoHealingPolicies"]["initialDelaySec"] = delay
    assert analyze(stack.resources, {"HC09": {"bootSeconds": boot}}).outcome("HC09", "mig") is expected


@pytest.mark.parametrize(("path", "expected"), [("", VIOLATED), ("/", VIOLATED), ("/h", PASSED)])
def test_an_empty_path_is_the_default_one(path: str, expected: Outcome) -> None:
    stack = sound().but("ah", httpHealthCheck={"port": 8080, "requestPath": path})
    assert analyze(stack.resources).outcome("HC11", "mig") is expected


# Checks outside the stack, on one side only or in a provider's older shape.


def test_a_balancers_check_outside_the_stack_is_not_autohealings_within() -> None:
    stack = sound().add(service("be", "", ["mig"], link=SHARED))
    report = analyze(stack.resources)
    assert report.outcome("HC01", "mig") is PASSED
    assert report.outcome("HC02", "mig") is UNDETERMINED


def test_two_checks_are_two_in_whichever_order() -> None:
    stack = sound().add(check("zz", regional=True, checkIntervalSec=30, unhealthyThreshold=5))
    stack.add(group("mig", "zz"))
    assert analyze(stack.resources).outcome("HC01", "mig") is PASSED


def test_a_list_of_one_check_is_that_check() -> None:
    stack = sound().add(group("mig", "", link=SHARED))
    stack.add(service("be", "", ["mig"], healthChecks=[SHARED]))
    assert analyze(stack.resources).outcome("HC01", "mig") is VIOLATED


def test_of_several_checks_the_first_is_compared_and_their_number_violated() -> None:
    stack = sound().add(group("mig", "", link=SHARED)).add(check("other", regional=True))
    others = [SHARED, f"projects/p/regions/{REGION}/healthChecks/other"]
    stack.add(service("be", "", ["mig"], healthChecks=others))
    report = analyze(stack.resources)
    assert report.outcome("HC01", "mig") is VIOLATED
    assert "2 health checks, required exactly 1" in report.message("LB01")


def test_an_empty_list_of_checks_is_no_check() -> None:
    stack = sound().add(service("be", "", ["mig"], healthChecks=[]))
    assert analyze(stack.resources).outcome("HC01", "mig") is Outcome.NOT_APPLICABLE


def test_a_group_that_nobody_balances_is_said_to_be_so() -> None:
    report = analyze(sound().without("be").without("fr").resources)
    for rule in ("HC01", "HC02", "HC03"):
        (entry,) = (entry for (id_, _), entry in report.account.items() if id_ == rule)
        assert entry.messages == ("no backend service of this stack sends to group 'mig'",)


# What is written out and what a provider filled in, where it says so.


def test_thresholds_that_the_provider_filled_in_are_named() -> None:
    stack = sound()
    stack["lb"].defaulted = ["healthyThreshold", "unhealthyThreshold"]
    told = analyze(stack.resources).message("HC07")
    assert "health check 'lb': healthyThreshold, unhealthyThreshold unset, required explicit" in told


def test_the_defaults_written_out_are_a_choice() -> None:
    stack = sound().add(check("lb", regional=True))
    assert analyze(stack.resources).outcome("HC07", "lb") is VIOLATED, "nobody said what was filled in"
    stack["lb"].defaulted = []
    assert analyze(stack.resources).outcome("HC07", "lb") is PASSED


def test_a_threshold_that_is_not_known_yet_is_written_out_all_the_same() -> None:
    stack = sound().but("lb", timeoutSec=UNKNOWN)
    stack["lb"].defaulted = []
    report = analyze(stack.resources)
    assert report.outcome("HC07", "lb") is PASSED
    assert report.outcome("HC05", "lb") is UNDETERMINED


# IPv6: only a balancer with an address of that kind is probed from there.

IPV6_PROBERS = "2600:1901:8001::/48"


def test_a_balancer_with_an_ipv6_address_is_probed_from_another_range() -> None:
    stack = sound().but("fr", ipVersion="IPV6")
    assert f"no firewall rule admits {IPV6_PROBERS} on tcp:8080" in analyze(stack.resources).message("NET01")
    stack.add(firewall("probes6", [IPV6_PROBERS], ["8080"]))
    assert analyze(stack.resources).outcome("NET01", "mig") is PASSED


def test_a_wider_ipv6_range_admits_its_parts_and_a_narrower_one_does_not() -> None:
    stack = sound().but("fr", ipVersion="IPV6").add(firewall("probes6", ["::/0"], ["8080"]))
    assert analyze(stack.resources).outcome("NET01", "mig") is PASSED
    stack.add(firewall("probes6", ["2600:1901:8001::/49"], ["8080"]))
    assert "admits 2600:1901:8001:8000::/49 on" in analyze(stack.resources).message("NET01")


@pytest.mark.parametrize(("version", "expected"), [("IPV4", PASSED), ("IPV6", UNDETERMINED)])
def test_a_forwarding_rule_to_any_service_matters_only_with_ipv6(version: str, expected: Outcome) -> None:
    stack = sound().add(forwarding_rule("anywhere", "", ipVersion=version))
    assert analyze(stack.resources).outcome("NET01", "mig") is expected
    assert analyze(stack.resources).outcome("LB02", "be") is UNDETERMINED


def test_an_unknown_address_version_cannot_be_told() -> None:
    stack = sound().but("fr", ipVersion=UNKNOWN)
    assert analyze(stack.resources).outcome("NET01", "mig") is UNDETERMINED


OUTSIDE = {"subnetwork": UNKNOWN, "ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}


@pytest.mark.parametrize(
    ("version", "interface", "expected"),
    [
        ("IPV6", OUTSIDE, PASSED),
        ("IPV4", OUTSIDE, VIOLATED),
        ("IPV6", {**OUTSIDE, "accessConfigs": [{}]}, VIOLATED),
        (UNKNOWN, OUTSIDE, UNDETERMINED),
    ],
    ids=["behind IPv6", "behind IPv4", "an IPv4 address too", "behind something"],
)
def test_instances_have_an_ipv6_address_only_where_the_balancer_has_one(
    version: str, interface: dict[str, object], expected: Outcome
) -> None:
    stack = sound().but("fr", ipVersion=version).but("tpl", networkInterfaces=[interface])
    assert analyze(stack.resources).outcome("TPL01", "tpl") is expected


def test_another_groups_balancer_excuses_no_address() -> None:
    stack = sound().but("fr", ipVersion="IPV6")
    bare = deepcopy(stack["tpl"])
    bare.name, bare.inputs["name"] = "tpl2", "web-tpl2"
    stack.add(bare).but("tpl2", networkInterfaces=[OUTSIDE])
    second = group("mig2", "ah")
    second.sources = {**second.sources, "versions": ["tpl2"]}
    report = analyze(stack.add(second).resources)
    assert report.outcome("TPL01", "tpl2") is VIOLATED
    assert report.outcome("TPL01", "tpl") is PASSED
