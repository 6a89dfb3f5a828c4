"""Creations under way, noted on disk: what a plugin that was killed had asked for, and the engine was never told of.

The engine forgets a creation whose plugin died, and asks for it again in its next run. The cloud would answer that it exists already, for
ever; so the next plugin takes what it finds, if the very same is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.provider.values import Properties


class Creation:
    """One creation. `again`: it was asked for before, and nobody was told what became of it."""

    def __init__(self, note: Path | None, *, again: bool) -> None:
        self._note, self.again = note, again

    def told(self) -> None:
        """Forget it: the engine knows what became of it."""
        if self._note is not None:
            self._note.unlink(missing_ok=True)


class Creations:
    """Notes in a folder, one a creation: named by the resource, saying a digest of what was asked for. No folder: nothing is noted."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._under_way: set[str] = set()

    @contextlib.contextmanager
    def begun(self, urn: str, inputs: Properties) -> Iterator[Creation]:
        """Note a creation before anything is sent. It stays noted until it is `told`, however this process ends."""
        if self._folder is None or urn in self._under_way:
            yield Creation(None, again=False)
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        note = self._folder / _digest(urn)
        content = _digest(json.dumps(inputs, sort_keys=True, default=repr))
        again = _read(note) == content
        note.write_text(content, encoding="ascii")
        self._under_way.add(urn)
        try:
            yield Creation(note, again=again)
        finally:
            self._under_way.discard(urn)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
