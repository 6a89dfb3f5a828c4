"""`make test` and `make campaign`: every test, each part where it can run.

The policy pack's tests run in its own environment. The end-to-end tests run as an ordinary user, because that is who uses the local
cloud: started by root they run as `nobody` on a copy of the checkout, and the ones marked `as_root` once more as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import foreground
from toolchain.cache import Cache
from toolchain.checkout import Checkout
from toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping


NOBODY = 65534
_NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Tests:
    """The test runs of one checkout.

    Args:
        checkout: what is tested.
        cache: where engine and environments are.
        progress: says which part begins.
        select: more arguments for pytest, for example a marker expression; given to every part.
    """

    checkout: Checkout
    cache: Cache
    progress: Progress
    select: tuple[str, ...] = ()

    def unit(self) -> int:
        """Run everything but the policy pack's and the end-to-end tests."""
        return self._pytest(self.checkout.python, "tests", "--ignore=tests/policies", "--ignore=tests/e2e")

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
        failed = []
        for part in (self.unit, self.policies, self.e2e):
            self.progress.say(f"\n== {part.__name__} tests")
            if part() != 0:
                failed.append(part.__name__)
        if failed:
            self.progress.say(f"\nFailed: {', '.join(failed)}")
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
        command = [*user, str(python), "-m", "pytest", "-q", folder, *arguments, *self.select]
        status = foreground.run(command, env={**os.environ, **(env or {})}, cwd=root, interactive=False)
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
            copy_checkout(self.checkout.root, root)
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


def copy_checkout(source: Path, target: Path) -> None:
    """Copy what git knows or would add, as it is in the working tree; nothing that is ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        check=True,
        capture_output=True,
    )
    for name in listing.stdout.decode().split("\0"):
        file = source / name
        if name and file.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target / name, follow_symlinks=False)
