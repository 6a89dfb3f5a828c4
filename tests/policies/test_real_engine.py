"""The pack under the real engine, on first previews, when every link between resources is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mig_policies.catalogue import RULES

from tests.policies.real_engine import PROGRAM_VIRTUALENV, Project, engine_folder, gcp_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_the_programs_folder_is_left_as_it_was(project: Project) -> None:
    assert not [path for path in Path(project.folder, "program").iterdir() if path.suffix == ".json"]
