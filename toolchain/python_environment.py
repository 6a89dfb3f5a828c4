"""Python environments in the cache: each for one set of requirements and one Python, made once and never changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import versions
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from toolchain.cache import Cache
    from toolchain.progress import Progress

SYSTEM_PYTHON = Path("/usr/bin/python3")
_FINISHED = ".finished"
# What a user's shell may set and an environment of its own must not inherit.
_NOT_INHERITED = (
    "VIRTUAL_ENV",
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_REQUIRE_VIRTUALENV",
    "UV_PROJECT_ENVIRONMENT",
)


def python_version(python: str | Path) -> tuple[int, ...] | None:
    """Return the version of the interpreter `python`, or None if it does not run."""
    try:
        answer = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:3])"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(number) for number in answer.stdout.split())


def base_python() -> Path:
    """Return the Python that environments are made of.

    The system's where it is recent enough: other users can read it, which is not said of one in somebody's home.

    Raises:
        ToolchainError: none is recent enough.
    """
    found = shutil.which("python3")
    for candidate in (SYSTEM_PYTHON, Path(found) if found else None, Path(sys.executable)):
        if candidate is not None and (python_version(candidate) or ()) >= versions.PYTHON_MINIMUM:
            return candidate
    wanted = ".".join(map(str, versions.PYTHON_MINIMUM))
    raise ToolchainError(
        f"Python {wanted} or newer is needed, and neither {SYSTEM_PYTHON} nor `python3` on PATH is: install it"
    )


def with_includes(requirements: Path) -> list[Path]:
    """Return a requirements file and all that it includes."""
    files = [requirements]
    for line in requirements.read_text("utf-8").splitlines():
        if line.startswith("-r "):
            files += with_includes(requirements.parent / line.removeprefix("-r ").strip())
    return files


@dataclass(frozen=True)
class PythonEnvironment:
    """One environment: a name for people, its requirements, and how it is filled."""

    name: str
    requirements: Path
    """A file that ends in ".lock" has a digest of every file, and nothing else is installed."""
    dependencies: bool = True
    """Whether to install what the requirements require in turn."""
    installer: bool = True
    """Whether to fill it with uv; uv's own environment is filled by pip."""
    sources: tuple[Path, ...] = ()
    """Package folders of this repository to copy into it."""

    def folder(self, cache: Cache, python: Path) -> Path:
        """Return where it is, or will be, for this Python."""
        digest = hashlib.sha256(f"{python} {python_version(python)} {self.dependencies}".encode())
        files = with_includes(self.requirements)
        for source in self.sources:
            files += sorted(source.rglob("*.py"))
        for file in files:
            digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
        return cache.path / "python" / f"{self.name}-{digest.hexdigest()[:12]}"

    def ensure(self, cache: Cache, progress: Progress) -> Path:
        """Return its folder, making it first if it is not there.

        Raises:
            ToolchainError: it could not be made.
        """
        python = base_python()
        folder = self.folder(cache, python)
        if (folder / _FINISHED).exists():
            return folder
        with cache.lock(
            folder.name, lambda: progress.say(f"Waiting for another process to make {folder.name} ...")
        ):
            if not (folder / _FINISHED).exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.parent.mkdir(parents=True, exist_ok=True)
                self._make(cache, folder, python, progress)
                (folder / _FINISHED).touch()
        return folder

    def _make(self, cache: Cache, folder: Path, python: Path, progress: Progress) -> None:
        log = cache.log(folder.name)
        env = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        # Scripts in an environment name its place, so it is made where it stays and marked when finished.
        progress.run(
            [str(python), "-m", "venv", str(folder)],
            title=f"Making the Python environment `{self.name}`",
            log=log,
            env=env,
        )
        target = folder / "bin" / "python"
        arguments = ["install", "-r", str(self.requirements)] + ([] if self.dependencies else ["--no-deps"])
        arguments += ["--require-hashes"] if self.requirements.suffix == ".lock" else []
        title = f"Installing {self.requirements.name} into `{self.name}`"
        by_pip = [str(target), "-m", "pip", "--disable-pip-version-check", *arguments]
        uv = self._uv(cache, progress) if self.installer else None
        if uv is None:
            progress.run([*by_pip, "--no-compile"], title=title, log=log, env=env)
        else:
            quick = [str(uv), "pip", *arguments, "--python", str(target)]
            try:
                progress.run(
                    quick, title=title, log=log, env={**env, "UV_CACHE_DIR": str(cache.folder("uv"))}
                )
            except ToolchainError:
                # A proxy or an index that only pip's configuration knows: slower, but the user's own.
                progress.say("  uv could not; trying pip")
                progress.run([*by_pip, "--no-compile"], title=title, log=log, env=env)
        packages = next(folder.glob("lib/python3*/site-packages"))
        for source in self.sources:
            shutil.copytree(source, packages / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        progress.run(
            [str(target), "-m", "compileall", "-q", "-j", "0", str(packages)],
            title=f"Compiling `{self.name}` for quick starts",
            log=log,
            env=env,
        )

    @staticmethod
    def _uv(cache: Cache, progress: Progress) -> Path | None:
        found = shutil.which("uv")
        if found:
            return Path(found)
        try:
            folder = PythonEnvironment("uv", Path(__file__).with_name("uv.txt"), installer=False).ensure(
                cache, progress
            )
        except ToolchainError as error:
            progress.say(f"  {error}\n  going on with pip alone")
            return None
        return folder / "bin" / "uv"


def link(folder: Path, place: Path) -> None:
    """Make the symbolic link `place` point to `folder`.

    Raises:
        ToolchainError: something that is not a link is at `place`.
    """
    if place.is_symlink() and place.readlink() == folder:
        return
    if place.exists() and not place.is_symlink():
        raise ToolchainError(
            f"{place} is an environment of your own, which the make targets do not touch: move it away and let them make one, "
            "or go on with `pulumi` directly"
        )
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    fresh.symlink_to(folder)
    fresh.replace(place)
