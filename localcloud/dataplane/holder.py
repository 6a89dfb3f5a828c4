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

from localcloud.dataplane.namespaces import CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER, start_time, unshare


def _map_identity(uid: int, gid: int) -> None:
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")


def make(name: str) -> int:
    """Make the world's namespaces with this (single-threaded) process; return the holder's pid as the caller numbers it."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    _map_identity(uid, gid)
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
