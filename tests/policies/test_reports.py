"""The gate and its reports, from events as the engine writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from mig_policies.catalogue import RULES
from mig_policies.reports.__main__ import main
from mig_policies.reports.events import Run, read_events
from mig_policies.reports.junit import junit
from mig_policies.reports.markdown import MOST_CHARACTERS, markdown
from mig_policies.reports.sarif import sarif
from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from pathlib import Path

URN = "urn:pulumi:test::web::gcp:compute/healthCheck:HealthCheck::ah"
STACK_SUMMARY = {
    "policyAnalyzeStackSummaryEvent": {"policyPackName": "mig-nlb", "passed": ["HC01"], "failed": ["HC02"]}
}
RESOURCE_SUMMARY = {
    "policyAnalyzeSummaryEvent": {"policyPackName": "mig-nlb", "resourceUrn": URN, "passed": ["HC05"]}
}
DONE = {"summaryEvent": {"result": "succeeded"}}


def policy(rule: str, message: str, level: str = "mandatory", pack: str = "mig-nlb") -> dict[str, Any]:
    return {
        "policyEvent": {
            "policyName": rule,
            "policyPackName": pack,
            "message": f"A rule.\n{message}\n",
            "enforcementLevel": level,
            "severity": "high",
            "resourceUrn": URN,
        }
    }


def diagnostic(message: str, severity: str = "error") -> dict[str, Any]:
    return {"diagnosticEvent": {"message": message, "severity": severity}}


def run(*events: dict[str, Any]) -> Run:
    return read_events((json.dumps(event) for event in (*events, DONE)), "mig-nlb")


def sound(*events: dict[str, Any]) -> Run:
    return run(STACK_SUMMARY, RESOURCE_SUMMARY, *events)


MIXED = (
    policy("HC02", "ratio 1.0 | required 2"),
    policy("HC13", "logConfig.enable false", "advisory"),
    policy(
        "PACK03", "EXEMPT HC04: unhealthyThreshold 2 (exempt until 2026-12-31 by ops: simple)", "advisory"
    ),
    policy("PACK04", "UNDETERMINED NET01: the network is outside", "advisory"),
)


def test_the_gate_is_open_for_advice() -> None:
    assert sound(policy("HC13", "x", "advisory")).blocking == []


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([STACK_SUMMARY, policy("HC02", "ratio 1.0")], "HC02 violated: ratio 1.0"),
        ([STACK_SUMMARY, policy("PACK04", "UNDETERMINED HC02: unknown")], "HC02 undetermined: unknown"),
        (
            [STACK_SUMMARY, policy("X", "can't run policy 'X' during preview: unknown", "advisory")],
            "can't run policy",
        ),
        ([STACK_SUMMARY, policy("X", "can't run policy 'X'", "advisory", pack="other")], "can't run policy"),
        (
            [STACK_SUMMARY, policy("X", "can't run remediation 'X' during preview: unknown", "advisory")],
            "can't run remediation",
        ),
        ([STACK_SUMMARY, diagnostic("warning: can't run policy 'X'", "warning")], "can't run policy"),
        ([STACK_SUMMARY, diagnostic("the program failed")], "the program failed"),
        ([], "did not judge the stack"),
        ([{"policyAnalyzeStackSummaryEvent": {"policyPackName": "other"}}], "did not judge the stack"),
        ([STACK_SUMMARY, {"summaryEvent": {"result": "failed"}}], "the engine's run failed"),
        ([STACK_SUMMARY], "the engine's run did not end"),
    ],
)
def test_the_gate_is_closed_by(events: list[dict[str, Any]], told: str) -> None:
    found = read_events((json.dumps(event) for event in events), "mig-nlb")
    assert any(told in reason for reason in found.blocking), found.blocking


def test_other_packs_findings_are_theirs() -> None:
    assert sound(policy("HC02", "x", pack="other")).findings == []


def test_lines_that_are_no_events_count_for_nothing() -> None:
    assert read_events(["Previewing update", "{broken", "", "{}"], "mig-nlb").findings == []


def test_sarif_tells_rules_results_and_suppressions() -> None:
    log = sarif(sound(*MIXED), RULES, {})
    assert log["version"] == "2.1.0"
    (one,) = log["runs"]
    rules = one["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert all(rule["helpUri"].startswith("https://") for rule in rules)
    violated, advised, exempt, unknown = one["results"]
    assert (violated["ruleId"], violated["level"], violated["kind"]) == ("HC02", "error", "fail")
    assert rules[violated["ruleIndex"]]["id"] == "HC02"
    assert violated["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == URN
    assert advised["level"] == "warning"
    assert exempt["ruleId"] == "HC04"
    assert "by ops" in exempt["suppressions"][0]["justification"]
    assert (unknown["ruleId"], unknown["kind"], unknown["level"]) == ("NET01", "open", "none")
    assert one["invocations"][0]["executionSuccessful"] is True
    assert sarif(run(), RULES, {})["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_junit_counts_each_outcome() -> None:
    root = ET.fromstring(junit(sound(*MIXED), {}))  # noqa: S314 - our own output
    suites = {suite.get("name"): suite for suite in root}
    assert suites["HC02"].get("failures") == "1"
    assert suites["HC04"].get("skipped") == "1"
    assert suites["NET01"].get("errors") == "1"
    assert suites["HC01"].get("tests") == "1"
    assert suites["HC05"][0].get("name") == URN
    assert "PACK03" not in suites
    failure = suites["HC13"].find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "advisory"
    assert ET.fromstring(junit(run(), {})).find("testsuite/testcase/error") is not None  # noqa: S314 - our own output


def test_markdown_begins_with_the_verdict_and_keeps_its_table() -> None:
    text = markdown(sound(*MIXED), {})
    assert text.startswith("### Policy pack mig-nlb: **the gate is closed**")
    assert "2 violated, 1 undetermined, 1 exempt." in text
    assert "| HC02 | `ah` | ratio 1.0 \\| required 2 |" in text
    assert "| NET01 | `ah` | could not be determined: the network is outside |" in text
    assert "the gate is open" in markdown(sound(), {})
    assert "did not judge the stack" in markdown(run(), {})


def test_a_comment_never_grows_beyond_what_is_taken() -> None:
    text = markdown(sound(*(policy("HC02", f"finding {number} " * 20) for number in range(500))), {})
    assert len(text) < MOST_CHARACTERS + 200
    assert "cut here" in text


def test_the_command_writes_every_report_and_tells_by_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("\n".join(json.dumps(event) for event in (STACK_SUMMARY, *MIXED, DONE)))
    files = {name: tmp_path / name for name in ("sarif", "junit", "markdown")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    assert main(["--events", str(events), *options]) == 1
    assert all(path.stat().st_size for path in files.values())
    told = capsys.readouterr()
    assert "2 violated, 1 undetermined, 1 exempt; the gate is closed" in told.out
    assert "Closed by HC02 violated: ratio 1.0" in told.out
    events.write_text("\n".join(json.dumps(event) for event in (STACK_SUMMARY, DONE)))
    assert main(["--events", str(events)]) == 0


def test_a_saved_state_is_judged_by_the_packs_its_last_event_names() -> None:
    def closed(*events: dict[str, Any], packs: tuple[str, ...] = ("mig-nlb",)) -> list[str]:
        end = {"summaryEvent": {"result": "succeeded", "PolicyPacks": dict.fromkeys(packs, "1.0.0")}}
        lines = [json.dumps(event) for event in (*events, end)]
        return read_events(lines, "mig-nlb", saved_state=True).blocking

    assert closed(*MIXED[1:]) == []
    assert len(closed(MIXED[0])) == 1
    assert closed(packs=("another",)) == ["policy pack mig-nlb did not judge the stack as a whole"]
    # A state without resources: the engine says so in words and writes no event.
    assert len(read_events([], "mig-nlb", saved_state=True).blocking) == 1


def test_a_preview_is_not_judged_by_naming_the_pack() -> None:
    loaded = {"summaryEvent": {"result": "succeeded", "PolicyPacks": {"mig-nlb": "1.0.0"}}}
    assert read_events([json.dumps(loaded)], "mig-nlb").blocking == [
        "policy pack mig-nlb did not judge the stack as a whole"
    ]


def test_no_events_at_all_close_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--events", str(tmp_path / "none.jsonl"), "--brief"]) == 1
    assert "did not judge the stack" in capsys.readouterr().out


def test_outcomes_are_told_apart() -> None:
    found = sound(*MIXED)
    assert [
        len(found.of(outcome)) for outcome in (Outcome.VIOLATED, Outcome.UNDETERMINED, Outcome.EXEMPT)
    ] == [2, 1, 1]
