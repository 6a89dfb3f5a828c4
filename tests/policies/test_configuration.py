"""Configuration: the committed files, what the linter refuses, and stacks compared with those they are promoted from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from mig_policies import housekeeping
from mig_policies.configuration import ConfigurationError, laxer, lint, load
from mig_policies.housekeeping import CONFIG_FOLDER, HOUSEKEEPING, entries, require_sound_configurations
from mig_policies.rule import MANDATORY

from tests.policies import engine
from tests.policies.engine import analyze
from tests.policies.stacks import sound

if TYPE_CHECKING:
    from pathlib import Path

EXEMPTION = {"resource": "mig", "reason": "very simple", "owner": "ops@example.com", "expires": "2026-12-31"}


def test_the_committed_configurations_are_sound() -> None:
    require_sound_configurations()


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_a_sound_stack_passes_under_the_committed_configurations(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STACK", stack)
    config = load(CONFIG_FOLDER / f"{stack}.json")
    scaler = sound()["as"]
    scaler.inputs["autoscalingPolicy"]["cooldownPeriod"] = 120
    assert analyze(sound().add(scaler).resources, config).findings == ()


def test_production_asks_for_a_ratio_of_three_and_fails_on_what_is_undetermined() -> None:
    production = load(CONFIG_FOLDER / "prod.json")
    assert production["HC02"] == {"minRatio": 3}
    assert production["PACK04"] == "mandatory"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"HC99": "mandatory"}, "unknown rule 'HC99'"),
        ({"HC02": "fatal"}, "HC02: level 'fatal'"),
        (
            {"HC02": {"minRatoi": 3}},
            "HC02: unknown key 'minRatoi'; it has enforcementLevel, minRatio, exemptions",
        ),
        ({"HC02": {"minRatio": "three"}}, "HC02.minRatio: 'three' is not a number"),
        ({"HC02": {"minRatio": True}}, "HC02.minRatio: True is not a number"),
        ({"HC02": {"minRatio": 0.5}}, "HC02.minRatio: 0.5, required at least 1"),
        ({"HC04": {"minUnhealthyThreshold": 11}}, "required at most 10"),
        ({"LB06": {"allowedPorts": [8080]}}, "LB06.allowedPorts: [8080] is not a list of strings"),
        ({"HC02": 3}, "HC02: 3 is neither a level nor an object"),
        ({"all": "advisory"}, "'all' sets every level at once"),
        ({"PACK01": "disabled"}, "PACK01: level disabled, at least mandatory required"),
        ({"PACK04": {"enforcementLevel": "disabled"}}, "PACK04: level disabled, at least advisory required"),
        ({"PACK02": {"exemptions": []}}, "PACK02: unknown key 'exemptions'"),
        ({"PACK01": {"stack": 1}}, "PACK01.stack: 1 is not a name"),
        ({"HC02": {"exemptions": {}}}, "HC02.exemptions: {} is not a list"),
        ({"HC02": {"exemptions": [{**EXEMPTION, "owner": ""}]}}, "HC02.exemptions: owner is ''"),
    ],
)
def test_a_fault_in_a_configuration_is_named(config: dict[str, Any], told: str) -> None:
    (fault,) = lint(config, entries())
    assert told in fault


def test_what_is_right_has_no_fault() -> None:
    config = {
        "HC02": {"enforcementLevel": "advisory", "minRatio": 3, "exemptions": [EXEMPTION]},
        "HC07": "disabled",
    }
    assert lint(config, entries()) == []


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text('{"PACK01": {"stack": "b"}, "HC02": "mandatory", "HC02": "disabled"}')
    (tmp_path / "c.json").write_text('{"PACK01": {"stack": "prod"}, "HC98": "mandatory"}')
    (tmp_path / "d.json").write_text("[]")
    with pytest.raises(ConfigurationError) as refused:
        require_sound_configurations(tmp_path)
    told = "\n".join(refused.value.faults)
    assert "a.json: no JSON" in told
    assert "b.json: 'HC02' stands there twice" in told
    assert "c.json: unknown rule 'HC98'" in told
    assert 'c.json: PACK01.stack must say "c"' in told
    assert "d.json: not a JSON object" in told


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ({"HC02": "advisory"}, {}, "HC02 is advisory here and mandatory there"),
        ({}, {"HC13": "mandatory"}, "HC13 is advisory here and mandatory there"),
        ({}, {"HC02": {"minRatio": 3}}, "HC02.minRatio is 2 here and 3 there"),
        ({"HC06": {"maxIntervalToTimeout": 3}}, {}, "HC06.maxIntervalToTimeout is 3 here and 2 there"),
        (
            {"LB06": {"allowedPorts": ["80", "443", "8080", "22"]}},
            {},
            "LB06.allowedPorts is 80, 443, 8080, 22 here",
        ),
        ({}, {"MIG01": {"allowedZones": ["b"]}}, "MIG01.allowedZones is anything here and b there"),
    ],
)
def test_a_laxer_stack_is_found_out(here: dict[str, Any], there: dict[str, Any], told: str) -> None:
    (difference,) = laxer(here, there, entries())
    assert told in difference
    assert laxer(there, here, entries()) == []


def test_a_stack_laxer_than_its_source_fails_the_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"PACK01": {"stack": "test"}, "PACK05": {"promotedFrom": "before"}}
    (tmp_path / "test.json").write_text(json.dumps(config))
    (tmp_path / "before.json").write_text(
        json.dumps({"PACK01": {"stack": "before"}, "HC02": {"minRatio": 4}})
    )
    monkeypatch.setattr(housekeeping, "CONFIG_FOLDER", tmp_path)
    report = analyze(sound().resources, config)
    assert report.violated == {"PACK05"}
    assert (
        "stack 'test' is laxer than 'before', which it is promoted from: HC02.minRatio is 2 here and 4 there"
        in report.message("PACK05")
    )
    (tmp_path / "before.json").unlink()
    assert "is not there to compare with" in analyze(sound().resources, config).message("PACK05")


def test_a_stack_with_a_configuration_must_be_given_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test.json").write_text('{"PACK01": {"stack": "test"}}')
    monkeypatch.setattr(housekeeping, "CONFIG_FOLDER", tmp_path)
    assert "add --policy-pack-config policies/config/test.json" in analyze(sound().resources).message(
        "PACK01"
    )
    assert analyze(sound().resources, {"PACK01": {"stack": "test"}}).violated == set()


def test_a_stack_without_a_configuration_runs_on_the_defaults() -> None:
    assert analyze(sound().resources).violated == set()


def test_what_guards_the_gate_cannot_be_switched_off() -> None:
    guards = {duty.id for duty in HOUSEKEEPING if duty.level is MANDATORY}
    assert guards == {"PACK01", "PACK02", "PACK05"}
    for guard in guards:
        assert lint({guard: "advisory"}, entries())
