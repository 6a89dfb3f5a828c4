"""The daemon's side of the holder: make it, find it again, kill it. What is known of it is in `run/holder.json`."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import localcloud
from localcloud.clock import Clock, RealClock
from localcloud.dataplane import inhabitants
from localcloud.dataplane.kernel import ENVIRONMENT
from localcloud.dataplane.namespaces import namespace_inode, start_time

if TYPE_CHECKING:
    from localcloud.home import Home

ENDING = ("agent", "worker", "prober")  # the helpers that end with their daemon
PYTHON_ENVIRONMENT = {**ENVIRONMENT, "PYTHONPATH": str(Path(localcloud.__file__).resolve().parents[1])}
_log = logging.getLogger(__name__)
_DEATH_SECONDS = 60.0
_LOOK_EVERY = 0.01
_PATIENCE = 2000  # looks: what helpers have begun takes a moment, unless they hang


class WorldError(RuntimeError):
    """The world could not be made, found or ended; the message says why and what to do."""


@dataclass(frozen=True)
class Holder:
    """A living holder, by its process id and start time as the host numbers them."""

    pid: int
    start_time: int


def _record(home: Home) -> Path:
    return home.run / "holder.json"


def claim(home: Home) -> int:
    """Take the folder's lock for this process; return its descriptor, to be closed at the end. Raises WorldError if it is taken."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home.run / "world.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        msg = f"{home.path}: another process runs this local cloud; stop it first, or set LOCALCLOUD_HOME to another folder"
        raise WorldError(msg) from error
    return descriptor


def find(home: Home) -> Holder | None:
    """Return the holder that the record names, if it still lives and is the same process."""
    try:
        record = json.loads(_record(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    pid = int(record["pid"])
    if start_time(pid) != record["start_time"] or namespace_inode(pid, "user") != record["user_namespace"]:
        return None
    return Holder(pid, record["start_time"])


async def outlast_helpers(home: Home, clock: Clock | None = None) -> int:
    """Wait until what an earlier daemon's helpers have begun is done; return a lock's descriptor, to be held by one's own helpers.

    They end with their daemon, but not in the midst of something: two daemons' would otherwise be at work in one world. Those that have not
    ended after a long time hang, and are killed. `clock` is this machine's, in real seconds.

    Raises WorldError if they do not end.
    """
    clock = clock or RealClock()
    descriptor = os.open(home.run / "helpers.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(_PATIENCE):  # looks that this process has lived through, and not time that has gone by
            if _taken(descriptor):
                return descriptor
            await clock.sleep(_LOOK_EVERY)
        holder = find(home)
        count = 0 if holder is None else sum(inhabitants.end(holder.pid, role) for role in ENDING)
        _log.warning("%d helpers of an earlier daemon had not ended and are killed", count)
        async with asyncio.timeout(_DEATH_SECONDS):
            while not _taken(descriptor):
                await clock.sleep(_LOOK_EVERY)
    except TimeoutError as error:
        os.close(descriptor)
        msg = f"{home.path}: helpers of an earlier daemon do not end, though they were killed; stop the cloud and start it again"
        raise WorldError(msg) from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def create(home: Home, lock: int) -> Holder:
    """Make a world. The lock goes along, so that nobody else looks while it is being made. Raises WorldError."""
    command = [sys.executable, "-m", "localcloud.dataplane.holder", str(home.path), str(_record(home))]
    result = await asyncio.to_thread(
        subprocess.run,
        command,
        env=PYTHON_ENVIRONMENT,
        capture_output=True,
        text=True,
        pass_fds=(lock,),
        check=False,
    )
    holder = find(home)
    if result.returncode != 0 or holder is None:
        words = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
        msg = (
            f"this machine does not let an ordinary user make namespaces: {words[0]}; check kernel.unprivileged_userns_clone and "
            "user.max_user_namespaces, and on Ubuntu 23.10 or later kernel.apparmor_restrict_unprivileged_userns (set it to 0)"
        )
        raise WorldError(msg)
    return holder


async def end(home: Home, holder: Holder) -> None:
    """Kill the holder and wait until the kernel has ended every process of its world. Raises WorldError if it does not."""
    try:
        descriptor = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        descriptor = -1
    if descriptor >= 0:
        try:
            if find(home) == holder:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                # a process that was PID 1 of its namespace is dead only when all others in it are
                await ended(descriptor, "the world's processes")
        finally:
            os.close(descriptor)
    _record(home).unlink(missing_ok=True)


async def ended(descriptor: int, what: str) -> None:
    """Wait until the process behind a pidfd, which has been killed, has ended. Raises WorldError if it does not."""
    try:
        async with asyncio.timeout(_DEATH_SECONDS):
            await over(descriptor)
    except TimeoutError as error:
        msg = f"{what} did not end within {_DEATH_SECONDS:g} s of being killed"
        raise WorldError(msg) from error


async def over(descriptor: int) -> None:
    """Wait until the process behind a pidfd has ended."""
    loop = asyncio.get_running_loop()
    dead: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, lambda: None if dead.done() else dead.set_result(None))
    try:
        await dead
    finally:
        loop.remove_reader(descriptor)


def is_dead(descriptor: int) -> bool:
    """Return whether the process behind a pidfd has ended."""
    return bool(select.select([descriptor], [], [], 0)[0])
