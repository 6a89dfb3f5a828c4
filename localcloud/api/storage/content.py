"""Objects' bytes: one file per object and generation, complete or not there at all."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import google_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """What was written: size in bytes, and both checksums as Cloud Storage spells them (base64).

    `components`: of how many objects it was composed; 0 if it was not. What is composed has no MD5.
    """

    size: int
    md5: str
    crc32c: str
    components: int = 0


class Writer:
    """A file in the making; `commit` gives it its name, `discard` forgets it."""

    def __init__(self, file: Path, *, resume: bool = False) -> None:
        self.path = file
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc = 0
        self.size = 0
        self._file: BinaryIO = file.open("ab" if resume else "xb")
        if resume:
            with file.open("rb") as written:
                while chunk := written.read(_CHUNK):
                    self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self._md5.update(chunk)
        self._crc = google_crc32c.extend(self._crc, chunk)
        self.size += len(chunk)

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)
        self._count(chunk)

    def pause(self) -> None:
        """Close the file, to be resumed later."""
        self._file.close()

    def finish(self) -> Stored:
        """Make what was written durable and return its checksums."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Stored(
            self.size,
            base64.b64encode(self._md5.digest()).decode(),
            base64.b64encode(self._crc.to_bytes(4, "big")).decode(),
        )

    def discard(self) -> None:
        """Forget what was written."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Content:
    """The folder of all objects' bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = folder / "drafts"
        self._drafts.mkdir(parents=True, exist_ok=True)

    def writer(self) -> Writer:
        """Begin a new file."""
        return Writer(self._drafts / secrets.token_hex(16))

    def resume(self, name: str) -> Writer:
        """Go on with a file that was paused; FileNotFoundError if it is gone."""
        path = self._drafts / name
        if not path.exists():
            raise FileNotFoundError(path)
        return Writer(path, resume=True)

    def keep(self, writer: Writer, bucket: str, name: str, generation: str) -> None:
        """Give a finished file its object's place. Until this, nothing of it is seen."""
        target = self.path(bucket, name, generation)
        target.parent.mkdir(exist_ok=True)
        writer.path.replace(target)

    def link(self, source: Path, bucket: str, name: str, generation: str) -> None:
        """Give an object the bytes of another one, which never change."""
        target = self.path(bucket, name, generation)
        target.parent.mkdir(exist_ok=True)
        target.hardlink_to(source)

    def path(self, bucket: str, name: str, generation: str) -> Path:
        """Return where an object's bytes are; names are hashed, for an object's name may be anything."""
        digest = hashlib.sha256(f"{bucket}\0{name}\0{generation}".encode()).hexdigest()
        return self._folder / digest[:2] / digest

    def read(self, path: Path, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes [start, end)."""
        with path.open("rb") as file:
            file.seek(start)
            left = end - start
            while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk

    def remove(self, bucket: str, name: str, generation: str) -> None:
        """Forget an object's bytes."""
        self.path(bucket, name, generation).unlink(missing_ok=True)

    def sweep(self, known: Iterable[tuple[str, str, str]], drafts: Iterable[str]) -> int:
        """Remove files that belong to no object (a crash came between file and store); returns how many."""
        kept = {self.path(*entry) for entry in known} | {self._drafts / name for name in drafts}
        stray = [file for file in self._folder.glob("*/*") if file.is_file() and file not in kept]
        for file in stray:
            file.unlink()
        return len(stray)
