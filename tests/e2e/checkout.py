"""A copy of this checkout in a folder of a test's, and the commands that a user runs in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from toolchain import checkout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


SOURCE = checkout.Checkout.here()


class CommandFailedError(AssertionError):
    """A command ended with another status than the test expects; carries all it printed."""


class Checkout:
    """One checkout, and where its cloud is to be."""

    def __init__(self, folder: Path, speed: float, env: Mapping[str, str] | None = None) -> None:
        """`env` overrides what the test's own environment has."""
        self.root = folder / "checkout"
        self.home = folder / "cloud"
        self.speed = speed
        SOURCE.copy_to(self.root)
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PULUMI_", "GOOGLE_", "LOCALCLOUD_", "VIRTUAL_ENV"))
            },
            "LOCALCLOUD_HOME": str(self.home),
            "LOCALCLOUD_SPEED": f"{speed:g}",
            **(env or {}),
        }
        self._exports: dict[str, str] | None = None

    # Commands ---------------------------------------------------------------------------------------------------------------

    def make(self, *arguments: str, status: int | None = 0, timeout: float = 900) -> str:
        """Run make; returns all it printed."""
        return self._run(["make", *arguments], self.env, status, timeout)

    def pulumi(self, *arguments: str, status: int | None = 0) -> str:
        """Run the engine with what `make env` exports."""
        return self._run(["pulumi", *arguments], self.exports(), status, 900)

    def localcloud(self, *arguments: str, status: int | None = 0) -> str:
        """Run the localcloud command; returns what it printed."""
        return self._run(["localcloud", *arguments], self.exports(), status, 300)

    def exports(self) -> dict[str, str]:
        """Return the environment after `eval "$(make -s env)"`."""
        if self._exports is None:
            script = 'eval "$(make -s env)" && exec env -0'
            printed = subprocess.run(
                ["bash", "-c", script], cwd=self.root, env=self.env, check=True, capture_output=True
            ).stdout
            self._exports = dict(item.split("=", 1) for item in printed.decode().split("\0") if "=" in item)
        return self._exports

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in its own process group, as a terminal would; its output is piped."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _run(self, command: list[str], env: Mapping[str, str], status: int | None, timeout: float) -> str:
        path = env.get("PATH", os.defpath)
        program = shutil.which(command[0], path=path) or command[0]
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.root,
            env=env,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if status is not None and done.returncode != status:
            msg = f"{' '.join(command)}: exit status {done.returncode}, expected {status}\n{done.stdout}"
            raise CommandFailedError(msg)
        return done.stdout

    def configure(self, **values: object) -> None:
        """Set keys of the local stack's file; a mapping is merged into what is there, None removes."""
        file = self.root / "Pulumi.local.yaml"
        content = yaml.safe_load(file.read_text())
        for name, value in values.items():
            _merge(content["config"], f"mig-nlb:{name}", value)
        file.write_text(yaml.safe_dump(content))


def _merge(into: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        into.pop(name, None)
    elif isinstance(value, dict) and isinstance(into.get(name), dict):
        for key, inner in value.items():
            _merge(into[name], key, inner)
    else:
        into[name] = value


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the terminal sends SIGINT to the whole foreground group."""
    os.killpg(process.pid, signal.SIGINT)
