"""Servers as processes: where their programs are, and when they listen."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.cache import Cache
from toolchain.progress import Progress
from toolchain.python_environment import PythonEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 60.0  # seconds until a server that was started listens
_LOCK = Path(__file__).with_name("requirements.lock")


def programs() -> Path:
    """Return the folder of the programs of moto and gcplocal, in an environment in the cache that is made if it is not there.

    Raises:
        ToolchainError: it could not be made.
    """
    return PythonEnvironment("emulators", _LOCK).ensure(Cache.default(), Progress()) / "bin"


@contextmanager
def serving(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a server that will listen on this port of 127.0.0.1; yields its process id, and ends it."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_listening(port, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def await_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the process listens.

    Raises:
        RuntimeError: it ended.
        ConnectionRefusedError: it does not listen after a minute.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended with status {process.returncode}") from None
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
