"""Starting processes, and finding those that belong to a unit."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# SIGXFSZ stays ignored: what writes beyond a full disk is to be told, not killed.
_DEFAULTS = (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SpawnError(Exception):
    """The program could not be executed; `number` is the errno."""

    def __init__(self, program: str, number: int) -> None:
        super().__init__(f"{program}: {os.strerror(number)}")
        self.number = number


def which(program: str, path: str = PATH) -> str | None:
    """Return the executable's path, as a shell finds it."""
    if "/" in program:
        return program
    for folder in path.split(":"):
        candidate = f"{folder}/{program}"
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    return None


def spawn(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    files: tuple[int, int, int],
    cwd: str = "/",
    program: str | None = None,
    terminal: bool = False,
    umask: int = 0o022,
    nice: int = 0,
    open_files: int = 0,
    body: Callable[[], int] | None = None,
) -> int:
    """Start a process in a session of its own and return its pid.

    `files` become its standard input, output and errors; with `terminal` the first becomes its controlling terminal. `body` is
    run instead of a program, in a copy of this process, which is much faster to start; its result is the exit status. `open_files` is
    how many it may have, at most as many as the machine allows; 0: the usual number.

    Raises:
        SpawnError: the program cannot be executed, or the working directory not be entered.
    """
    path = program or which(argv[0], env.get("PATH", PATH))
    if body is None and path is None:
        raise SpawnError(argv[0], 2)
    status, report = os.pipe()
    pid = os.fork()
    if pid:
        os.close(report)
        answer = os.read(status, 16)
        os.close(status)
        if answer:
            os.waitpid(pid, 0)
            raise SpawnError(path or argv[0], int(answer))
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        _place(files)
        if terminal:
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.umask(umask)
        if nice:
            os.nice(nice)
        if open_files:
            import resource

            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(open_files, hard), hard))
        os.chdir(cwd)
        if body is None and path is not None:
            os.execve(path, list(argv), dict(env))
        os.close(report)
        os.closerange(3, 1024)
        os.environ.clear()
        os.environ.update(env)
        if body is not None:
            os._exit(body())
    except OSError as error:
        os.write(report, str(error.errno).encode())
    except BaseException:  # noqa: BLE001 (a copy of the init must never return into its loop)
        import traceback

        traceback.print_exc()
    os._exit(127)


def _place(files: tuple[int, int, int]) -> None:
    """Make the given descriptors 0, 1 and 2, whatever their numbers are now."""
    high = [os.dup2(fd, 100 + index, inheritable=False) for index, fd in enumerate(files)]
    for index, fd in enumerate(high):
        os.dup2(fd, index)


def running(*, unreaped: bool = False) -> dict[int, tuple[int, int, int]]:
    """Return every process of this machine as pid -> (parent, session, when it began, in clock ticks since the boot).

    One whose first thread has ended while others have not is running: it still holds its files and ports. With `unreaped`, those
    that have ended and that the init has yet to hear of are there too.
    """
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                ended = fields[0] == b"Z" and len(os.listdir(f"/proc/{name}/task")) < 2
            except OSError:
                continue
            parent = int(fields[1])
            if not ended or (unreaped and parent == 1):
                found[int(name)] = (parent, int(fields[3]), int(fields[19]))
    return found


def members(
    invocation: str, sessions: set[int], known: dict[int, int], *, unreaped: bool = False
) -> dict[int, int]:
    """Return the processes of a unit, each with when it began; `known` are those that were found before.

    There are no control groups to ask here, so a process belongs to a unit when it is in one of the unit's sessions, carries its
    INVOCATION_ID in its environment, or descends from one that does, and from then on whatever becomes of its parents.
    """
    processes = running(unreaped=unreaped)
    mark = f"INVOCATION_ID={invocation}".encode()
    found = set()
    for pid, (_, session, began) in processes.items():
        if pid == 1:
            continue
        if session in sessions or known.get(pid) == began:
            found.add(pid)
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    found.add(pid)
        except OSError:
            continue
    grown = True
    while grown:
        more = {pid for pid, (parent, *_) in processes.items() if parent in found and pid not in found}
        grown = bool(more)
        found |= more
    return {pid: processes[pid][2] for pid in found}


def adopted(pids: set[int]) -> list[int]:
    """Return those of these whose parent is the init, because the one that started them has left."""
    processes = running()
    return [pid for pid in pids if pid in processes and processes[pid][0] == 1]


def send(pids: set[int], number: int) -> None:
    """Send a signal to each of these that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
