"""Firewall rules are read as Google evaluates them: sources, protocols, priorities, a deny before an allow."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mig_policies.firewall import Traffic, parse_range, uncovered
from mig_policies.ports import ALL_PORTS, parse_ports
from mig_policies.values import Undetermined
from mig_policies.verdict import Outcome

from tests.policies.cases.case import deny, outcome, unlink, without_autohealing
from tests.policies.engine import UNKNOWN, analyze
from tests.policies.stacks import PROBERS, Stack, check, firewall, service, sound, template

if TYPE_CHECKING:
    from mig_policies.firewall import Range

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
FAMILIES = {"10.0.0.0": 28, "2001:db8::": 124}


@st.composite
def ranges(draw: st.DrawFn, family: str) -> Range:
    """Networks of sixteen addresses or fewer, all in the same sixteen."""
    whole = parse_range(f"{family}/{FAMILIES[family]}")
    prefix = draw(st.integers(whole.prefixlen, whole.max_prefixlen))
    subnets: list[Range] = [*whole.subnets(new_prefix=prefix)]
    return draw(st.sampled_from(subnets))


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_what_is_left_uncovered_is_in_no_other_range(family: str, data: st.DataObject) -> None:
    wanted = data.draw(ranges(family))
    by = data.draw(st.lists(ranges(family), max_size=4))
    left = [address for piece in uncovered(wanted, by) for address in piece]
    assert len(left) == len(set(left))
    assert set(left) == set(wanted) - {address for cut in by for address in cut}


def test_ranges_of_one_family_leave_the_other_alone() -> None:
    four, six = parse_range("0.0.0.0/0"), parse_range("::/0")
    assert uncovered(four, [six]) == [four]
    assert uncovered(six, [four]) == [six]


def test_a_range_may_have_host_bits_and_what_is_none_cannot_be_decided_on() -> None:
    assert parse_range("10.0.0.7/28") == ipaddress.ip_network("10.0.0.0/28")
    with pytest.raises(Undetermined, match=r"^'10\.0\.0\.0/33' is no address range$"):
        parse_range("10.0.0.0/33")


@pytest.mark.parametrize(
    ("protocol", "ports", "meant"),
    [
        ("tcp", "80", True),
        ("tcp", "81", False),
        ("udp", "80", False),
        ("all", "80", True),
        ("all", "81", False),
    ],
)
def test_traffic_is_a_protocol_and_its_ports(protocol: str, ports: str, *, meant: bool) -> None:
    assert Traffic(protocol, parse_ports(ports)).includes("tcp", 80) is meant
    assert Traffic("all", ALL_PORTS).includes("sctp", 0)


def guarded(priority: int | None, **denied: object) -> Stack:
    """The probes admitted at some priority, and a deny of one of their ranges at 1000."""
    stack = deny_all(**denied)
    return stack.but("probes", priority=priority)


def deny_all(**denied: object) -> Stack:
    stack = sound().without("clients")
    deny(1000, ["35.191.0.0/16"])(stack)
    (name,) = [name for name in stack if name not in sound()]
    return stack.but(name, **denied)


@pytest.mark.parametrize(
    ("priority", "expected"), [(999, PASSED), (1000, VIOLATED), (1001, VIOLATED), (None, VIOLATED)]
)
def test_the_lower_number_wins_and_of_equals_the_deny(priority: int | None, expected: Outcome) -> None:
    assert outcome(guarded(priority), "NET01", "mig") is expected


@pytest.mark.parametrize(("priority", "expected"), [(1000, VIOLATED), (1001, PASSED), (None, VIOLATED)])
def test_a_deny_without_a_priority_has_googles(priority: int | None, expected: Outcome) -> None:
    assert outcome(deny_all(priority=priority), "NET01", "mig") is expected


@pytest.mark.parametrize("protocol", ["TCP", "6", "all", "tcp"])
def test_a_protocol_is_known_by_name_or_number(protocol: str) -> None:
    stack = sound().without("clients").but("probes", allows=[{"protocol": protocol, "ports": ["8080"]}])
    assert outcome(stack, "NET01", "mig") is PASSED
    stack.but("probes", allows=[{"protocol": protocol}])
    assert outcome(stack, "NET01", "mig") is PASSED
    stack.but("probes", allows=[{"protocol": protocol, "ports": ["8079", "8081-9000"]}])
    assert outcome(stack, "NET01", "mig") is VIOLATED


@pytest.mark.parametrize("by", ["sourceTags", "sourceServiceAccounts"])
def test_a_rule_for_named_machines_admits_no_range(by: str) -> None:
    stack = sound().without("clients").but("probes", sourceRanges=None, **{by: ["x"]})
    assert outcome(stack, "NET01", "mig") is VIOLATED
    assert outcome(stack.but("probes", **{by: None}), "NET01", "mig") is PASSED, "no source is every source"


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"targetServiceAccounts": None}, PASSED),
        ({"targetServiceAccounts": None, "targetTags": ["web", "db"]}, PASSED),
        ({"targetServiceAccounts": None, "targetTags": ["db"]}, VIOLATED),
        ({"direction": "INGRESS"}, PASSED),
        ({"direction": "INBOUND"}, VIOLATED),
        ({"disabled": True}, VIOLATED),
        ({"disabled": False}, PASSED),
        ({"disabled": UNKNOWN}, UNDETERMINED),
    ],
)
def test_a_rule_admits_whom_it_is_for(inputs: dict[str, object], expected: Outcome) -> None:
    assert outcome(sound().without("clients").but("probes", **inputs), "NET01", "mig") is expected


def test_a_rule_that_cannot_be_read_matters_only_where_it_could_help_or_close() -> None:
    stack = sound().add(firewall("odd", [UNKNOWN], ["8080"]))
    assert outcome(stack, "NET01", "mig") is PASSED, "the others admit the probes whatever it says"
    stack.but("odd", allows=None, denies=[{"protocol": "tcp"}])
    assert outcome(stack, "NET01", "mig") is UNDETERMINED, "it may close what the others open"


def test_a_rule_of_another_network_admits_nobody() -> None:
    stack = sound().without("clients")
    unlink("probes", "network")(stack)
    assert (
        outcome(stack.but("probes", network="projects/p/global/networks/other"), "NET01", "mig") is VIOLATED
    )
    assert outcome(stack.but("probes", network=UNKNOWN), "NET01", "mig") is UNDETERMINED


def test_accounts_that_are_not_known_yet_are_the_same_by_their_source_only() -> None:
    stack = sound().without("clients").but("probes", targetServiceAccounts=[UNKNOWN])
    stack.but("tpl", serviceAccount={"email": UNKNOWN})
    assert outcome(stack, "NET01", "mig") is PASSED
    assert (
        outcome(stack.but("probes", targetServiceAccounts=["web@p.iam.gserviceaccount.com"]), "NET01", "mig")
        is PASSED
    )
    stack["tpl"].sources = {**stack["tpl"].sources, "serviceAccount": ["sa", "net"]}
    assert outcome(stack, "NET01", "mig") is PASSED
    stack["probes"].sources = {**stack["probes"].sources, "targetServiceAccounts": ["tpl"]}
    assert outcome(stack, "NET01", "mig") is UNDETERMINED
    unlink("probes", "targetServiceAccounts")(stack)
    assert outcome(stack, "NET01", "mig") is UNDETERMINED


def test_the_first_rule_that_cannot_be_read_is_the_reason_given() -> None:
    stack = sound().without("clients").without("probes")
    stack.add(firewall("a", ["x"], ["8080"])).add(firewall("b", ["y"], ["8080"]))
    assert (
        analyze(stack.resources).told("NET01")
        == ["group 'mig': whether tcp:8080 is open to the probers hangs on: 'x' is no address range"] * 2
    )


@pytest.mark.parametrize(
    ("interface", "lacking"),
    [
        ({"subnetwork": "projects/p/regions/r/subnetworks/x"}, "its firewall"),
        ({"network": "projects/p/global/networks/x"}, "all of its firewall"),
    ],
)
def test_a_network_outside_the_stack_is_said_to_be(interface: dict[str, str], lacking: str) -> None:
    stack = sound().but("tpl", networkInterfaces=[interface])
    unlink("tpl", "networkInterfaces")(stack)
    ((kind, link),) = interface.items()
    assert analyze(stack.resources).told("NET01") == [
        f"instance template 'tpl': {kind} '{link}' (outside this stack) is not described by this stack, nor {lacking}"
    ]


def test_the_first_interface_is_the_balanced_one() -> None:
    elsewhere = {"network": "projects/p/global/networks/x"}
    stack = sound().without("clients").but("tpl", networkInterfaces=[{"subnetwork": UNKNOWN}, elsewhere])
    assert outcome(stack, "NET01", "mig") is PASSED
    stack.but("tpl", networkInterfaces=[{"network": UNKNOWN}, elsewhere])
    stack["tpl"].sources = {**stack["tpl"].sources, "networkInterfaces": ["net"]}
    assert outcome(stack, "NET01", "mig") is PASSED


@pytest.mark.parametrize("order", [["tpl", "canary"], ["canary", "tpl"]])
def test_the_instances_of_every_version_are_probed(order: list[str]) -> None:
    stack = sound().without("clients").add(template("canary"))
    stack.but("probes", targetServiceAccounts=None, targetTags=["web"])
    links = [f"projects/p/global/instanceTemplates/{name}" for name in order]
    stack["tpl"].computed["selfLink"], stack["canary"].computed["selfLink"] = (
        f"projects/p/global/instanceTemplates/{name}" for name in ("tpl", "canary")
    )
    stack.but("mig", versions=[{"instanceTemplate": link} for link in links])
    assert outcome(stack, "NET01", "mig") is PASSED
    assert outcome(stack.but("canary", tags=["db"]), "NET01", "mig") is VIOLATED


def test_a_template_that_cannot_be_found_leaves_it_undetermined() -> None:
    for nothing in (sound().but("mig", versions=[]), sound().but("mig", versions=None)):
        (message,) = set(analyze(nothing.resources).told("NET01"))
        assert message == "group 'mig' names no instance template"
    bare = sound().but("tpl", networkInterfaces=[])
    (message,) = set(analyze(bare.resources).told("NET01"))
    assert message == "instance template 'tpl' has no network interface"


def test_a_check_that_names_no_port_leaves_its_probes_undetermined() -> None:
    silent = check("lb", regional=True, httpHealthCheck=None, grpcHealthCheck={})
    stack = sound().add(silent)
    stack["lb"].inputs.pop("httpHealthCheck")
    assert "health check 'lb' names no port" in analyze(stack.resources).told("NET01")
    stack["lb"].inputs.pop("grpcHealthCheck")
    assert "health check 'lb' names no port" in analyze(stack.resources).told("NET01")


def test_a_service_without_a_check_is_probed_by_none() -> None:
    stack = sound().add(service("be", "", ["mig"])).but("be", healthChecks=None)
    without_autohealing(stack)
    assert "backend service 'be' has no health check" in analyze(stack.resources).told("NET01")


def test_all_prober_ranges_are_required() -> None:
    for kept in range(len(PROBERS)):
        stack = sound().without("clients").but("probes", sourceRanges=[PROBERS[kept]])
        message = analyze(stack.resources).told("NET01")[0]
        assert PROBERS[kept] not in message.split(" required")[0]
