"""`make test` and `make campaign`: every test, each part where it can run.

Tests of worlds and instances wait most of their time. So a second lane runs aside of them with what mostly computes: the checks, and tests
that make nothing in the kernel. The end-to-end tests, whose instances' load is measured, have the machine to themselves after that, and
so have the long proofs of a campaign.

The policy pack's tests run in its own environment. The end-to-end tests run as an ordinary user, because that is who uses the local
cloud: started by root they run as `nobody` on a copy of the checkout, and the ones marked `as_root` once more as root.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from toolchain import aside, checks, foreground, unstable
from toolchain.cache import Cache
from toolchain.checkout import Checkout
from toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


NOBODY = 65534
_REST = ("tests", "--ignore=tests/policies", "--ignore=tests/e2e")
_NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Tests:
    """The test runs of one checkout.

    Args:
        checkout: what is tested.
        cache: where engine and environments are.
        progress: says which part begins.
        select: more arguments for pytest, for example a marker expression; given to every part.
        unstable: the tests that failed in the last run and passed when they were repeated; they are said last of all.
        output: where everything is said that the parts say; None: on the terminal.
    """

    checkout: Checkout
    cache: Cache
    progress: Progress
    select: tuple[str, ...] = ()
    unstable: list[str] = field(default_factory=list)
    output: TextIO | None = None

    def check(self) -> int:
        """Check format, lint, types and the rest of it."""
        return checks.run(self.checkout, self.progress)

    def unit(self) -> int:
        """Run everything but the policy pack's and the end-to-end tests."""
        return self._pytest(self.checkout.python, *_REST)

    def plain(self) -> int:
        """Run those of the unit tests that make nothing in the kernel: what they wait for is mostly their own work."""
        return self._pytest(self.checkout.python, *_REST, "-m", "not kernel and not campaign")

    def kernel(self) -> int:
        """Run the others of the unit tests: worlds, balancers and instances."""
        return self._pytest(self.checkout.python, *_REST, "-m", "kernel and not campaign")

    def policies(self) -> int:
        """Run the policy pack's tests in its environment."""
        return self._pytest(self.checkout.policy_python, "tests/policies")

    def e2e(self) -> int:
        """Run the end-to-end tests as an ordinary user, and as root too where it is root who asks."""
        if os.geteuid() != 0:
            return self._pytest(self.checkout.python, "tests/e2e")
        self.progress.say("As an ordinary user (nobody):")
        status = self._as_nobody()
        self.progress.say("As root:")
        return self._pytest(self.checkout.python, "tests/e2e", "-m", "as_root and not campaign") or status

    def all(self) -> int:
        """Run every part, also after one failed, and return the exit status."""
        self.unstable.clear()
        return self._end([part.__name__ for part in (self.unit, self.policies, self.e2e) if self._told(part)])

    def all_and_check(self) -> int:
        """Check, and run every part: what mostly computes aside of what mostly waits; return the exit status."""
        self.unstable.clear()
        with aside.working(self.progress) as others:
            begun = {
                "check": others.begin("check", lambda output: self._to(output).check()),
                "plain": others.begin("plain tests", lambda output: self._to(output).plain()),
            }
            failed = [part.__name__ for part in (self.kernel, self.policies) if self._told(part)]
            failed += [name for name, job in begun.items() if job.result() != 0]
        if self._told(self.e2e):
            failed.append("e2e")
        return self._end(failed)

    def _told(self, part: Callable[[], int]) -> int:
        self.progress.say(f"\n== {part.__name__} tests")
        return part()

    def _to(self, output: TextIO) -> Tests:
        """Return the same test runs, said to a file."""
        return replace(self, output=output, progress=Progress(output))

    def _end(self, failed: list[str]) -> int:
        if failed:
            self.progress.say(f"\nFailed: {', '.join(failed)}")
        if self.unstable:
            self.progress.say(unstable.summary(self.unstable))
        return 1 if failed else 0

    def _pytest(
        self,
        python: Path,
        folder: str,
        *arguments: str,
        root: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: tuple[str, ...] = (),
    ) -> int:
        root = root or self.checkout.root
        environment = {**os.environ, **(env or {})}

        def run(*what: str) -> int:
            command = [*user, str(python), "-m", "pytest", "-q", *what]
            if self.output is None:
                return foreground.run(command, env=environment, cwd=root, interactive=False, last=False)
            return subprocess.run(
                command,
                env=environment,
                cwd=root,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
            ).returncode

        with unstable.Record.of_a_run() as record:
            status = run(*record.arguments, folder, *arguments, *self.select)
            if status == unstable.TESTS_FAILED and not self.select:
                status = record.repeat(run, self.progress, self.unstable)
        if status == _NO_TESTS_COLLECTED and self.select:
            self.progress.say(f"(the selection has no tests in {folder})")
            return 0
        # Without a selection a part that finds no tests has lost them: that is a failure.
        return status

    def _as_nobody(self) -> int:
        with tempfile.TemporaryDirectory(prefix="mig-nlb-e2e-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            home = folder / "home"
            home.mkdir(mode=0o700)
            root = folder / "checkout"
            self.checkout.copy_to(root)
            subprocess.run(["git", "init", "--quiet", root], check=True)
            for place in (".venv", "policies/.venv"):
                (root / place).symlink_to((self.checkout.root / place).resolve())
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            env = {
                "HOME": str(home),
                "USER": "nobody",
                "LOGNAME": "nobody",
                "XDG_STATE_HOME": str(home / "state"),
                "XDG_CACHE_HOME": str(home / "cache"),
                "XDG_RUNTIME_DIR": str(home),
                "TMPDIR": str(folder / "tmp"),
                "MIG_NLB_CACHE": str(self.cache.path),
            }
            (folder / "tmp").mkdir(mode=0o700)
            os.chown(folder / "tmp", NOBODY, NOBODY)
            user = (
                "setpriv",
                f"--reuid={NOBODY}",
                f"--regid={NOBODY}",
                "--clear-groups",
                "--inh-caps=-all",
                "--",
            )
            return self._pytest(root / ".venv" / "bin" / "python", "tests/e2e", root=root, env=env, user=user)
