"""A store in memory that counts what is asked of it and written to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.store import Document


@dataclass(frozen=True)
class Traffic:
    """How many documents were asked for by their keys, how many keys were listed, and how many documents were written."""

    read: int = 0
    listed: int = 0
    written: int = 0

    def __sub__(self, earlier: Traffic) -> Traffic:
        """Return what came since."""
        return Traffic(self.read - earlier.read, self.listed - earlier.listed, self.written - earlier.written)


class ReadingStore(Store):
    """Counts. What a scan yields counts as listed."""

    def __init__(self) -> None:
        super().__init__()
        self._read = self._listed = self._written = 0
        self.watch(self._count)

    @property
    def traffic(self) -> Traffic:
        """What there was so far."""
        return Traffic(self._read, self._listed, self._written)

    def get(self, key: str) -> Document | None:
        """Count one more document."""
        self._read += 1
        return super().get(key)

    def keys(self, prefix: str) -> Sequence[str]:
        """Count the keys."""
        found = super().keys(prefix)
        self._listed += len(found)
        return found

    def _count(self, keys: frozenset[str], _events: object) -> None:
        self._written += len(keys)
