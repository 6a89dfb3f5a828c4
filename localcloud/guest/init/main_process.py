"""A unit's main process: which it is, what its end means, and when the unit is started again."""

from __future__ import annotations

import os

from . import policy, process
from .journal import NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service

_LOOK_AGAIN = 0.02  # seconds


class MainProcess:
    """The main process of one unit, or the command that stands for it while the unit is being started."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def take(self, pid: int) -> None:
        """Have this one be it: the end of another means nothing from now on."""
        self._service.main_pid = self._service.exec_pid = pid

    def watch(self, pid: int) -> None:
        """Have this one be it that nobody of us started: what has been left behind is adopted, and its end is told to the init."""
        service = self._service
        self.take(pid)
        gone = service.within_run(self.gone)
        service.manager.loop.on_exit(pid, lambda status: gone(status) if service.main_pid == pid else None)

    def gone(self, status: int) -> None:
        """Handle its end; `status` is its wait status."""
        service = self._service
        if service.active in {"inactive", "failed"}:
            return
        command = service.kind == "forking" and service.active == "activating"
        if not command and self._moved():
            return
        service.main_pid = 0
        service.main_status = status
        clean = policy.is_clean(service.file, status, oneshot=command or service.kind == "oneshot")
        if not clean:
            self.failed(status, "Control" if command else "Main")
        if service.stopping:
            service.stop_job.look()
        elif command and clean:
            service.main_status = None
            self._forked()
        elif clean and self._remains():
            pass
        else:
            if clean and not service.started and service.kind.startswith("notify"):
                service.result = "protocol"  # it never said that it was ready
            service.stop_job.fall()

    def failed(self, status: int, whose: str) -> None:
        """Take note that a process of the unit has failed, and say so; the first failure is what the unit ends with."""
        service = self._service
        if service.result == "success":
            service.result = policy.failure(status)
        service.say(f"{service.name}: {whose} process exited, {policy.describe(status)}", priority=NOTICE)

    def orphan_gone(self) -> None:
        """See whether a unit that is up without a main process that is known of has still any."""
        service = self._service
        if service.sub == "running" and not service.main_pid and not service.pids():
            service.stop_job.fall()

    def restart(self) -> None:
        """Start the unit once more because of Restart=."""
        service = self._service
        service.cancel()
        service.restarts += 1
        service.say(f"{service.name}: Scheduled restart job, restart counter is at {service.restarts}.")
        if service.start_job.allowed():
            service.start_job.begin()

    def _remains(self) -> bool:
        """Whether the unit goes on after its main process's good end."""
        service = self._service
        if service.kind == "oneshot" and not service.started:
            service.main_pid = 0
            service.start_job.up()
            return True
        if not service.file.flag("Service", "RemainAfterExit") or service.kind == "forking":
            return False
        if service.started:
            service.set("active", "exited")
        # else: its commands after the start are still at work, and find that it has gone
        return True

    def _moved(self) -> bool:
        """Whether it has gone on as another process and has said so in its PID file."""
        service = self._service
        pid = self._pid_in_file() if service.kind == "forking" and not service.stopping else 0
        if pid in {0, service.main_pid}:
            return False
        service.say(f"{service.name}: Supervising process {pid} which is now the main process.")
        self.watch(pid)
        return True

    def _forked(self, *, told: bool = False) -> None:
        """Take the daemon that the command has left behind for the main process: the one in the PID file, or the only one there is."""
        service = self._service
        if service.active != "activating" or service.stopping:
            return
        if not service.file.get("Service", "PIDFile"):
            left = process.adopted(service.pids())
            if len(left) == 1:
                self.watch(left[0])
            service.start_job.up()
            return
        pid = self._pid_in_file()
        if pid:
            self.watch(pid)
            service.start_job.up()
        elif not service.pids():
            service.result = "protocol"
            service.stop_job.fall()
        else:  # until there is one, or TimeoutStartSec= is over
            if not told:
                path = service.file.get("Service", "PIDFile")
                service.say(
                    f"{service.name}: Can't open PID file {path} (yet?) after start.", priority=NOTICE
                )
            again = service.within_run(lambda _: self._forked(told=True))
            service.manager.loop.later(_LOOK_AGAIN, lambda: again(0))

    def _pid_in_file(self) -> int:
        """Return the process of this unit that is named in its PID file; 0 if there is none."""
        service = self._service
        path = policy.pid_file(service.file)
        try:
            with open(path, encoding="ascii") as file:
                pid = int(file.read().strip())
        except (OSError, ValueError):
            return 0
        if pid in service.pids():
            return pid
        if pid in process.running():
            service.say(
                f"{service.name}: New main PID {pid} does not belong to service, refusing.", priority=WARNING
            )
        return 0


def forget_pid_file(service: Service) -> None:
    """Remove the PID file of a unit that has ended, which would be taken for its next run's."""
    path = policy.pid_file(service.file)
    if path:
        try:
            os.unlink(path)
        except OSError:
            pass
