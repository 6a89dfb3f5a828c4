"""The processes that the host started, so that none of them outlives it."""

from __future__ import annotations

import subprocess
import threading
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

GRACE_SECONDS = 2.0


class Children:
    """Starts programs and ends them, one by one or all at once.

    Children stay in the host's process group, which the engine kills as a last resort.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def start(
        self, command: list[str], *, cwd: Path, env: Mapping[str, str], capture: bool
    ) -> subprocess.Popen[bytes]:
        """Start `command`; with `capture` its output is to be read with `stream`, else it goes where the host's goes."""
        pipe = subprocess.PIPE if capture else None
        with self._lock:
            if self._closed:
                raise InterruptedError("the language host is ending")
            child = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
            )
            self._live.add(child)
        return child

    def wait(self, child: subprocess.Popen[bytes]) -> int:
        """Return the child's exit status; negative if a signal ended it."""
        status = child.wait()
        with self._lock:
            self._live.discard(child)
        return status

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """Ask `child` to end, and kill it if it does not within `GRACE_SECONDS`. Returns when it is gone."""
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with self._lock:
            self._live.discard(child)

    def end_all(self, *, for_good: bool) -> None:
        """End every child; `for_good` also refuses to start more."""
        with self._lock:
            self._closed = self._closed or for_good
            live = list(self._live)
        enders = [threading.Thread(target=self.end, args=(child,)) for child in live]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()


def stream(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield ("stdout" or "stderr", bytes) as the child writes them, until it has closed both."""
    chunks: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    def pump(name: str, source: IO[bytes]) -> None:
        with source:
            while chunk := source.read1(65536):  # type: ignore[attr-defined]  # a BufferedReader, which typeshed calls IO
                chunks.put((name, chunk))
        chunks.put((name, b""))

    assert child.stdout is not None  # noqa: S101  streamed children are started with `capture`
    assert child.stderr is not None  # noqa: S101
    for name, source in (("stdout", child.stdout), ("stderr", child.stderr)):
        threading.Thread(target=pump, args=(name, source), daemon=True).start()
    open_streams = 2
    while open_streams:
        name, chunk = chunks.get()
        if chunk:
            yield name, chunk
        else:
            open_streams -= 1
