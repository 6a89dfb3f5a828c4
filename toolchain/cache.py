"""The folder outside the checkout where engines and environments are kept, shared by every checkout of one user."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Cache:
    """A folder of finished things, each under a name that says its version.

    A thing is there entirely or not at all: it is made in a temporary folder beside its place and renamed, or (where its own
    files name its place) made in place and marked when finished. Whoever makes one holds a lock with its name, so two at once
    make it once. A finished thing is never changed, so reading needs no lock and works in a folder of somebody else's.
    """

    path: Path

    @classmethod
    def default(cls, environ: Mapping[str, str] = os.environ) -> Cache:
        """Return `$MIG_NLB_CACHE`, else /var/cache/mig-nlb for root, else `$XDG_CACHE_HOME/mig-nlb`."""
        given = environ.get("MIG_NLB_CACHE")
        if given:
            return cls(Path(given).absolute())
        if os.geteuid() == 0:
            return cls(Path("/var/cache/mig-nlb"))
        return cls(Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mig-nlb")

    def folder(self, name: str) -> Path:
        """Return the (existing) folder `name` of the cache.

        Raises:
            ToolchainError: it cannot be made.
        """
        folder = self.path / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolchainError(
                f"the cache folder {folder} cannot be made ({error.strerror}): "
                "set MIG_NLB_CACHE to a folder that you can write to"
            ) from error
        return folder

    def log(self, name: str) -> Path:
        """Return where the log of making `name` goes."""
        return self.folder("logs") / f"{name}.log"

    @contextmanager
    def lock(self, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock `name`; call `waiting` once if somebody else has it."""
        file = self.folder("locks") / f"{name}.lock"
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ToolchainError(
                f"{file} cannot be written ({error.strerror}), and {name} is not in the cache yet: "
                "set MIG_NLB_CACHE to a folder that you can write to"
            ) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def staged(self, target: Path) -> Iterator[Path]:
        """Yield an empty folder that becomes `target` if the block succeeds, and is removed if it does not."""
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            stage.chmod(0o755)
            yield stage
            stage.rename(target)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
