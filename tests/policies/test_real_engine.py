"""The pack under the real engine, on first previews, when every link between resources is unknown."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mig_policies.catalogue import RULES
from mig_policies.reports.events import read_events
from mig_policies.reports.sarif import sarif

from tests.policies.real_engine import (
    PACK,
    PROGRAM_VIRTUALENV,
    Project,
    engine_folder,
    gcp_plugin,
    state_file,
)
from tests.policies.stacks import created
from tests.policies.test_places import valid

if TYPE_CHECKING:
    from collections.abc import Iterator
import shutil

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAM_VIRTUALENV.exists(), reason="the program's environment is made by `make`"),
]
# The local cloud's plugin has no resource type of identity federation.
UNREACHED = {"IAM03"}
CONFIG = {"PACK01": {"stack": "test"}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with gcp_plugin() as port:
        made = Project(tmp_path_factory.mktemp("policies"), engine_folder(), port)
        made.create()
        yield made


def test_a_sound_stack_passes_its_first_preview_without_a_word(project: Project) -> None:
    preview = project.preview("sound", {**CONFIG, "PACK04": "mandatory"})
    assert preview.status == 0, preview.output
    assert preview.policies == []


def test_two_untouched_checks_fail_the_first_preview_with_the_arithmetic(project: Project) -> None:
    preview = project.preview("equal", CONFIG)
    assert preview.status != 0
    (event,) = preview.violated("HC02")
    assert event["enforcementLevel"] == "mandatory"
    assert event["resourceUrn"].endswith("RegionInstanceGroupManager::mig")
    told = "balancer stops sending after 2 x 5 s = 10 s; autohealing recreates after 2 x 5 s = 10 s; ratio 1.0, required 2"
    assert told in event["message"]
    assert told in preview.output
    assert (
        "group 'mig' heals by health check 'ah', backend service 'be' balances by health check 'lb'"
        in event["message"]
    )
    # The provider's note of what it filled in has arrived.
    every = "checkIntervalSec, timeoutSec, healthyThreshold, unhealthyThreshold unset"
    assert [every in event["message"] for event in preview.violated("HC07")] == [True, True]


def test_every_rule_speaks_on_a_first_preview(project: Project) -> None:
    preview = project.preview("wrong", CONFIG)
    assert preview.status != 0
    assert "can't run policy" not in preview.output
    spoken = {event["policyName"] for event in preview.policies}
    assert {rule.id for rule in RULES} - spoken == UNREACHED
    assert not [event["message"] for event in preview.violated("PACK04")]


def test_the_configured_ratio_and_level_arrive(project: Project) -> None:
    config = {**CONFIG, "HC02": {"enforcementLevel": "advisory", "minRatio": 16}}
    preview = project.preview("sound", config)
    assert preview.status == 0, preview.output
    (event,) = preview.violated("HC02")
    assert event["enforcementLevel"] == "advisory"
    assert "ratio 15.0, required 16" in event["message"]


def test_another_stacks_configuration_is_refused(project: Project) -> None:
    preview = project.preview("sound", {"PACK01": {"stack": "prod"}})
    assert preview.status != 0
    assert "this is stack 'test', the configuration given is for stack 'prod'" in preview.output


def test_a_parameter_of_the_wrong_type_stops_the_run(project: Project) -> None:
    preview = project.preview("sound", {**CONFIG, "HC02": {"minRatio": "three"}})
    assert preview.status != 0
    assert "minRatio" in preview.output


def test_a_saved_state_is_judged_without_program_or_cloud(project: Project) -> None:
    resources = created()
    analyze = ("policy", "analyze", "--json", "--policy-pack", str(PACK), "--file")
    judged = project.pulumi(*analyze, str(state_file(resources, project.folder)))
    run = read_events(judged.stdout.splitlines(), "mig-nlb", saved_state=True)
    assert run.judged
    told = {finding.rule for finding in run.findings}
    assert {"NET01", "AS01"} <= told, "rules about the whole stack were run"
    assert not told & {"HC01", "HC02", "HC03", "HC04"}
    (healing,) = (resource for resource in resources if resource.name == "ah")
    for tree in (healing.inputs, healing.computed):
        tree.update(checkIntervalSec=5, timeoutSec=5, unhealthyThreshold=2)
    judged = project.pulumi(*analyze, str(state_file(resources, project.folder)))
    assert judged.returncode != 0
    assert "autohealing recreates after 2 x 5 s = 10 s; ratio 1.0, required 2" in judged.stdout


def test_a_saved_state_needs_neither_project_nor_program(project: Project, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(project.engine / "pulumi"),
            "policy",
            "analyze",
            "--json",
            "--policy-pack",
            str(PACK),
            "--file",
            str(state_file(created(), project.folder)),
        ],
        cwd=tmp_path,
        # Not even the folders where the program's environment or a provider could be found.
        env={
            key: value
            for key, value in project.env.items()
            if key not in {"PULUMI_DEBUG_PROVIDERS", "VIRTUAL_ENV"}
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert read_events(done.stdout.splitlines(), "mig-nlb", saved_state=True).judged, done.stderr


def test_the_gate_reads_the_engines_own_events(project: Project) -> None:
    closed = read_events(project.preview("equal", CONFIG).output.splitlines(), "mig-nlb")
    assert [finding.rule for finding in closed.findings if finding.mandatory] == ["HC02", "HC04"]
    assert len(closed.blocking) == 2
    valid(sarif(closed, RULES, {}))
    opened = read_events(project.preview("sound", CONFIG).output.splitlines(), "mig-nlb")
    assert opened.blocking == []
    assert opened.judged
    assert ("HC02", "") in opened.passed


def test_a_wrong_configuration_file_stops_the_pack(project: Project) -> None:
    copy = project.folder / "pack"
    shutil.copytree(PACK, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "config" / "prod.json").write_text('{"PACK01": {"stack": "prod"}, "HC20": "disabled"}')
    stopped = project.pulumi("preview", "--stack", "test", "--policy-pack", str(copy))
    assert stopped.returncode != 0
    assert "prod.json: unknown rule 'HC20'" in stopped.stdout


def test_the_programs_folder_is_left_as_it_was(project: Project) -> None:
    assert not [path for path in Path(project.folder, "program").iterdir() if path.suffix == ".json"]
