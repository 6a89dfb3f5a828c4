"""Moves what the store has written from SQLite's log into the database, in a thread of its own: it waits for the disk.

Where the writer itself does that, every so many writes, all who wait for the event loop wait for the disk too (some 50 ms for 30 MiB).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


class Checkpoints:
    """The thread, which is there from the first checkpoint that is asked for until `close`.

    A log is begun anew by the first write that finds all of it moved. With writes that follow each other without a pause none does, so
    SQLite's own `wal_autocheckpoint` has to stay as a bound of the log's size.
    """

    def __init__(self, file: Path) -> None:
        """`file`: the database, which another connection writes, in WAL mode."""
        self._file = file
        self._asked = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Have what was written so far moved soon; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()
        self._asked.set()

    def close(self) -> None:
        """End the thread, when it has done what it was asked for. The writer's connection must still be open."""
        if self._thread is not None:
            self._closed = True
            self._asked.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        try:
            database = sqlite3.connect(self._file, isolation_level=None)
        except sqlite3.Error:
            _log.exception("%s cannot be opened for checkpoints; its writer makes them", self._file)
            return
        try:
            last = False
            while not last:
                self._asked.wait()
                self._asked.clear()
                last = self._closed
                try:
                    database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                except sqlite3.Error as error:  # the disk is full, for example: the log keeps what it has
                    _log.warning("a checkpoint of %s failed: %s", self._file, error)
        finally:
            database.close()
