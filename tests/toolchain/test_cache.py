"""The cache: whole things or nothing, made once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from toolchain.cache import Cache
from toolchain.errors import ToolchainError


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Cache.default({"MIG_NLB_CACHE": "/somewhere"}).path == Path("/somewhere")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Cache.default({}).path == Path("/var/cache/mig-nlb")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert Cache.default({"XDG_CACHE_HOME": "/home/me/.cache"}).path == Path("/home/me/.cache/mig-nlb")


def test_a_staged_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "engine" / "1"
    with Cache(tmp_path).staged(target) as stage:
        (stage / "file").write_text("x")
        assert not target.exists()
    assert (target / "file").read_text() == "x"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "engine" / "1"

    def fail() -> None:
        with Cache(tmp_path).staged(target) as stage:
            (stage / "file").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(target.parent.iterdir()) == []


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    inside, waited = threading.Event(), threading.Event()
    made: list[str] = []

    def make(name: str, waiting: threading.Event) -> None:
        with cache.lock("thing", waiting.set):
            inside.set()
            if not made:
                # The other one must come to wait for the lock before this one lets go of it.
                assert waited.wait(60)
                made.append(name)

    first = threading.Thread(target=make, args=("first", threading.Event()))
    first.start()
    assert inside.wait(60)
    second = threading.Thread(target=make, args=("second", waited))
    second.start()
    first.join(60)
    second.join(60)
    assert made == ["first"]


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolchainError, match=r"cannot be made .*: set MIG_NLB_CACHE"):
        Cache(tmp_path / "file").folder("logs")
