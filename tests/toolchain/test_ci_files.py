"""CI's files for all three systems: their commands are make targets, their actions are pinned, and pull requests get no secrets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolchain import commands, merge_request, pr_comment

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


class _Loader(yaml.SafeLoader):
    """Reads GitLab's `!reference` as the list that it is."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return list(loader.construct_sequence(node))


_Loader.add_constructor("!reference", _reference)


def load(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.load(file.read_text(), _Loader)  # noqa: S506  a safe loader with one tag more
    return found


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in load(file)["jobs"].values() for step in job.get("steps", ())]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflows_commands_are_make_targets(file: Path) -> None:
    for step in steps(file):
        if "run" in step:
            command = re.fullmatch(
                r"(?:sudo )?make ([a-z]+)\b.*|sudo sysctl -w kernel\.\S+", step["run"], re.DOTALL
            )
            assert command, step["run"]
            assert command[1] is None or command[1] in commands.COMMANDS, step["run"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_commit_and_say_their_version(file: Path) -> None:
    for line in file.read_text().splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_what_runs_for_pull_requests_has_no_secret_and_may_only_read() -> None:
    file = ROOT / ".github" / "workflows" / "ci.yml"
    text = file.read_text()
    assert load(file)["permissions"] == {"contents": "read"}
    assert not re.search(r"secrets\.|vars\.|id-token|permissions:\n\s+\w+: write|pull_request_target", text)
    assert all("permissions" not in job for job in load(file)["jobs"].values())


def test_what_may_comment_runs_nothing_of_the_pull_request() -> None:
    file = ROOT / ".github" / "workflows" / "comment.yml"
    assert [step["uses"].partition("@")[0] for step in steps(file)] == [
        "actions/download-artifact",
        "actions/github-script",
    ]
    script = steps(file)[1]["with"]["script"]
    assert "${{" not in script, "a name of somebody's choice would become part of the script"
    assert f"'{pr_comment.MARKER}'" in script
    assert pr_comment.MOST_CHARACTERS < 65_000


def test_stacks_are_promoted_one_after_the_other() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"]
    assert [(name, job.get("needs"), job["with"]["stack"]) for name, job in jobs.items()] == [
        ("dev", None, "dev"),
        ("staging", "dev", "staging"),
        ("prod", "staging", "prod"),
    ]
    gitlab = load(ROOT / "ci" / "gitlab.yml")
    assert gitlab["staging"]["needs"] == ["dev", "staging-preview"]
    assert gitlab["prod"]["needs"] == ["staging", "prod-preview"]
    assert gitlab["prod"]["rules"][0]["when"] == "manual"


def test_the_other_systems_call_make_targets_too() -> None:
    for name in ("gitlab.yml", "cloudbuild.yaml"):
        text = (ROOT / "ci" / name).read_text()
        called = set(re.findall(r"(?<=[-);] )make ([a-z]+)", text))
        assert called >= {"up", "preview", "drift"}
        assert called <= set(commands.COMMANDS)


def test_gitlabs_cache_goes_by_two_files_at_most() -> None:
    files = load(ROOT / "ci" / "gitlab.yml")["default"]["cache"]["key"]["files"]
    assert len(files) <= 2, "GitLab takes no more"
    assert all((ROOT / name).is_file() for name in files)


def test_only_what_runs_on_the_local_cloud_asks_gitlabs_runner_for_namespaces() -> None:
    gitlab = load(ROOT / "ci" / "gitlab.yml")
    asking = {
        name for name, job in gitlab.items() if isinstance(job, dict) and job.get("extends") == ".local"
    }
    assert asking == {"test", "preview"}
    assert "make preflight" in gitlab[".local"]["before_script"]
    assert "make preflight" not in gitlab[".tools"]["before_script"]


def test_gitlabs_note_is_posted_by_the_default_branch_and_by_nothing_of_the_merge_request() -> None:
    gitlab = load(ROOT / "ci" / "gitlab.yml")
    (asking,) = gitlab["announce"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in asking["if"], "a fork may not"
    assert gitlab["announce"]["trigger"]["branch"] == "$CI_DEFAULT_BRANCH"
    assert set(gitlab["announce"]["variables"]) == {"COMMENTED_PIPELINE"}
    (posting,) = gitlab["note"]["rules"]
    assert '$CI_PIPELINE_SOURCE == "pipeline" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH' in posting["if"]
    # Nothing else runs in that pipeline, and the token is named nowhere: it is a protected variable of the project.
    for name, job in gitlab.items():
        for rule in job.get("rules", ()) if isinstance(job, dict) and name != "note" else ():
            if "$CI_COMMIT_BRANCH" in rule["if"]:
                assert '$CI_PIPELINE_SOURCE != "pipeline"' in rule["if"], name
    assert merge_request.TOKEN not in json.dumps(gitlab)


def test_gitlabs_jobs_extend_and_need_jobs_that_exist() -> None:
    gitlab = load(ROOT / "ci" / "gitlab.yml")
    jobs = {
        name: job
        for name, job in gitlab.items()
        if isinstance(job, dict) and ("script" in job or "extends" in job)
    }
    assert {"test", "preview"} <= set(jobs)
    for name, job in jobs.items():
        assert job.get("extends", name) in gitlab
        assert job.get("stage", "test") in gitlab["stages"]
        assert set(job.get("needs", ())) <= set(gitlab)


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "ci" / "gitlab.yml"], ids=lambda file: file.name)
def test_every_committed_stack_but_the_local_one_is_previewed(file: Path) -> None:
    text = file.read_text()
    if "stack: [" in text.lower():
        named = re.search(r"stack: \[(.*)\]", text, re.IGNORECASE)
        assert named
        committed = {path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")} - {"local"}
        assert set(named[1].split(", ")) == committed
