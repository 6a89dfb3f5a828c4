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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.cache import Cache
    from toolchain.progress import Progress

MODULE = Path(__file__).with_name("go")
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
PACKAGES_TO_COMPILE = 1686
"""`go list -deps` of the package on Linux: only the progress line uses it."""

_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def usable_go(environ: Mapping[str, str]) -> str:
    """Return the `go` command to build with.

    Raises:
        ToolchainError: there is none on PATH, or only one that is too old and may not fetch a newer one itself.
    """
    remedy = f"install Go {versions.GO_MINIMUM} or newer, or the Pulumi CLI {versions.ENGINE_MINIMUM} or newer, onto PATH"
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise ToolchainError(
            f"the engine has to be built from source, but there is no `go` on PATH: {remedy}"
        )
    answer = subprocess.run(
        [go, "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, check=False, env=environ
    )
    version, _, toolchain = answer.stdout.strip().partition("\n")
    try:
        found = versions.parse(version)
    except ValueError:
        raise ToolchainError(f"`{go} env GOVERSION` did not answer with a version: {remedy}") from None
    # Since 1.21 Go fetches the toolchain that a go.mod asks for, unless it is told to stay local.
    if found < versions.parse(versions.GO_MINIMUM) and (found < (1, 21, 0) or toolchain.strip() == "local"):
        raise ToolchainError(f"{go} is {version.removeprefix('go')}, which cannot build the engine: {remedy}")
    return go


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
    go = usable_go(environ)
    with cache.staged(target) as stage:
        source = stage / "source"
        source.mkdir()
        for name in ("go.mod", "go.sum", "tools.go"):
            shutil.copyfile(MODULE / name, source / name)
        binary = stage / "bin" / "pulumi"
        ldflags = f"-s -w -X {_VERSION_VARIABLE}={versions.ENGINE}"
        progress.run(
            [
                go,
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
