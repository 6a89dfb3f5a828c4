"""Each breakage alone, and what it brings with it: the cause comes first, and is told once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from components.prober_ranges import ALL_PROBERS, AUTOHEALING_PROBERS, PASSTHROUGH_PROBERS
from scripts.diagnosis.diagnose import diagnose, wrong
from scripts.diagnosis.facts import ForwardingRule
from tests.scripts.diagnosis import parts
from tests.scripts.diagnosis.parts import check, every, facts, firewall_rule, instance, one_of_three, run

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Facts

REFUSED = run(
    None,
    failure="unable to write script to file",
    exit_status=None,
    refused="googleapi: Error 403: no access",
)
ABSENT = run(
    None,
    failure="unable to write script to file",
    exit_status=None,
    absent="googleapi: Error 404: No such object",
)
UNREACHED = run(
    None,
    failure="unable to write script to file",
    exit_status=None,
    unreachable='Get "https://storage.googleapis.com/web-scripts/startup.sh": dial tcp 142.250.1.207:443: i/o timeout',
)
WAYLESS = replace(parts.REACH, by="")
SIX = ForwardingRule(name="web-v6", address="2600:1900::1", protocol="TCP", ports=((8080, 8080),))
DOWN = {"autohealing": "UNHEALTHY", "balancer": "UNHEALTHY"}
SILENT = {"autohealing": "TIMEOUT", "balancer": "TIMEOUT"}
NEW = {"action": "VERIFYING", "autohealing": "UNKNOWN", "balancer": "UNHEALTHY"}
WRONG_PATH = replace(check("balancer"), request="GET /nope")
WRONG_PORT = replace(check("balancer"), port=9090)
CAPPED = replace(parts.SCALER, recommended=10, details=(("CAPPED_AT_MAX_NUM_REPLICAS", "raise it"),))
HEAL, BALANCE = check("autohealing"), check("balancer")

CASES: dict[str, tuple[Facts, list[str]]] = {
    "binding removed, one instance made anew": (
        facts(script=parts.DENIED, instances=one_of_three(**NEW, run=REFUSED)),
        ["permission-missing"],
    ),
    "binding removed, nobody noticed yet": (facts(script=parts.DENIED), ["permission-missing"]),
    "no scope for storage": (
        facts(instances=every(**DOWN, run=REFUSED, scopes=("https://www.googleapis.com/auth/logging.write",))),
        ["scope-missing"],
    ),
    "script not in the bucket": (
        facts(script=replace(parts.SCRIPT, exists=False), instances=one_of_three(**NEW, run=ABSENT)),
        ["startup-script-missing"],
    ),
    "nothing leads to Cloud Storage, and one instance was made since": (
        facts(reach=WAYLESS, instances=one_of_three(**NEW, run=UNREACHED)),
        ["google-unreachable"],
    ),
    "nothing leads to Cloud Storage, and nobody noticed yet": (facts(reach=WAYLESS), ["google-unreachable"]),
    "no route leads out": (facts(reach=replace(parts.REACH, routed=False)), ["google-unreachable"]),
    "IPv6 probers kept out": (
        facts(forwarding_rules=(SIX,), instances=every(balancer="UNHEALTHY")),
        ["firewall-blocks-probes"],
    ),
    "script exits 1": (
        facts(instances=one_of_three(**NEW, run=run(None, failure="exit status 1", exit_status=1))),
        ["startup-script-failed"],
    ),
    "service on another port": (
        facts(instances=one_of_three(**NEW, run=run(9090))),
        ["service-port-wrong"],
    ),
    "service on another port everywhere": (facts(instances=every(**DOWN, run=run(9090))), ["service-port-wrong"]),
    "autohealing's probers shut out": (
        facts(
            firewall=(firewall_rule(sources=PASSTHROUGH_PROBERS),),
            instances=every(autohealing="TIMEOUT", action="RECREATING", balancer="HEALTHY"),
        ),
        ["firewall-blocks-probes"],
    ),
    "the balancer's probers shut out": (
        facts(firewall=(firewall_rule(sources=AUTOHEALING_PROBERS),), instances=every(balancer="TIMEOUT")),
        ["firewall-blocks-probes"],
    ),
    "one of two ranges shut out, and nobody hurt yet": (
        facts(firewall=(firewall_rule(sources=tuple(r for r in ALL_PROBERS if r != "209.85.204.0/22")),)),
        ["firewall-blocks-probes"],
    ),
    "every rule gone": (
        facts(firewall=(), instances=every(**SILENT)),
        ["firewall-blocks-probes", "firewall-blocks-probes", "firewall-blocks-clients"],
    ),
    "check asks a wrong path": (
        facts(checks=(HEAL, WRONG_PATH), instances=every(balancer="UNHEALTHY")),
        ["check-request-wrong"],
    ),
    "both checks ask a wrong path": (
        facts(checks=(replace(HEAL, request="GET /nope"), WRONG_PATH), instances=every(**DOWN)),
        ["service-fails-checks"],
    ),
    "check asks a wrong port": (
        facts(checks=(HEAL, WRONG_PORT), instances=every(balancer="TIMEOUT")),
        ["check-port-wrong"],
    ),
    "check asks a wrong port, and no log says which is right": (
        facts(checks=(HEAL, WRONG_PORT), instances=every(balancer="TIMEOUT", run=None)),
        ["check-port-wrong"],
    ),
    "forwarding rule takes another port": (
        facts(
            forwarding_rules=(
                ForwardingRule(name="web-main", address="203.0.113.1", protocol="TCP", ports=((80, 80),)),
            ),
            firewall=(firewall_rule(entries=(("tcp", ()),)),),
        ),
        ["forwarding-port-wrong"],
    ),
    "autoscaler at its maximum": (facts(autoscaler=CAPPED), ["autoscaler-at-max"]),
    "autoscaler in error": (facts(autoscaler=replace(parts.SCALER, status="ERROR")), ["autoscaler-failed"]),
    "template not rolled": (
        facts(group=replace(parts.GROUP, templates=("web-3",), update_type="OPPORTUNISTIC")),
        ["template-not-rolled"],
    ),
    "instance hung": (facts(instances=one_of_three(balancer="TIMEOUT")), ["instance-silent"]),
    "instance dead for both": (facts(instances=one_of_three(**SILENT)), ["instance-silent"]),
    "instance being recreated": (
        facts(instances=one_of_three(action="RECREATING", **SILENT)),
        ["instance-being-recreated"],
    ),
    "instance made anew": (facts(instances=one_of_three(**NEW)), ["instance-not-ready"]),
    "no quota": (
        facts(instances=(*every()[:2], instance("web-c", action="CREATING", status="", autohealing="", balancer="", run=None,
                                                errors=("QUOTA_EXCEEDED: Quota 'CPUS' exceeded",)))),
        ["instance-creation-failed", "instance-not-ready"],
    ),
    "one too few": (facts(instances=every()[:2]), ["group-size-differs"]),
    "autohealing as quick as the balancer": (
        facts(checks=(replace(HEAL, interval=5, unhealthy=2), BALANCE)),
        ["autohealing-too-eager"],
    ),
}  # fmt: skip


def codes(given: Facts) -> list[str]:
    return [finding.code for finding in diagnose(given)]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert diagnose(facts()) == []


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_found_and_told_once(case: str) -> None:
    given, expected = CASES[case]
    found = diagnose(given)
    assert [finding.code for finding in found] == expected
    assert wrong(found)
    for finding in found:
        assert finding.what
        assert finding.consequence
        assert any(word in finding.mend for word in ("gcloud ", "pulumi ", "scripts/doctor "))


def test_a_missing_permission_comes_before_everything_it_brings_about() -> None:
    broken = facts(
        script=parts.DENIED,
        instances=(instance("web-a", action="RECREATING", balancer="UNHEALTHY", autohealing="UNHEALTHY", run=REFUSED),
                   instance("web-b", **NEW, run=REFUSED), instance("web-c", balancer="TIMEOUT")),
        autoscaler=CAPPED,
    )  # fmt: skip
    assert codes(broken) == ["permission-missing", "instance-silent", "autoscaler-at-max"]
    first = diagnose(broken)[0]
    assert "web-a, web-b got 403" in first.consequence
    assert "scripts/doctor shell web-a --rerun" in first.mend
    assert first.evidence == (
        "web-a: googleapi: Error 403: no access",
        "web-b: googleapi: Error 403: no access",
    )


def test_a_hung_instance_is_told_beside_a_cause_that_is_not_its_own() -> None:
    failed = instance("web-a", **NEW, run=run(None, failure="exit status 1", exit_status=1))
    assert codes(facts(instances=(failed, instance("web-b", **SILENT), instance("web-c")))) == [
        "startup-script-failed",
        "instance-silent",
    ]


def test_a_script_that_runs_in_a_new_instance_is_no_fault_of_its_own() -> None:
    running = run(None, finished=False, exit_status=None)
    (finding,) = diagnose(facts(instances=one_of_three(**NEW, run=running)))
    assert finding.code == "instance-not-ready"
    assert "its start-up script still runs" in finding.what
    assert finding.evidence == ("done",)
    settled = one_of_three(action="NONE", balancer="UNHEALTHY", autohealing="UNKNOWN", run=running)
    assert codes(facts(instances=settled)) == ["startup-script-running"]


def test_policies_that_cannot_be_read_make_a_missing_permission_a_suspicion() -> None:
    unseen = replace(
        parts.DENIED, access=replace(parts.DENIED.access, unseen=("the policy of project demo",))
    )
    (finding,) = diagnose(facts(script=unseen))
    assert (finding.code, finding.severity) == ("permission-missing", "warning")
    assert "project demo" in finding.what


def test_notes_are_told_and_are_not_wrong() -> None:
    found = diagnose(
        facts(
            group=replace(parts.GROUP, heals=False, named_ports=(("http", 80),)),
            autoscaler=replace(parts.SCALER, details=(("MODE_OFF", "off"),), mode="OFF"),
        )
    )
    assert [finding.code for finding in found] == ["named-port-differs", "repair-off", "autoscaler-limited"]
    assert not wrong(found)


def test_a_separate_port_for_health_is_no_mismatch_while_it_is_answered() -> None:
    both = (replace(HEAL, port=9000), replace(BALANCE, port=9000))
    rule = firewall_rule(entries=(("tcp", ((8080, 8080), (9000, 9000))),))
    assert codes(facts(checks=both, firewall=(rule,))) == []


def test_the_metadata_entry_tells_the_port_where_no_log_does() -> None:
    given = facts(service_port=9090, instances=every(**DOWN, run=run(None)))
    assert codes(given)[0] == "service-port-wrong"


def test_the_reason_why_verdicts_differ_has_the_arithmetic() -> None:
    (finding,) = diagnose(facts(instances=one_of_three(balancer="TIMEOUT")))
    assert finding.evidence == (
        "autohealing is slower: 150 s of failures until its verdict, the balancer 10 s",
    )
    assert "30 s x 5 = 150 s" in finding.consequence


def test_a_way_that_is_gone_is_an_error_once_an_instance_was_refused_by_it() -> None:
    (found,) = diagnose(facts(reach=WAYLESS, instances=one_of_three(**NEW, run=UNREACHED)))
    assert found.severity == "error"
    assert "neither Private Google Access nor Cloud NAT" in found.what
    assert found.consequence.startswith("web-a got no answer from Cloud Storage")
    assert found.mend == (
        "gcloud compute networks subnets update web --region=europe-west1 --enable-private-ip-google-access --project=demo"
        " && scripts/doctor shell web-a --rerun"
    )
    assert "i/o timeout" in found.evidence[0]
    (unnoticed,) = diagnose(facts(reach=WAYLESS))
    assert (unnoticed.severity, unnoticed.evidence) == ("warning", ())


def test_a_script_that_is_not_in_cloud_storage_needs_no_way_to_it() -> None:
    assert diagnose(facts(reach=WAYLESS, script=None)) == []


def test_each_version_of_ip_has_its_own_probers_and_its_own_rule() -> None:
    both = facts(forwarding_rules=(*facts().forwarding_rules, SIX))
    (found,) = [one for one in diagnose(both) if one.code == "firewall-blocks-probes"]
    assert "2600:1901:8001::/48 from port 8080" in found.what
    assert "--source-ranges=2600:1901:8001::/48 " in found.mend
    assert "web-group-balancer-probes-v6" in found.mend
    let_in = firewall_rule(name="web-probes-v6", sources=("2600:1901:8001::/48",))
    assert diagnose(replace(both, firewall=(*both.firewall, let_in))) == []
