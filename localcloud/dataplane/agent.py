"""The agent: a fork server inside the world. `python -m localcloud.dataplane.agent HOLDER DESCRIPTOR LOCK`, started by the daemon.

It keeps no state. Each request on its control socket brings one end of a socket pair and names what to fork to serve it: a worker
(rules, machines), the prober, the door, or the delayer. It ends when the daemon's end of the control socket closes; of what it forked only
the door, the delayer and the machines stay.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.dataplane import delayer, door, prober, wire, worker
from localcloud.dataplane.inhabitants import called
from localcloud.dataplane.namespaces import CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER, enter

if TYPE_CHECKING:
    from collections.abc import Callable

ROLES: dict[str, Callable[[socket.socket], None]] = {
    "worker": worker.serve,
    "prober": prober.serve,
    "door": door.serve,
    "delayer": delayer.serve,
}


# What outlives the daemon must not seem to be at work for it: see `holding.outlast_helpers`.
_OUTLIVING = frozenset({"door", "delayer"})


def _fork(role: str, descriptor: int, control: socket.socket, lock: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        control.close()
        if role in _OUTLIVING:
            os.close(lock)
        _be_called(role)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        with socket.socket(fileno=descriptor) as connection:
            ROLES[role](connection)
        status = 0
    except BaseException:  # noqa: BLE001 - the last frame of a forked process: report, and never return into the agent's
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def _be_called(role: str) -> None:
    """Show in lists of processes what this one is."""
    Path("/proc/self/comm").write_text(called(role), encoding="ascii")


def serve(control: socket.socket, lock: int) -> None:
    """Fork a helper for each request, until the daemon is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the helpers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assembler = wire.Assembler()
    while assembler.receive(control):
        while (item := assembler.pop()) is not None:
            message, descriptors = item
            pid = _fork(str(message["role"]), descriptors[0], control, lock)
            os.close(descriptors[0])
            wire.send(control, {"pid": pid})


def main() -> None:
    """Enter the world and serve in a grandchild.

    A process never changes its own PID namespace, so a child is needed; and the child's parent is outside, so that only the host
    could reap it, which would keep the world from ending. The grandchild's parent, once the child is gone, is the holder.
    """
    holder, descriptor, lock = (int(each) for each in sys.argv[1:4])
    enter(holder, {"user": CLONE_NEWUSER, "net": CLONE_NEWNET, "pid": CLONE_NEWPID})
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    with socket.socket(fileno=descriptor) as control:
        _be_called("agent")
        serve(control, lock)


if __name__ == "__main__":
    main()
