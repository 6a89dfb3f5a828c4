"""The real engine over the real pack: a project in a temporary folder, the gcp plugin of the local cloud, and no cloud.

A first preview asks no provider for anything but its predictions, so nothing has to listen at the plugin's endpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.policies.engine import Declared

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("program")
PROGRAM_VIRTUALENV = REPOSITORY / ".venv"
PACK = REPOSITORY / "policies"


@dataclass(frozen=True)
class Preview:
    """How a preview ended, and every policy event of it."""

    status: int
    output: str
    events: tuple[Mapping[str, Any], ...]

    @property
    def policies(self) -> list[Mapping[str, Any]]:
        return [event["policyEvent"] for event in self.events if "policyEvent" in event]

    def violated(self, policy: str) -> list[Mapping[str, Any]]:
        return [event for event in self.policies if event["policyName"] == policy]


@dataclass(frozen=True)
class Project:
    """The test program as a project with the stack `test`."""

    folder: Path
    engine: Path
    plugin_port: int

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "GOOGLE_"))
        }
        return kept | {
            "PATH": f"{self.engine}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_PROVIDERS": f"gcp:{self.plugin_port}",
            "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
        }

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.engine / "pulumi"), "--non-interactive", *arguments],
            cwd=self.folder / "program",
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def create(self) -> None:
        program = self.folder / "program"
        shutil.copytree(PROGRAM, program, ignore=shutil.ignore_patterns("__pycache__"))
        runtime = {"name": "python", "options": {"virtualenv": str(PROGRAM_VIRTUALENV)}}
        (program / "Pulumi.yaml").write_text(json.dumps({"name": "web", "runtime": runtime}))
        made = self.pulumi("stack", "init", "test")
        assert made.returncode == 0, made.stderr
        for key, value in {
            "gcp:project": "p",
            "gcp:region": "europe-west1",
            "gcp:skipRegionValidation": "true",
        }.items():
            self.pulumi("config", "set", key, value, "--stack", "test")

    def preview(self, case: str, config: Mapping[str, Any]) -> Preview:
        """Preview the program's `case` with the pack, configured so."""
        given = self.folder / "policy-config.json"
        given.write_text(json.dumps(config))
        self.pulumi("config", "set", "case", case, "--stack", "test")
        pack = ["--policy-pack", str(PACK), "--policy-pack-config", str(given)]
        done = self.pulumi("preview", "--stack", "test", "--json", *pack)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return Preview(done.returncode, done.stdout + done.stderr, tuple(events))


def engine_folder() -> Path:
    """Return the folder of the engine, as `make engine` finds it."""
    found = subprocess.run(
        ["/usr/bin/python3", "-m", "toolchain", "engine"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(found.stdout.strip().splitlines()[-1])


@contextmanager
def gcp_plugin() -> Iterator[int]:
    """Run the gcp plugin and yield its port; its endpoint is a port that nothing listens on."""
    plugin = subprocess.Popen(
        [
            str(PROGRAM_VIRTUALENV / "bin" / "python"),
            "-m",
            "localcloud.provider",
            "--endpoint",
            "http://127.0.0.1:9/",
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert plugin.stdout is not None
        yield int(plugin.stdout.readline())
    finally:
        plugin.terminate()
        plugin.wait(timeout=300)
        if plugin.stdout is not None:
            plugin.stdout.close()


def state_file(resources: Sequence[Declared], folder: Path) -> Path:
    """Write resources as `pulumi stack export` would once they exist, and return the file."""
    prefix = "urn:pulumi:test::web"
    types = {resource.name: resource.type for resource in resources}

    def urn(name: str) -> str:
        return f"{prefix}::{types[name]}::{name}"

    states = [
        {
            "urn": urn(resource.name),
            "custom": True,
            "id": resource.name,
            "type": resource.type,
            "inputs": resource.inputs,
            "outputs": resource.outputs,
            "propertyDependencies": {
                key: [urn(name) for name in names] for key, names in resource.sources.items()
            },
            "dependencies": sorted({urn(name) for names in resource.sources.values() for name in names}),
        }
        for resource in resources
    ]
    manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
    file = folder / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"manifest": manifest, "resources": states}}))
    return file
