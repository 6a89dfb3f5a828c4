"""Checkpoints: what was written is moved into the database by another thread, and nobody has to wait for it."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from localcloud import store as stores
from localcloud.checkpoints import Checkpoints
from localcloud.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _moved(file: Path) -> int:
    """Return how many documents the database has by itself, without its log."""
    alone = file.with_name("alone.db")
    shutil.copy(file, alone)
    with closing(sqlite3.connect(alone)) as database:
        found: tuple[int] = database.execute("SELECT count(*) FROM documents").fetchone()
    return found[0]


def _put(store: Store, number: int) -> None:
    with store.transaction() as tx:
        tx.put(f"a/{number}", {"n": number})


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "checkpoints"]


def test_every_so_many_commits_what_was_written_is_moved_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_COMMITS_BETWEEN_CHECKPOINTS", 5)
    file = tmp_path / "state.db"
    store = Store(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the tables themselves
    for number in range(4):
        _put(store, number)
    assert (_moved(file), _threads()) == (0, []), "no thread for a cloud that hardly writes"
    _put(store, 4)
    assert store._checkpoints is not None
    store._checkpoints.close()
    assert _moved(file) == 5
    assert _threads() == []
    for number in range(5, 10):
        _put(store, number)
    store.close()
    assert _threads() == []
    assert _moved(file) == 10


def test_a_checkpoint_that_fails_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "state.db")
    _put(store, 1)

    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", refuse)
        broken = Checkpoints(tmp_path / "state.db")
        broken.ask()
        broken.close()
    assert "cannot be opened for checkpoints" in caplog.text
    _put(store, 2)
    store.close()
    again = Store(tmp_path / "state.db")
    assert list(again.keys("a/")) == ["a/1", "a/2"]
    again.close()


def test_writes_go_on_during_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_COMMITS_BETWEEN_CHECKPOINTS", 3)
    monkeypatch.setattr(stores, "_LONGEST_LOG", 20)  # pages: the writer checkpoints too, at the same time
    file = tmp_path / "state.db"
    store = Store(file)
    for number in range(600):
        _put(store, number)
    store.close()
    again = Store(file)
    assert [document["n"] for _, document in again.scan("a/")] == sorted(range(600), key=str)
    again.close()
