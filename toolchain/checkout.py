"""This checkout: where its parts are, and its Python environments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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

    def ensure_environments(self, cache: Cache, progress: Progress) -> None:
        """Make both environments if they are not in the cache, and link `.venv` and `policies/.venv` to them."""
        program = PythonEnvironment("program", self.root / "requirements-dev.lock").ensure(cache, progress)
        link(program, self.root / ".venv")
        policy = PythonEnvironment("policy", self.policies / "requirements-dev.lock").ensure(cache, progress)
        link(policy, self.policies / ".venv")
