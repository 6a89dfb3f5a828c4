"""Where findings are placed, and that what is placed is SARIF by its own schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from mig_policies.catalogue import RULES
from mig_policies.reports.__main__ import main
from mig_policies.reports.junit import junit
from mig_policies.reports.markdown import markdown
from mig_policies.reports.places import Place, Places, registered_places, saved_places
from mig_policies.reports.sarif import sarif

from tests.policies.test_reports import DONE, MIXED, STACK_SUMMARY, URN, policy, run, sound

SCHEMA = json.loads((Path(__file__).with_name("fixtures") / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
ROOT = Path("/home/me/a project")
URL = "file:///home/me/a%20project"
PLACES: Places = {
    URN: (Place(file="components/autohealing check.py", line=45), Place(file="__main__.py", line=7)),
    "": (Place(file="policies/config/prod.json"),),
}


def call(method: str = "/pulumirpc.ResourceMonitor/RegisterResource", **message: object) -> str:
    return json.dumps({"method": method, **message})


def registration(*positions: tuple[str, int], urn: str = URN) -> str:
    frames: list[dict[str, Any]] = [{"pc": {"uri": uri, "line": line}} for uri, line in positions]
    request = {"sourcePosition": frames[0]["pc"], "stackTrace": {"frames": [*frames[:1], {}, *frames[1:]]}}
    return call(request=request, response={"urn": urn})


def valid(log: dict[str, Any]) -> dict[str, Any]:
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    return log


def test_a_registration_is_placed_from_the_inside_out_in_the_projects_own_files() -> None:
    line = registration(
        (f"{URL}/components/check.py", 45),
        (f"{URL}/.venv/lib/python3.11/site-packages/pulumi/runtime/stack.py", 133),
        (f"{URL}/__main__.py", 7),
        ("file:///usr/lib/python3.11/asyncio/events.py", 80),
    )
    assert registered_places([line], ROOT) == {
        URN: (Place(file="components/check.py", line=45), Place(file="__main__.py", line=7))
    }


def test_a_resource_that_the_project_does_not_declare_has_no_place() -> None:
    assert registered_places([registration(("file:///opt/library.py", 3))], ROOT) == {URN: ()}


@pytest.mark.parametrize(
    "line",
    [
        call(request={"sourcePosition": {"uri": f"{URL}/a.py", "line": 1}}),
        call("/pulumirpc.ResourceProvider/Check", request={"urn": URN}, response={"urn": URN}),
        registration((f"{URL}/a.py", 1))[:-9],
        "",
    ],
    ids=["begun", "another call", "cut off", "empty"],
)
def test_other_lines_of_the_log_place_nothing(line: str) -> None:
    assert registered_places([line], ROOT) == {}


def test_a_registration_without_a_position_has_no_place() -> None:
    assert registered_places([call(request={}, response={"urn": URN})], ROOT) == {URN: ()}


def test_a_saved_state_has_its_places_from_the_deployment() -> None:
    resource = {
        "urn": URN,
        "sourcePosition": "project:///components/check.py#45,3",
        "stackTrace": [
            {"sourcePosition": "project:///components/check.py#45,3"},
            {},
            {"sourcePosition": "project:///__main__.py#7"},
        ],
    }
    assert saved_places({"deployment": {"resources": [resource, {"urn": "bare"}]}}, ROOT) == {
        URN: (Place(file="components/check.py", line=45), Place(file="__main__.py", line=7)),
        "bare": (),
    }


def test_sarif_has_a_place_with_the_calls_that_led_there() -> None:
    stackless = policy("PACK02", "covers nothing")
    stackless["policyEvent"]["resourceUrn"] = ""
    (one,) = valid(sarif(sound(*MIXED, stackless), RULES, PLACES))["runs"]
    first, last = one["results"][0], one["results"][-1]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "components/autohealing%20check.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 45},
    }
    frames = [frame["location"]["physicalLocation"] for frame in first["stacks"][0]["frames"]]
    assert [frame["region"]["startLine"] for frame in frames] == [45, 7]
    assert last["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "policies/config/prod.json", "uriBaseId": "%SRCROOT%"}
    }
    assert "stacks" not in last


def test_sarif_is_valid_without_places_findings_or_a_judgement() -> None:
    for judged in (
        sound(*MIXED),
        sound(),
        run(),
        run({"diagnosticEvent": {"message": "no", "severity": "error"}}),
    ):
        valid(sarif(judged, RULES, {}))


def test_the_schema_would_tell() -> None:
    log = sarif(sound(*MIXED), RULES, PLACES)
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(jsonschema.ValidationError, match="less than the minimum"):
        valid(log)


def test_junit_and_markdown_name_the_innermost_place() -> None:
    text = junit(sound(*MIXED), PLACES)
    case = ET.fromstring(text).find("testsuite[@name='HC02']/testcase")  # noqa: S314 - our own output
    assert case is not None
    assert (case.get("file"), case.get("line")) == ("components/autohealing check.py", "45")
    assert "| HC02 | `ah`, components/autohealing check.py:45 | ratio" in markdown(sound(*MIXED), PLACES)


def test_the_command_places_by_log_state_and_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {
        "events.jsonl": "\n".join(json.dumps(event) for event in (STACK_SUMMARY, *MIXED[:1], DONE)),
        "calls.jsonl": registration((f"file://{tmp_path}/check.py", 3)),
        "state.json": json.dumps(
            {"deployment": {"resources": [{"urn": URN, "sourcePosition": "project:///old.py#9"}]}}
        ),
    }
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    given = ["--events", str(tmp_path / "events.jsonl"), "--root", str(tmp_path)]
    given += ["--state", str(tmp_path / "state.json"), "--config", str(tmp_path / "config" / "prod.json")]
    main([*given, "--sarif", str(tmp_path / "pack.sarif")])
    assert "HC02 violated on ah (old.py:9):" in capsys.readouterr().out
    valid(json.loads((tmp_path / "pack.sarif").read_text()))
    main([*given, "--calls", str(tmp_path / "calls.jsonl")])
    assert "HC02 violated on ah (check.py:3):" in capsys.readouterr().out, "the program as it is now wins"
