"""Makes a world and its holder: `python -m localcloud.dataplane.holder NAME RECORD` writes RECORD when the holder lives.

The holder is PID 1 of the world's PID namespace, sits in the router's network namespace, and only sleeps: while it lives, the
world lives; when it is killed, the kernel kills every process of the world with it. The record is written here and not by the
daemon, so that no moment exists at which killing the daemon would leave a world that nobody knows.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from localcloud import kernel_counts
from localcloud.dataplane import machine_user
from localcloud.dataplane.namespaces import CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER, start_time, unshare


def _enter_user_namespace() -> None:
    """Make a user namespace with this process as its root. A helper that stays outside writes the maps: root's has two users."""
    maker, user, group = os.getpid(), os.geteuid(), os.getegid()
    other = machine_user.host_user() if user == 0 else None
    waiting, made = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(made)
        os.read(waiting, 1)
        machine_user.map_users(maker, user, group, other)
        os._exit(0)
    limits = kernel_counts.of_all(kernel_counts.of_user())
    unshare(CLONE_NEWUSER)
    os.close(waiting)
    os.close(made)
    if os.waitpid(helper, 0)[1] != 0:
        msg = "its users cannot be mapped"
        raise PermissionError(msg)
    kernel_counts.put_in_force(limits)  # what is left is the user's own, whatever the instances do


def make(name: str) -> int:
    """Make the world's namespaces with this (single-threaded) process; return the holder's pid as the caller numbers it."""
    _enter_user_namespace()
    unshare(CLONE_NEWNET | CLONE_NEWPID)
    sleep = shutil.which("sleep") or "/bin/sleep"
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        os.closerange(3, 1 << 16)
        # ignored children need no reaping, and an ignored signal stays ignored in the program executed
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.execve(sleep, [f"localcloud-holder:{name}", "infinity"], {})  # noqa: S606 - a fixed program, no shell
    return pid


def main() -> None:
    """Make the world and write down who holds it: {"pid", "start_time", "user_namespace"}, in the caller's numbering."""
    name, record = sys.argv[1], Path(sys.argv[2])
    pid = make(name)
    content = {
        "pid": pid,
        "start_time": start_time(pid),
        "user_namespace": Path("/proc/self/ns/user").stat().st_ino,
    }
    draft = record.with_suffix(".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(record)


if __name__ == "__main__":
    main()
