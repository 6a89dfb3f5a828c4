"""Processes that are written down in a cloud's `run/` by number and start time, so that nobody else is taken for them later."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class ProcessRecord:
    """Which process it is. The start time (clock ticks since boot) tells it from a later process with its number."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessRecord | None:
        """Describe a living process, or None if there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in {"Z", "X"} else cls(pid, int(fields[19]))

    @classmethod
    def mine(cls) -> ProcessRecord:
        """Describe this process."""
        found = cls.of(os.getpid())
        assert found is not None  # noqa: S101  - this process is alive
        return found

    @classmethod
    def read(cls, file: Path) -> ProcessRecord | None:
        """Return who is written down, alive or not."""
        try:
            return cls(**json.loads(file.read_text()))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None

    @classmethod
    def living(cls, file: Path) -> ProcessRecord | None:
        """Return who is written down, if it lives."""
        found = cls.read(file)
        return found if found is not None and cls.of(found.pid) == found else None

    def write(self, file: Path) -> None:
        """Write it down, replacing whoever was, at once."""
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(file)

    @contextlib.contextmanager
    def handle(self) -> Iterator[int | None]:
        """Yield a pidfd of it, which is readable once it has ended; None if it has."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            yield descriptor if self.of(self.pid) == self else None
        finally:
            os.close(descriptor)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        with self.handle() as handle, contextlib.suppress(ProcessLookupError):
            if handle is not None:
                signal.pidfd_send_signal(handle, number)

    async def ended(self) -> None:
        """Wait until it has ended."""
        with self.handle() as handle:
            if handle is None:
                return
            import asyncio  # noqa: PLC0415 - commands that only look at records need none

            loop = asyncio.get_running_loop()
            over = asyncio.Event()
            loop.add_reader(handle, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(handle)


def start_recorded(
    command: Sequence[str],
    record: Path,
    log: Path,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, and write it down.

    It is told so by a line on its standard input, and ends if that is closed without one: so whoever is killed here, at whatever moment,
    leaves nobody who is not written down.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=descriptors,
            env=environment,
        )
    found = ProcessRecord.of(child.pid)
    assert child.stdin is not None  # noqa: S101  - as asked for
    with contextlib.suppress(BrokenPipeError), child.stdin:
        if found is not None:
            found.write(record)
            child.stdin.write(b"\n")
    return child
