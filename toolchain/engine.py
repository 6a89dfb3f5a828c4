"""Finds a Pulumi engine that can run this project, or gets one."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import source_build, versions
from toolchain.errors import ToolchainError
from toolchain.python_environment import PythonEnvironment, base_python
from toolchain.release import Release, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.cache import Cache
    from toolchain.progress import Progress

HOST_SOURCES = Path(__file__).with_name("language_host")
LANGUAGE_HOST = "pulumi-language-python"
WAYS = ("auto", "path", "release", "source")


@dataclass(frozen=True)
class Engine:
    """A usable engine: the folder to put on PATH, and where it came from ("path", "release" or "source")."""

    folder: Path
    version: str
    origin: str

    @property
    def pulumi(self) -> Path:
        """The command line."""
        return self.folder / "pulumi"


def _version(pulumi: Path) -> str | None:
    try:
        answer = subprocess.run(
            [pulumi, "version"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip().removeprefix("v")


def on_path(cache: Cache, path: str) -> Engine | str:
    """Return the engine on `path`, or why there is none to use; one in our own cache does not count."""
    own = cache.path.resolve()
    outside = [
        entry
        for entry in path.split(os.pathsep)
        if entry and own not in (Path(entry).resolve(), *Path(entry).resolve().parents)
    ]
    found = shutil.which("pulumi", path=os.pathsep.join(outside))
    if found is None:
        return "there is no `pulumi` on PATH"
    version = _version(Path(found))
    if version is None:
        return f"{found} does not answer to `pulumi version`"
    if versions.parse(version) < versions.parse(versions.ENGINE_MINIMUM):
        return f"{found} is {version}, and {versions.ENGINE_MINIMUM} or newer is needed"
    beside = Path(found).resolve().with_name(LANGUAGE_HOST)
    if not beside.exists() and shutil.which(LANGUAGE_HOST, path=os.pathsep.join(outside)) is None:
        return f"{found} comes without {LANGUAGE_HOST}"
    return Engine(Path(found).parent, version, "path")


def find(cache: Cache, environ: Mapping[str, str] = os.environ) -> Engine | None:
    """Return the engine that is there already, without fetching, building or saying anything."""
    way = _way(environ)
    if way in ("auto", "path"):
        found = on_path(cache, environ.get("PATH", ""))
        if isinstance(found, Engine):
            return found
    if way in ("auto", "release") and (_released(cache) / "bin" / "pulumi").exists():
        return Engine(_released(cache) / "bin", versions.ENGINE, "release")
    if way in ("auto", "source"):
        folder = _hosted(cache, _host_environment().folder(cache, base_python()))
        if (folder / "pulumi").exists():
            return Engine(folder, versions.ENGINE, "source")
    return None


def ensure(cache: Cache, progress: Progress, environ: Mapping[str, str] = os.environ) -> Engine:
    """Return an engine: one on PATH, the official release, or one built from source, in this order.

    MIG_NLB_ENGINE asks for one of these ways by name ("path", "release", "source").

    Raises:
        ToolchainError: no engine could be had.
    """
    present = find(cache, environ)
    if present is not None:
        return present
    way = _way(environ)
    if way == "path":
        raise ToolchainError(f"MIG_NLB_ENGINE=path, but {on_path(cache, environ.get('PATH', ''))}")
    # A new language host beside an engine that was built before: no reason to look for a release again.
    built = way == "auto" and (_built(cache) / "bin" / "pulumi").exists()
    if way in ("auto", "release") and not built:
        fetched = _release(cache, progress, environ, required=way == "release")
        if fetched is not None:
            return fetched
    return _source(cache, progress, environ)


def _way(environ: Mapping[str, str]) -> str:
    way = environ.get("MIG_NLB_ENGINE") or "auto"
    if way not in WAYS:
        raise ToolchainError(f"MIG_NLB_ENGINE is {way!r}: it must be one of {', '.join(WAYS)}")
    return way


def _released(cache: Cache) -> Path:
    return cache.path / "engine" / f"{versions.ENGINE}-release"


def _release(
    cache: Cache, progress: Progress, environ: Mapping[str, str], *, required: bool
) -> Engine | None:
    target = _released(cache)
    with cache.lock(target.name, lambda: progress.say("Waiting for another process to fetch Pulumi ...")):
        if not target.exists():
            try:
                Release.pinned(environ).fetch(cache, target, progress)
            except UnreachableError as reason:
                if required:
                    raise ToolchainError(f"MIG_NLB_ENGINE=release, but {reason}") from reason
                progress.say(f"Pulumi's release cannot be reached from here ({reason})")
                return None
    return Engine(target / "bin", versions.ENGINE, "release")


def _host_environment() -> PythonEnvironment:
    return PythonEnvironment(
        "language-host", HOST_SOURCES / "requirements.txt", dependencies=False, sources=(HOST_SOURCES,)
    )


def _built(cache: Cache) -> Path:
    return cache.path / "engine" / versions.ENGINE


def _hosted(cache: Cache, host: Path) -> Path:
    return _built(cache) / host.name / "bin"


def _source(cache: Cache, progress: Progress, environ: Mapping[str, str]) -> Engine:
    built = _built(cache)
    with cache.lock(
        f"engine-{versions.ENGINE}", lambda: progress.say("Waiting for another process to build Pulumi ...")
    ):
        if not (built / "bin" / "pulumi").exists():
            source_build.build(cache, built, progress, environ)
    host = _host_environment().ensure(cache, progress)
    folder = _hosted(cache, host)
    with cache.lock(host.name, lambda: None):
        if not folder.exists():
            with cache.staged(folder) as stage:
                # The engine looks for its language hosts beside itself, symbolic links resolved: so a link of the other kind.
                os.link(built / "bin" / "pulumi", stage / "pulumi")
                launcher = stage / LANGUAGE_HOST
                launcher.write_text(
                    f'#!/bin/sh\nexec "{host}/bin/python" -I -m {HOST_SOURCES.name} "$@"\n', "utf-8"
                )
                launcher.chmod(0o755)
    return Engine(folder, versions.ENGINE, "source")
