"""Fetching the official release, from a release server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.serving import serving
from toolchain import engine, versions
from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.progress import Progress
from toolchain.release import Release, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:  # whatever there is to say, tests need not see it
        pass


class Mirror:
    """Serves a folder the way releases are published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(_Silent, directory=str(folder))
        )
        self.release = Release(f"http://127.0.0.1:{self.server.server_port}", versions.ENGINE)

    def publish(self) -> bytes:
        """Put an archive with two scripts there, and its sum."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name in ("pulumi", engine.LANGUAGE_HOST):
                content = f"#!/bin/sh\necho v{versions.ENGINE}\n".encode()
                entry = tarfile.TarInfo(f"pulumi/{name}")
                entry.size, entry.mode = len(content), 0o755
                archive.addfile(entry, io.BytesIO(content))
        content = buffer.getvalue()
        (self.folder / self.release.archive).write_bytes(content)
        self.list_sum(hashlib.sha256(content).hexdigest())
        return content

    def list_sum(self, digest: str) -> None:
        text = f"{'0' * 64}  pulumi-v{versions.ENGINE}-plan9-x64.tar.gz\n{digest}  {self.release.archive}\n"
        (self.folder / f"pulumi-{versions.ENGINE}-checksums.txt").write_text(text)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    made = Mirror(folder)
    with made.server, serving(made.server):
        yield made


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_a_release_is_fetched_verified_and_found_again(
    mirror: Mirror, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.publish()
    environ = {"PATH": "", "MIG_NLB_RELEASES": mirror.release.base}
    got = engine.ensure(cache, Progress(), environ)

    assert (got.origin, got.version) == ("release", versions.ENGINE)
    assert got.pulumi.stat().st_mode & 0o111
    assert (got.folder / engine.LANGUAGE_HOST).exists()
    # Nothing of ours is used: no environment for the language host was made.
    assert not (cache.path / "python").exists()
    monkeypatch.setattr(Release, "fetch", lambda *_: pytest.fail("fetched again"))
    assert engine.ensure(cache, Progress(), environ) == got


def test_an_archive_that_is_not_what_the_sums_say_is_refused_and_thrown_away(
    mirror: Mirror, cache: Cache
) -> None:
    content = mirror.publish()
    (mirror.folder / mirror.release.archive).write_bytes(content + b"tampered")
    target = cache.path / "engine" / "it"

    with pytest.raises(ToolchainError, match="the release's list says"):
        mirror.release.fetch(cache, target, Progress())
    assert list((cache.path / "engine").iterdir()) == []


def test_a_list_without_the_archive_counts_as_unreachable(mirror: Mirror, cache: Cache) -> None:
    mirror.publish()
    mirror.list_sum("not a sum")
    with pytest.raises(UnreachableError, match="has no SHA-256 sum"):
        mirror.release.fetch(cache, cache.path / "engine" / "it", Progress())


def test_a_server_that_is_not_there_is_unreachable(mirror: Mirror, cache: Cache) -> None:
    with pytest.raises(UnreachableError, match="404"):
        mirror.release.fetch(cache, cache.path / "engine" / "it", Progress())


def test_asking_for_the_release_only_says_why_it_cannot_be_had(mirror: Mirror, cache: Cache) -> None:
    environ = {"PATH": "", "MIG_NLB_ENGINE": "release", "MIG_NLB_RELEASES": mirror.release.base}
    with pytest.raises(ToolchainError, match="MIG_NLB_ENGINE=release, but"):
        engine.ensure(cache, Progress(), environ)
