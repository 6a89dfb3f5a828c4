"""Which engine is taken, by what is on PATH and in the cache."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolchain import engine, source_build, versions
from toolchain.cache import Cache
from toolchain.checkout import Checkout
from toolchain.errors import ToolchainError
from toolchain.progress import Progress
from toolchain.python_environment import PythonEnvironment

if TYPE_CHECKING:
    from pathlib import Path


def executable(file: Path, script: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def official(folder: Path, version: str) -> Path:
    executable(folder / engine.LANGUAGE_HOST, "exit 0")
    return executable(folder / "pulumi", f"echo v{version}")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize("version", [versions.ENGINE_MINIMUM, "3.300.1", "4.0.0"])
def test_a_recent_engine_on_path_is_used_as_it_is(tmp_path: Path, cache: Cache, version: str) -> None:
    official(tmp_path / "bin", version)
    got = engine.ensure(cache, Progress(), {"PATH": str(tmp_path / "bin")})
    assert got == engine.Engine(tmp_path / "bin", version, "path")
    assert not cache.path.exists()


def test_reasons_for_not_using_what_is_on_path(tmp_path: Path, cache: Cache) -> None:
    folder = tmp_path / "bin"
    assert engine.on_path(cache, str(folder)) == "there is no `pulumi` on PATH"
    official(folder, "3.248.9")
    assert "is 3.248.9, and 3.249.0 or newer is needed" in str(engine.on_path(cache, str(folder)))
    executable(folder / "pulumi", "exit 1")
    assert "does not answer to `pulumi version`" in str(engine.on_path(cache, str(folder)))
    official(folder, "3.300.0")
    (folder / engine.LANGUAGE_HOST).unlink()
    assert "comes without pulumi-language-python" in str(engine.on_path(cache, str(folder)))


def test_a_language_host_may_stand_beside_what_a_link_on_path_points_to(tmp_path: Path, cache: Cache) -> None:
    official(tmp_path / "opt", "3.300.0")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(tmp_path / "opt" / "pulumi")
    assert isinstance(engine.on_path(cache, str(tmp_path / "bin")), engine.Engine)


def test_our_own_cached_engine_on_path_does_not_count_as_the_users(cache: Cache) -> None:
    # A shell that evaluated `make env` has it there; a newer checkout must still take its own.
    official(cache.path / "engine" / "older" / "bin", "3.255.0")
    assert (
        engine.on_path(cache, str(cache.path / "engine" / "older" / "bin")) == "there is no `pulumi` on PATH"
    )


def test_an_unknown_way_is_refused(cache: Cache) -> None:
    with pytest.raises(
        ToolchainError, match="MIG_NLB_ENGINE is 'docker': it must be one of auto, path, release, source"
    ):
        engine.ensure(cache, Progress(), {"MIG_NLB_ENGINE": "docker"})


def test_asking_for_the_one_on_path_says_why_it_cannot_be_used(cache: Cache) -> None:
    with pytest.raises(ToolchainError, match="MIG_NLB_ENGINE=path, but there is no `pulumi` on PATH"):
        engine.ensure(cache, Progress(), {"MIG_NLB_ENGINE": "path", "PATH": ""})


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "there is no `go` on PATH"),
        ("printf 'go1.24.1\\nlocal\\n'", "is 1.24.1, and 1.25.11 or newer is needed"),
        ("printf 'go1.19.8\\n\\n'", "is 1.19.8, and 1.25.11 or newer is needed"),
        ("echo nonsense", "does not answer with a version"),
    ],
)
def test_a_go_that_cannot_build_the_engine_is_known_by_asking_it(
    tmp_path: Path, script: str | None, message: str
) -> None:
    if script is not None:
        executable(tmp_path / "bin" / "go", script)
    found = source_build.usable_go({"PATH": f"{tmp_path / 'bin'}{os.pathsep}/bin" if script else ""})
    assert isinstance(found, str)
    assert message in found


def test_without_any_go_the_error_says_what_to_install(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> Path:
        raise ToolchainError("the package index cannot be reached")

    monkeypatch.setattr(PythonEnvironment, "ensure", unreachable)
    with pytest.raises(
        ToolchainError, match=r"(?s)cannot be reached.*no `go` on PATH: install Go 1.25.11 or newer"
    ):
        source_build.build(cache, cache.path / "engine" / "it", Progress(), {"PATH": ""})


@pytest.mark.parametrize("script", ["printf 'go1.25.11\\nlocal\\n'", "printf 'go1.21.0\\nauto\\n'"])
def test_a_go_that_can_build_the_engine_or_fetch_one_that_can_is_used(tmp_path: Path, script: str) -> None:
    go = executable(tmp_path / "bin" / "go", script)
    assert source_build.usable_go({"PATH": f"{tmp_path / 'bin'}{os.pathsep}/bin"}) == go


def test_a_build_that_fails_leaves_nothing_and_shows_the_end_of_its_log(tmp_path: Path, cache: Cache) -> None:
    script = "case $1 in env) printf 'go1.26.8\\nlocal\\n';; *) echo 'no such module'; exit 7;; esac"
    executable(tmp_path / "bin" / "go", script)
    target = cache.path / "engine" / versions.ENGINE
    with pytest.raises(ToolchainError, match=r"(?s)exit status 7.*no such module"):
        source_build.build(cache, target, Progress(), {"PATH": f"{tmp_path / 'bin'}{os.pathsep}/bin"})
    assert list(target.parent.iterdir()) == []


def test_the_module_we_build_pins_the_engine_we_say() -> None:
    pinned = (source_build.MODULE / "go.mod").read_text()
    assert f"require github.com/pulumi/pulumi/pkg/v3 v{versions.ENGINE}" in pinned
    assert f"go {versions.GO_MINIMUM}" in pinned
    assert (
        f"github.com/pulumi/pulumi/pkg/v3 v{versions.ENGINE} h1:"
        in (source_build.MODULE / "go.sum").read_text()
    )


def test_the_hosted_engine_names_no_checkout(hosted_engine: engine.Engine) -> None:
    launcher = (hosted_engine.folder / engine.LANGUAGE_HOST).read_text()
    assert str(Cache.default().path) in launcher
    assert str(Checkout.here().root) not in launcher
    answer = subprocess.run([hosted_engine.pulumi, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == versions.ENGINE
