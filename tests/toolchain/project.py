"""A Pulumi project in a folder of the test's: a program, a file backend, and the engine to run it."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.engine import Engine


@dataclass(frozen=True)
class Project:
    """The project `tiny` with its stack `dev`."""

    folder: Path
    engine: Engine
    virtualenv: Path
    policy_python: Path

    @property
    def program(self) -> Path:
        """The program's folder."""
        return self.folder / "program"

    @property
    def env(self) -> dict[str, str]:
        """The environment of the engine's commands: nothing of the user's own Pulumi."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        return kept | {
            "PATH": f"{self.engine.folder}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "tiny",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def create(self) -> None:
        """Write the project and make its stack."""
        self.program.mkdir()
        self.describe(virtualenv=str(self.virtualenv))
        self.write("")
        self.pulumi("stack", "init", "dev")

    def describe(self, **options: str) -> None:
        """Write Pulumi.yaml with these runtime options."""
        runtime = {"name": "python", "options": options}
        (self.program / "Pulumi.yaml").write_text(json.dumps({"name": "tiny", "runtime": runtime}))

    def write(self, source: str) -> None:
        """Replace the program."""
        (self.program / "__main__.py").write_text(textwrap.dedent(source))

    def write_policies(self, source: str) -> Path:
        """Write a policy pack and return its folder."""
        pack = self.folder / "pack"
        pack.mkdir()
        options = {"virtualenv": str(self.policy_python.parent.parent)}
        (pack / "PulumiPolicy.yaml").write_text(
            json.dumps({"runtime": {"name": "python", "options": options}})
        )
        (pack / "__main__.py").write_text(textwrap.dedent(source))
        return pack

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the engine in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [str(self.engine.pulumi), "--non-interactive", *arguments],
            cwd=self.program,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def pulumi(self, *arguments: str) -> str:
        """Run the engine, which must succeed, and return all it printed."""
        status, output = self._run(arguments)
        assert status == 0, output
        return output

    def fails(self, *arguments: str) -> str:
        """Run the engine, which must fail, and return all it printed."""
        status, output = self._run(arguments)
        assert status > 0, output
        return output

    def _run(self, arguments: tuple[str, ...]) -> tuple[int, str]:
        with self.start(*arguments) as running:
            output, _ = running.communicate(
                timeout=600
            )  # fails a test that hangs; a whole stack may take minutes on a busy machine
        return running.returncode, output

    def outputs(self, *arguments: str) -> dict[str, Any]:
        """Return the stack's outputs."""
        found: dict[str, Any] = json.loads(
            self.pulumi("stack", "output", "--json", "--stack", "dev", *arguments)
        )
        return found

    def resources(self) -> list[str]:
        """Return the types of the resources in the state."""
        state = json.loads(self.pulumi("stack", "export", "--stack", "dev"))
        return [resource["type"] for resource in state["deployment"].get("resources", [])]
