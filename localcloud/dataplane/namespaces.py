"""The few system calls Python 3.11 does not offer: making and entering namespaces, and giving up capabilities for good."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_MS_HARMLESS = 2 | 4 | 8  # MS_NOSUID, MS_NODEV, MS_NOEXEC
_MS_BIND = 0x1000
_MS_REC_PRIVATE = 0x4000 | 0x40000

_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAP_SETFCAP = 31
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process (for CLONE_NEWPID: its future children) into new namespaces. Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace behind a descriptor of /proc/PID/ns/*; `kind` is the CLONE_NEW... it must be. Raises OSError."""
    _checked(_libc.setns(descriptor, kind), "setns")


def enter(pid: int, kinds: dict[str, int]) -> None:
    """Enter several namespaces of a process: {"user": CLONE_NEWUSER, ...}, in this order."""
    descriptors = [
        (os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in kinds.items()
    ]
    for descriptor, kind in descriptors:
        setns(descriptor, kind)
        os.close(descriptor)


def mount_own_proc() -> None:
    """Give this process a mount namespace of its own whose /proc numbers processes as its PID namespace does.

    Sandboxes open /proc/PID of their children: with another namespace's /proc they find nobody, or somebody else. Raises OSError.
    """
    unshare(CLONE_NEWNS)
    _checked(_libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None), "mount(/, private)")
    _checked(_libc.mount(b"proc", b"/proc", b"proc", _MS_HARMLESS, None), "mount(/proc)")


def mount_memory(place: Path) -> None:
    """Mount an empty file system over a folder. Raises OSError."""
    _checked(
        _libc.mount(b"none", bytes(place), b"tmpfs", _MS_HARMLESS, b"mode=755,size=1m"), f"mount({place})"
    )


def bind(source: Path, place: Path) -> None:
    """Let a folder be found in a second place. Raises OSError."""
    _checked(_libc.mount(bytes(source), bytes(place), None, _MS_BIND, None), f"mount({place})")


def no_new_privileges() -> None:
    """Let no program that is executed from now on have more rights than its caller."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def drop_capabilities() -> None:
    """Leave this process, and whatever it executes, with no capability in its user namespace that reaches its links.

    CAP_SETFCAP stays: Linux wants it of whoever maps this namespace's root into a user namespace of its own, as a sandbox does. It is
    power over file capabilities alone. A user namespace made later is its maker's own affair: there it is powerful, and over this
    one's links it is not.
    """
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    for capability in range(last + 1):
        if capability != _CAP_SETFCAP:
            _checked(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl(PR_CAPBSET_DROP)")
    _checked(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    kept = 1 << _CAP_SETFCAP
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)), "capset")
    no_new_privileges()


def default_signals() -> None:
    """Undo what Python and the agent changed about signals, for a program about to be executed."""
    for number in (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGCHLD,
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def namespace_inode(pid: int | str, kind: str) -> int | None:
    """Return the identity of a process's namespace, or None if the process is gone or not ours to look at."""
    try:
        return Path(f"/proc/{pid}/ns/{kind}").stat().st_ino
    except OSError:
        return None


def start_time(pid: int) -> int | None:
    """Return when a process started (clock ticks since boot; with the pid it names a process for good), or None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])
