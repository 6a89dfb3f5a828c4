"""actionlint is built once, kept, and left out aloud where it cannot be had."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolchain import audit, workflow_lint
from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

# Notes that it was called and makes what it is told to.
GO = """#!/bin/sh
echo built >> {calls}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' > "$2"
"""


def fake_go(folder: Path, script: str = GO) -> Path:
    go = folder / "go"
    go.write_text(script.format(calls=folder / "calls"))
    go.chmod(0o755)
    return go


def test_it_is_built_once_and_kept(tmp_path: Path) -> None:
    cache, go = Cache(tmp_path / "cache"), fake_go(tmp_path)
    program = workflow_lint.ensure(cache, Progress(quiet=True), go)
    assert workflow_lint.ensure(cache, Progress(quiet=True), go) == program
    assert os.access(program, os.X_OK)
    assert (tmp_path / "calls").read_text() == "built\n"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache, go = Cache(tmp_path / "cache"), fake_go(tmp_path, "#!/bin/sh\necho no network; exit 1\n")
    with pytest.raises(ToolchainError, match="no network"):
        workflow_lint.ensure(cache, Progress(quiet=True), go)
    assert [path for path in (cache.path / "tools").iterdir() if not path.name.startswith(".")] == []


def test_without_go_it_is_skipped_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert workflow_lint.main() == audit.SKIPPED
    assert capsys.readouterr().out == "actionlint was not built: there is no `go` on PATH\n"
