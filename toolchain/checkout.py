"""This checkout: where its parts are, and its Python environments."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import ToolchainError
from toolchain.python_environment import PythonEnvironment, link

if TYPE_CHECKING:
    from toolchain.cache import Cache
    from toolchain.progress import Progress


@dataclass(frozen=True)
class Checkout:
    """The repository's working tree at `root`."""

    root: Path

    @classmethod
    def here(cls) -> Checkout:
        """Return the checkout that this file is in."""
        return cls(Path(__file__).resolve().parent.parent)

    @property
    def python(self) -> Path:
        """The Python of the program, the local cloud and the tests."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def policies(self) -> Path:
        """The policy pack."""
        return self.root / "policies"

    @property
    def policy_python(self) -> Path:
        """The policy pack's Python: its dependencies clash with the program's."""
        return self.policies / ".venv" / "bin" / "python"

    @property
    def localcloud(self) -> Path:
        """The `localcloud` command."""
        return self.root / "localcloud" / "bin" / "localcloud"

    def stack_file(self, stack: str) -> Path:
        """Return where a stack's configuration is, for a name that may also be `ORGANIZATION/PROJECT/NAME`."""
        return self.root / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml"

    def require_stack(self, stack: str) -> None:
        """Return if the stack has a file.

        Raises:
            ToolchainError: it has none; the message says which stacks there are.
        """
        file = self.stack_file(stack)
        if not file.is_file():
            known = ", ".join(sorted(path.name.split(".")[1] for path in self.root.glob("Pulumi.*.yaml")))
            raise ToolchainError(f"stack {stack!r}: there is no {file.name}; stacks are: {known}")

    def copy_to(self, target: Path) -> None:
        """Copy what git knows or would add, as it is in the working tree; nothing that is ignored."""
        listing = subprocess.run(
            # Who runs this checkout's code trusts it, whoever owns its folder.
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            check=True,
            capture_output=True,
        )
        for name in listing.stdout.decode().split("\0"):
            file = self.root / name
            if name and file.exists():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target / name, follow_symlinks=False)

    def ensure_environments(self, cache: Cache, progress: Progress) -> None:
        """Make both environments if they are not in the cache, and link `.venv` and `policies/.venv` to them."""
        program = PythonEnvironment("program", self.root / "requirements-dev.lock").ensure(cache, progress)
        link(program, self.root / ".venv")
        policy = PythonEnvironment("policy", self.policies / "requirements-dev.lock").ensure(cache, progress)
        link(policy, self.policies / ".venv")
