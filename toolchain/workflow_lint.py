"""`make check`'s second look at the workflows: actionlint, built once from its Go module and kept in the cache.

zizmor looks for what is dangerous, actionlint for what GitHub would refuse. go.sum pins the content of every module.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from toolchain.audit import SKIPPED
from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.progress import Progress
from toolchain.source_build import usable_go

MODULE = Path(__file__).with_name("actionlint_module")
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
_FILES = ("go.mod", "go.sum", "tools.go")


def ensure(cache: Cache, progress: Progress, go: Path) -> Path:
    """Return actionlint, building it first if it is not in the cache.

    Raises:
        ToolchainError: it could not be built.
    """
    digest = hashlib.sha256(b"\0".join((MODULE / name).read_bytes() for name in _FILES))
    name = f"actionlint-{digest.hexdigest()[:12]}"
    program = cache.path / "tools" / name / "actionlint"
    if program.exists():
        return program
    with cache.lock(name, lambda: progress.say("Waiting for another process to build actionlint ...")):
        if not program.exists():
            with cache.staged(program.parent) as stage:
                for file in _FILES:
                    shutil.copyfile(MODULE / file, stage / file)
                progress.run(
                    [
                        str(go),
                        "build",
                        "-mod=readonly",
                        "-buildvcs=false",
                        "-trimpath",
                        "-o",
                        "actionlint",
                        PACKAGE,
                    ],
                    title="Building actionlint from its Go module",
                    log=cache.log(name),
                    env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
                    cwd=stage,
                )
                (stage / "actionlint").chmod(0o755)
    return program


def main() -> int:
    """Lint the workflows of the checkout that this file is in; SKIPPED without a Go to build the linter with."""
    go = usable_go(os.environ)
    if not isinstance(go, Path):
        print(f"actionlint was not built: {go}")
        return SKIPPED
    try:
        program = ensure(Cache.default(), Progress(), go)
    except ToolchainError as error:
        print(f"actionlint was not built: {error}")
        return SKIPPED
    # What shellcheck or pyflakes of the machine would add is not the same everywhere.
    command = [str(program), "-shellcheck=", "-pyflakes="]
    return subprocess.run(command, cwd=Path(__file__).resolve().parent.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
