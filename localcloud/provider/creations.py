"""Creations under way, noted on disk: what a plugin that was killed had asked for, and the engine was never told of.

The engine forgets a creation whose plugin died, and asks for it again in its next run. The cloud would answer that it exists already, for
ever; so the next plugin takes what it finds, if the very same is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, OperationError, PartialError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    import grpc

    from localcloud.provider.values import Properties


class Creations:
    """Notes in a folder, one a creation: named by the resource, saying a digest of what was asked for. No folder: nothing is noted."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._last: dict[str, Creation] = {}  # by resource, of this process's

    @contextlib.contextmanager
    def begun(self, urn: str, inputs: Properties) -> Iterator[Creation]:
        """Note a creation before anything is sent. It stays noted until it is `told`, however this process ends."""
        before = self._last.get(urn)
        if self._folder is None or (before is not None and before.under_way):
            yield Creation()
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        note = self._folder / _digest(urn)
        content = _digest(json.dumps(inputs, sort_keys=True, default=repr))
        # of one that is decided, and whose answer is just being sent, there may be a note still
        again = (before is None or not before.decided) and _read(note) == content
        note.write_text(content, encoding="ascii")
        made = self._last[urn] = Creation(again=again, forget=lambda: self._forget(urn, made, note))
        made.under_way = True
        try:
            yield made
        finally:
            made.under_way = False

    def _forget(self, urn: str, creation: Creation, note: Path) -> None:
        if self._last.get(urn) is creation:  # and no later one has noted the same
            note.unlink(missing_ok=True)
            del self._last[urn]


class Creation:
    """One creation. `again`: it was asked for before, and nobody was told what became of it."""

    def __init__(self, *, again: bool = False, forget: Callable[[], None] = lambda: None) -> None:
        self.again, self._forget = again, forget
        self.under_way = self.decided = False

    def decide(self) -> None:
        """Learn what became of it; the engine is about to be told."""
        self.decided = True

    def told(self) -> None:
        """Forget it: the engine was told."""
        self._forget()


async def decided(
    creation: Creation, making: Awaitable[tuple[str, Properties]], context: grpc.aio.ServicerContext
) -> tuple[str, Properties]:
    """Await what a creation comes to, and forget it once the engine was told: unless nobody knows what came of it."""
    known = True
    try:
        return await making
    except (PartialError, ApiError, OperationError):
        raise  # it exists and is kept, or was refused
    except BaseException:
        known = False
        raise
    finally:
        if known:
            creation.decide()
            context.add_done_callback(lambda _: creation.told())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
