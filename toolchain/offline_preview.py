"""`make preview OFFLINE=1`: a stack as it is configured, previewed by the real engine against a local cloud of its own.

Nothing of the user's is needed or touched: no account, no secret, no state. The program is a copy, because the engine writes into
stack files; cloud, state and engine's folder are temporary. With a base, that revision is deployed on the local cloud first: then the
preview tells what would be updated and what recreated, instead of a list of creations.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import foreground
from toolchain.checkout import Checkout
from toolchain.engine import Engine
from toolchain.errors import ToolchainError
from toolchain.gate import Gate
from toolchain.progress import Progress
from toolchain.shell_environment import LOCAL_STACK, ShellEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator


_ENVIRONMENTS = (".venv", "policies/.venv")
# What a stack file says of its secrets' encryption: they cannot be read here, and a new state has a passphrase of its own.
_ENCRYPTION = re.compile(r"^(?:secretsprovider|encryptedkey|encryptionsalt):")
# A deployment of the base has to wait for instances to boot and be ready; its clock need not be a wall clock's.
BASE_SPEED = 50


@dataclass(frozen=True)
class OfflinePreview:
    """One offline preview.

    Args:
        checkout: the program and the policy pack.
        engine: the engine to run.
        progress: says what is going on.
        stack: the stack's name.
        base: a revision to compare with, or None for an empty cloud.
        reports: the folder for what the pack found and the engine did.
        environ: the variables of whoever asks.
    """

    checkout: Checkout
    engine: Engine
    progress: Progress
    stack: str
    base: str | None = None
    reports: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self) -> int:
        """Preview, leave nothing running, and return the exit status: 0 if the policy pack has nothing against it.

        Raises:
            ToolchainError: there is no such stack or revision, or the local cloud does not start.
        """
        self.checkout.require_stack(self.stack)
        with tempfile.TemporaryDirectory(prefix="mig-nlb-offline-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            program = self._copy(folder / "program")
            shell = ShellEnvironment(program, self.engine, LOCAL_STACK)
            environ = {
                # Whatever speaks of the user's own clouds, backends and credentials stays outside.
                **{
                    key: value
                    for key, value in self.environ.items()
                    if not key.startswith(
                        ("PULUMI_", "GOOGLE_", "CLOUDSDK_", "LOCALCLOUD_", "MIG_NLB_SAVED_", "MIG_NLB_LOCAL_")
                    )
                },
                "LOCALCLOUD_HOME": str(folder / "cloud"),
            }
            offline = shell.apply(environ, cloud=False)
            base = self._base_program(folder / "base")
            self._pulumi("stack", "init", self.stack, env=offline, program=base or program)
            with self._cloud(program, environ, offline, base):
                env = shell.apply(environ)
                if base is not None:
                    self.progress.say(f"Deploying {self.base} on a local cloud, to compare with ...")
                    self._pulumi(
                        "up", "--yes", "--skip-preview", "--stack", self.stack, env=env, program=base
                    )
                compared = self.base if self.base and base else "an empty cloud"
                gate = Gate(program, self.stack, self.reports, compared)
                return gate.preview(str(self.engine.pulumi), env=env, interactive=False)

    @property
    def _stack_file(self) -> str:
        return f"Pulumi.{self.stack}.yaml"

    def _copy(self, target: Path) -> Checkout:
        self.checkout.copy_to(target)
        self._make_runnable(target)
        return Checkout(target)

    def _base_program(self, target: Path) -> Checkout | None:
        """Unpack the base revision; None where there is none to compare with, or it did not have the stack yet."""
        if not self.base:
            return None
        target.mkdir()
        # With an index of its own, git writes the revision's files elsewhere and leaves the user's checkout as it is.
        done = subprocess.run(
            ["git", f"--work-tree={target}", "checkout", "--quiet", self.base, "--", "."],
            cwd=self.checkout.root,
            env={**self.environ, "GIT_INDEX_FILE": f"{target}.index"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ToolchainError(
                f"base {self.base!r}: not a revision of this repository ({done.stderr.strip()}); fetch it first"
            )
        if not (target / self._stack_file).is_file():
            self.progress.say(f"{self.base} has no {self._stack_file}: comparing with an empty cloud")
            return None
        self._make_runnable(target)
        return Checkout(target)

    def _make_runnable(self, target: Path) -> None:
        for place in _ENVIRONMENTS:
            (target / place).symlink_to((self.checkout.root / place).resolve())
        file = target / self._stack_file
        kept = [
            line for line in file.read_text("utf-8").splitlines(keepends=True) if not _ENCRYPTION.match(line)
        ]
        file.write_text("".join(kept), "utf-8")

    @contextmanager
    def _cloud(
        self, program: Checkout, environ: Mapping[str, str], offline: Mapping[str, str], base: Checkout | None
    ) -> Iterator[None]:
        """Run an empty cloud of the stack's project for as long as the block lasts, also if that is ended by a signal."""
        project = self._pulumi(
            "config", "get", "gcp:project", "--stack", self.stack, env=offline, program=program
        )
        speed = ["--speed", str(BASE_SPEED)] if base else []
        terminated = signal.signal(signal.SIGTERM, signal.default_int_handler)
        command = str(program.localcloud)
        try:
            started = foreground.run(
                [command, "start", "--project", project.strip(), *speed],
                env=environ,
                cwd=program.root,
                interactive=False,
            )
            if started != 0:
                raise ToolchainError("the local cloud did not start; the reason is above")
            yield
        finally:
            foreground.run([command, "stop"], env=environ, cwd=program.root, interactive=False)
            signal.signal(signal.SIGTERM, terminated)

    def _pulumi(self, *arguments: str, env: Mapping[str, str], program: Checkout) -> str:
        """Run the engine in a program's folder and return what it printed; an error shows all of it."""
        done = subprocess.run(
            [str(self.engine.pulumi), "--non-interactive", *arguments],
            env=env,
            cwd=program.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ToolchainError(f"pulumi {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}".rstrip())
        return done.stdout
