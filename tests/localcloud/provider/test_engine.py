"""The plugin under the real engine, against the real API: a program's whole life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.localcloud import driven
from tests.localcloud.provider.local_cloud import TOKEN, LocalCloud, local_cloud
from tests.toolchain.conftest import hosted_engine, project
from tests.toolchain.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["hosted_engine", "project"]


def _program(name: str) -> str:
    """Return a recorded program, fit for a cloud that has probers and instances, which the recording's server had not.

    The firewall lets the probers in, and groups are rolled out and waited for: a template that instances have cannot be deleted.
    """
    text = (Path(__file__).parents[1] / "recorded" / name).read_text(encoding="utf-8")
    waiting = 'wait_for_instances=True, wait_for_instances_status="UPDATED"'
    changes = {
        '["35.191.0.0/16"]': '["130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22", "35.191.0.0/16"]',
        '"type": "OPPORTUNISTIC"': '"type": "PROACTIVE"',
        'description="zonal"': f'description="zonal", {waiting}',
        "target_size=3)": f"target_size=3, {waiting})",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


_ROOT = Path(__file__).parents[3]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path / "objects") as running:
        yield running
        driven.note("gcp plugin", running.driven)


@pytest.fixture
def attached(
    cloud: LocalCloud, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Project]:
    """Return a project whose engine is attached to a plugin that was started as the daemon starts it."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    command = [
        sys.executable,
        "-m",
        "localcloud.provider",
        "--endpoint",
        cloud.address,
        "--token-file",
        str(token),
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd="/") as running:
        assert running.stdout is not None
        port = running.stdout.readline().strip()
        # `Project` keeps the user's own PULUMI_ variables out; this one is ours.
        given = {**project.env, "PULUMI_DEBUG_PROVIDERS": f"gcp:{port}"}
        monkeypatch.setattr(Project, "env", given)
        project.pulumi("config", "set", "gcp:project", "p", "--stack", "dev")
        project.pulumi("config", "set", "gcp:region", "europe-west1", "--stack", "dev")
        try:
            yield project
        finally:
            running.terminate()


def _ids(project: Project) -> dict[str, str]:
    state = json.loads(project.pulumi("stack", "export", "--stack", "dev"))
    return {
        resource["urn"].rpartition("::")[2]: resource.get("id", "")
        for resource in state["deployment"]["resources"]
    }


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("program", "resources", "replaced"), [("small", 16, {"tpl"}), ("rich", 46, {"a", "b", "r"})]
)
def test_the_recorded_program_lives_its_whole_life(
    cloud: LocalCloud, attached: Project, program: str, resources: int, replaced: set[str]
) -> None:
    attached.write(_program(f"{program}/program.txt"))
    attached.pulumi("preview", "--stack", "dev")
    assert not [request for request in cloud.requests if not request.startswith("GET ")]

    attached.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert len(attached.resources()) == resources + 2  # and the stack and the provider
    cloud.requests.clear()
    attached.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "dev")
    assert not [request for request in cloud.requests if not request.startswith("GET ")]
    attached.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "dev")
    attached.pulumi("preview", "--expect-no-changes", "--stack", "dev")

    attached.write(_program(f"{program}/program_updated.txt"))
    before = _ids(attached)
    attached.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert {name for name, resource_id in _ids(attached).items() if resource_id != before[name]} == replaced
    attached.pulumi("preview", "--expect-no-changes", "--stack", "dev")

    attached.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev")
    assert attached.resources() == []
    left = [
        key
        for service in ("compute/projects/p/", "storage/b/", "secretmanager/", "monitoring/")
        for key in cloud.keys(service)
    ]
    # A template's disks with `auto_delete=False` are nobody's to take away, as on Google Cloud.
    kept = [key for key in left if key.split("/")[-2] == "disks" and key.endswith("-1")]
    assert left == kept
    assert bool(kept) == (program == "rich")
    assert not any((cloud.store.get(key) or {}).get("users") for key in kept)
