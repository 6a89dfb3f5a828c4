"""Builds the engine from its Go module, for machines that reach package registries and nothing else.

`go install` is ruled out by the module's `replace` lines, so it is a dependency of a module of ours (`toolchain/go`), whose
go.sum pins the content of all 300 modules it is made of.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import versions
from toolchain.errors import ToolchainError
from toolchain.python_environment import PythonEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.cache import Cache
    from toolchain.progress import Progress

MODULE = Path(__file__).with_name("go")
OWN_GO = Path(__file__).with_name("go.txt")
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
PACKAGES_TO_COMPILE = 1686
"""`go list -deps` of the package on Linux: only the progress line uses it."""

_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def usable_go(environ: Mapping[str, str]) -> Path | str:
    """Return the `go` on PATH to build with, or why there is none."""
    found = shutil.which("go", path=environ.get("PATH"))
    if found is None:
        return "there is no `go` on PATH"
    answer = subprocess.run(
        [found, "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, check=False, env=environ
    )
    version, _, toolchain = answer.stdout.strip().partition("\n")
    try:
        numbers = versions.parse(version)
    except ValueError:
        return f"`{found} env GOVERSION` does not answer with a version"
    # Since 1.21 Go fetches the toolchain that a go.mod asks for, unless it is told to stay local.
    if numbers < versions.parse(versions.GO_MINIMUM) and (
        numbers < (1, 21, 0) or toolchain.strip() == "local"
    ):
        return f"{found} is {version.removeprefix('go')}, and {versions.GO_MINIMUM} or newer is needed"
    return Path(found)


def ensure_go(cache: Cache, progress: Progress, environ: Mapping[str, str]) -> Path:
    """Return a `go` that can build the engine: the one on PATH, or one of our own in the cache.

    Raises:
        ToolchainError: there is no usable one on PATH, and ours could not be had.
    """
    found = usable_go(environ)
    if isinstance(found, Path):
        return found
    progress.say(f"Getting a Go to build Pulumi with: {found}")
    try:
        folder = PythonEnvironment("go", OWN_GO, dependencies=False, installer=False).ensure(cache, progress)
    except ToolchainError as error:
        remedy = f"install Go {versions.GO_MINIMUM} or newer, or the Pulumi CLI {versions.ENGINE_MINIMUM} or newer, onto PATH"
        raise ToolchainError(f"{error}\nPulumi has to be built from source, but {found}: {remedy}") from error
    return next(folder.glob("lib/python3*/site-packages/go/bin/go"))


class _Count:
    """Turns the lines of `go build -v` into one line of progress."""

    def __init__(self) -> None:
        self.modules = 0
        self.packages = 0

    def __call__(self, line: str) -> str | None:
        if line.startswith("go: downloading "):
            self.modules += 1
            return f"downloaded {self.modules} modules"
        if line and " " not in line:
            self.packages += 1
            return f"compiled {self.packages} of at most {PACKAGES_TO_COMPILE} packages"
        return None


def build(cache: Cache, target: Path, progress: Progress, environ: Mapping[str, str] = os.environ) -> None:
    """Build the pinned engine into `target`/bin/pulumi.

    Raises:
        ToolchainError: no usable Go, or the build failed.
    """
    go = ensure_go(cache, progress, environ)
    with cache.staged(target) as stage:
        source = stage / "source"
        source.mkdir()
        for name in ("go.mod", "go.sum", "tools.go"):
            shutil.copyfile(MODULE / name, source / name)
        binary = stage / "bin" / "pulumi"
        ldflags = f"-s -w -X {_VERSION_VARIABLE}={versions.ENGINE}"
        progress.run(
            [
                str(go),
                "build",
                "-v",
                "-mod=readonly",
                "-buildvcs=false",
                "-trimpath",
                "-ldflags",
                ldflags,
                "-o",
                str(binary),
                PACKAGE,
            ],
            title=f"Building Pulumi {versions.ENGINE} from its Go module",
            hint="once; about 3 minutes on 2 cores",
            log=cache.log(f"engine-{versions.ENGINE}"),
            env={**environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            cwd=source,
            detail=_Count(),
        )
        shutil.rmtree(source)
        binary.chmod(0o755)
        binary.parent.chmod(0o755)
