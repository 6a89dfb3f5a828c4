"""The store: JSON documents by key, kept in SQLite, read from memory; what is acknowledged survives kill -9.

Keys are paths. API resources live under their service and Google's relative name, holding exactly what the API answers:

    compute/projects/P/global/networks/N            storage/b/BUCKET            iam/projects/P/serviceAccounts/EMAIL
    compute/projects/P/regions/R/addresses/A        storage/b/BUCKET/o/OBJECT   crm/projects/P  (its IAM policy)
    compute/projects/P/zones/Z/instances/I          storage/b/BUCKET/iam

The controllers' own records live under ``control/``, never in a resource's document.
Documents handed out are the store's own: treat them as read-only and `put` a new one.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud.checkpoints import Checkpoints
from localcloud.json_text import text_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

Document = Mapping[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (key TEXT NOT NULL, body TEXT NOT NULL, number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
                                   subject TEXT NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
# Until rows had numbers, the key was the primary key. Which row a key has is known in memory; the database has no index of keys to
# keep, so new documents are written where the last ones were.
_NUMBER_ROWS = """
BEGIN IMMEDIATE;
ALTER TABLE documents RENAME TO documents_by_key;
CREATE TABLE documents (key TEXT NOT NULL, body TEXT NOT NULL, number INTEGER PRIMARY KEY);
INSERT INTO documents (key, body) SELECT key, body FROM documents_by_key ORDER BY key;
DROP TABLE documents_by_key;
COMMIT;
"""
# Written to the database ahead of what is given out, so that a number costs a write once in so many: after a kill the rest of them
# is never used, after an ordinary end it is.
_NUMBERS_AHEAD = 100
# New documents that are written by one statement, at most; there is a statement to prepare for each number.
_AT_ONCE = 8
_INSERTS = tuple(
    f"INSERT INTO documents VALUES {', '.join(['(?, ?, ?)'] * n)}"  # noqa: S608 - marks
    for n in range(_AT_ONCE + 1)
)
_LAST = "\U0010ffff"  # no key has it, so a prefix and this is after every key with the prefix
_PAGE = 1024  # bytes; a commit writes every page that it touches in whole. A database that is there keeps the size it has
_COMMITS_BETWEEN_CHECKPOINTS = 2000
_LONGEST_LOG = 64_000  # pages; then the writer waits for a checkpoint itself


@dataclass(frozen=True)
class Event:
    """One line of the cloud's story. `at` is cloud time; `kind` is dotted (``health.balancer``); `subject` a resource's name."""

    at: float
    kind: str
    subject: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0


class Transaction:
    """Changes that become visible and durable together when the `with` block ends without an error."""

    def __init__(self) -> None:
        self.writes: dict[str, Document | None] = {}
        self.events: list[Event] = []

    def put(self, key: str, document: Document) -> None:
        """Set the document at this key."""
        self.writes[key] = document

    def delete(self, key: str) -> None:
        """Remove the document at this key, if there is one."""
        self.writes[key] = None

    def event(self, event: Event) -> None:
        """Append to the story."""
        self.events.append(event)


class _Commit:
    """The `with` block of a transaction."""

    __slots__ = ("_change", "_commit")

    def __init__(self, commit: Callable[[Transaction], None]) -> None:
        self._commit, self._change = commit, Transaction()

    def __enter__(self) -> Transaction:
        return self._change

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._commit(self._change)


class Store:
    """All of one cloud's state. Single-threaded: it belongs to the daemon's event loop."""

    def __init__(self, file: Path | None = None) -> None:
        """Open (or create) the database; None keeps everything in memory, for tests and simulations."""
        self._db = sqlite3.connect(str(file) if file else ":memory:", isolation_level=None)
        self._db.execute(f"PRAGMA page_size={_PAGE}")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_LOG}")
        self._checkpoints = Checkpoints(file) if file else None
        self._commits_to_go = _COMMITS_BETWEEN_CHECKPOINTS
        self._db.executescript(_SCHEMA)
        if len(self._db.execute("PRAGMA table_info(documents)").fetchall()) == 2:
            self._db.executescript(_NUMBER_ROWS)
        rows = self._db.execute("SELECT key, body, number FROM documents").fetchall()
        self._texts: dict[str, str] = {key: body for key, body, _ in rows}
        self._rows: dict[str, int] = {key: number for key, _, number in rows}
        self._last_row = max(self._rows.values(), default=0)
        self._documents: dict[str, Document] = {key: json.loads(body) for key, body in self._texts.items()}
        self._keys = sorted(self._documents)
        self._counters: dict[str, int] = dict(self._db.execute("SELECT name, value FROM counters"))
        self._numbers_kept = dict(self._counters)  # what the database has of them
        self._watchers: list[Callable[[frozenset[str], tuple[Event, ...]], None]] = []
        self.revision = 0  # commits so far: one more with each that watchers are told of, so they know when they missed one

    def close(self) -> None:
        """Close the database."""
        for name, value in self._counters.items():
            self._keep_number(name, value)
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._db.close()

    def text(self, key: str) -> str | None:
        """Return the JSON text of the document at this key, or None: what `get` has, ready to be sent."""
        return self._texts.get(key)

    def keys(self, prefix: str) -> Sequence[str]:
        """Return every key that starts with the prefix, in order."""
        start = bisect_left(self._keys, prefix)
        return self._keys[start : bisect_left(self._keys, prefix + _LAST, start)]

    def get(self, key: str) -> Document | None:
        """Return the document at this key, or None."""
        return self._documents.get(key)

    def scan(self, prefix: str) -> Iterator[tuple[str, Document]]:
        """Yield (key, document) of every key that starts with the prefix, in key order, as of the call."""
        for key in self.keys(prefix):
            if (document := self._documents.get(key)) is not None:
                yield key, document

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Collect changes; commit them at the end of the block, or none of them if it raises. Watchers are told after."""
        return _Commit(self._commit)

    def _commit(self, change: Transaction) -> None:
        if not change.writes and not change.events:
            return
        texts = {key: text_of(document) for key, document in change.writes.items() if document is not None}
        events: tuple[Event, ...] = ()
        if not change.events and 0 < len(texts) <= _AT_ONCE and self._rows.keys().isdisjoint(change.writes):
            added = self._insert(texts)  # what most requests write; one statement is a transaction by itself
        else:
            added, events = self._write_all(change, texts)
        self._remember(change, texts, added)
        self._commits_to_go -= 1
        if not self._commits_to_go:
            self._commits_to_go = _COMMITS_BETWEEN_CHECKPOINTS
            if self._checkpoints is not None:
                self._checkpoints.ask()
        self.revision += 1
        touched = frozenset(change.writes)
        for watcher in tuple(self._watchers):
            watcher(touched, events)

    def _insert(self, texts: Mapping[str, str]) -> dict[str, int]:
        """Write documents that are all new, in one statement; returns their rows."""
        added: dict[str, int] = {}
        values: list[str | int] = []
        for number, (key, text) in enumerate(texts.items(), self._last_row + 1):
            added[key] = number
            values += (key, text, number)
        self._db.execute(_INSERTS[len(added)], values)
        return added

    def _write_all(
        self, change: Transaction, texts: Mapping[str, str]
    ) -> tuple[dict[str, int], tuple[Event, ...]]:
        """Write documents and story in one transaction; returns the rows of new documents, and the events with their numbers."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            events = []
            added = self._write(change, texts)
            for event in change.events:
                row = self._db.execute(
                    "INSERT INTO events (at, kind, subject, message, data) VALUES (?, ?, ?, ?, ?)",
                    (event.at, event.kind, event.subject, event.message, json.dumps(event.data)),
                )
                events.append(
                    Event(event.at, event.kind, event.subject, event.message, event.data, row.lastrowid or 0)
                )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return added, tuple(events)

    def _remember(self, change: Transaction, texts: Mapping[str, str], added: Mapping[str, int]) -> None:
        """Have in memory what the database has."""
        for key, document in change.writes.items():
            if document is None:
                if self._documents.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
                    del self._texts[key], self._rows[key]
            else:
                if key not in self._documents:
                    insort(self._keys, key)
                self._documents[key] = document
                self._texts[key] = texts[key]
        self._rows |= added
        self._last_row += len(added)

    def _write(self, change: Transaction, texts: Mapping[str, str]) -> dict[str, int]:
        """Write the documents; returns the rows of those that are new."""
        rows = self._rows
        gone = [(rows[key],) for key in change.writes if key not in texts and key in rows]
        if gone:
            self._db.executemany("DELETE FROM documents WHERE number = ?", gone)
        changed = [(text, rows[key]) for key, text in texts.items() if key in rows]
        if changed:
            self._db.executemany("UPDATE documents SET body = ? WHERE number = ?", changed)
        added = {
            key: self._last_row + n for n, key in enumerate((key for key in texts if key not in rows), 1)
        }
        if added:
            new = [(key, texts[key], number) for key, number in added.items()]
            self._db.executemany("INSERT INTO documents VALUES (?, ?, ?)", new)
        return added

    def watch(self, watcher: Callable[[frozenset[str], tuple[Event, ...]], None]) -> Callable[[], None]:
        """Call `watcher(keys, events)` after each commit; returns the function that stops it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def events(self, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return the story after a sequence number, oldest first."""
        rows = self._db.execute(
            "SELECT at, kind, subject, message, data, seq FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [
            Event(at, kind, subject, message, json.loads(data), seq)
            for at, kind, subject, message, data, seq in rows
        ]

    def next_number(self, counter: str, first: int = 1) -> int:
        """Return the next value of a durable counter (never the same twice, across restarts too)."""
        value = self._counters.get(counter, first - 1) + 1
        self._counters[counter] = value
        if value > self._numbers_kept.get(counter, first - 1):
            self._keep_number(counter, value + _NUMBERS_AHEAD)
        return value

    def _keep_number(self, counter: str, value: int) -> None:
        self._db.execute(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (counter, value),
        )
        self._numbers_kept[counter] = value
