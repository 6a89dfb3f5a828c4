"""Taking a unit down: its stop commands, the signals to its processes, and what is cleared away when they have gone.

A unit is down when nothing of it runs any more and all ends of its processes have been heard of. Only then may it be started again: a
process that is on its way out still holds its ports, and what is heard late would be taken for the end of the next run.
"""

from __future__ import annotations

import signal

from . import policy, process
from .journal import ERROR, WARNING
from .main_process import forget_pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Timer
    from .service import Service

_LOOK_AGAIN = 0.02  # seconds


class StopJob:
    """The stop of one unit. `requested` where somebody asked for it; else it ended by itself, or its start has failed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._again: Timer | None = None
        self.requested = False

    def begin(self) -> None:
        """Stop the unit because it was asked for."""
        service = self._service
        self.requested = True
        if service.kind == "target":
            service.say(f"Stopped target {service.title}.")
            service.set("inactive", "dead")
            service.finish_stop()
            return
        service.say(f"Stopping {service.title}...")
        self._commands()

    def fall(self) -> None:
        """Take down what is left of a unit that has ended by itself, or could not be started."""
        self.requested = False
        self._commands()

    def signal(self) -> None:
        """Ask its processes to end, and see to it that they do."""
        service = self._service
        service.stopping = True
        service.set("deactivating", "stop-sigterm")
        targets = self._targets()
        process.send(targets, policy.kill_signal(service.file))
        process.send(targets, signal.SIGCONT)  # who stands still hears nothing
        service.limit(policy.timeout(service.file, "TimeoutStopSec"), self._timed_out)
        self.look()

    def look(self) -> None:
        """See whether all that must go has gone, now and from time to time: nobody tells the init of the ends of others' children."""
        service = self._service
        if self._again is not None:
            self._again.cancel()
        if service.sub not in {"stop-sigterm", "stop-sigkill"}:
            return
        if self._left():
            self._again = service.manager.loop.later(_LOOK_AGAIN, self.look)
        else:
            self._after()

    def _commands(self) -> None:
        """Run the stop commands, which only those have to whom something can be said; then signal what is left."""
        service = self._service
        service.stopping = True
        service.set("deactivating", "stop")
        done = service.kind == "oneshot" and service.result == "success" and not self.requested
        if not service.started and not done:
            self.signal()
            return
        service.limit(policy.timeout(service.file, "TimeoutStopSec"), self._command_timed_out)
        service.run("ExecStop", service.within_run(self._commanded))

    def _commanded(self, status: int) -> None:
        service = self._service
        if status != 0:
            service.main.failed(status, "Control")
        if service.sub == "stop":
            self.signal()

    def _command_timed_out(self) -> None:
        service = self._service
        service.say(f"{service.name}: Stopping timed out. Terminating.", priority=WARNING)
        service.result = "timeout"
        self.signal()

    def _targets(self) -> set[int]:
        """Return whom the signals are for."""
        service = self._service
        mode = policy.kill_mode(service.file)
        if mode == "none":
            return set()
        if mode == "control-group":
            return service.pids()
        return service.pids() & {service.main_pid, service.control_pid}

    def _left(self) -> set[int]:
        """Return those that have to go and have not, or whose end has not been heard of."""
        service = self._service
        mode = policy.kill_mode(service.file)
        if mode == "none":
            return set()
        left = service.pids(unreaped=True)
        if mode == "control-group":
            return left
        first = left & {service.main_pid, service.control_pid}
        if mode == "mixed" and not first:
            process.send(left, signal.SIGKILL)
            return left
        return first

    def _timed_out(self) -> None:
        service = self._service
        service.result = "timeout"
        if not service.file.flag("Service", "SendSIGKILL", default=True):
            service.say(
                f"{service.name}: State 'stop-sigterm' timed out. Skipping SIGKILL.", priority=WARNING
            )
            self._after()
            return
        service.say(f"{service.name}: State 'stop-sigterm' timed out. Killing.", priority=WARNING)
        service.set("deactivating", "stop-sigkill")
        targets = service.pids() if policy.kill_mode(service.file) == "mixed" else self._targets()
        process.send(targets, signal.SIGKILL)
        service.limit(policy.timeout(service.file, "TimeoutStopSec"), self._given_up)
        self.look()

    def _given_up(self) -> None:
        service = self._service
        service.say(f"{service.name}: Processes still around after SIGKILL. Ignoring.", priority=WARNING)
        self._after()

    def _after(self) -> None:
        """Run the commands that come after the stop."""
        service = self._service
        service.cancel()
        service.set("deactivating", "stop-post")
        service.limit(policy.timeout(service.file, "TimeoutStopSec"), self._dead)
        service.run("ExecStopPost", service.within_run(self._ended))

    def _ended(self, status: int) -> None:
        service = self._service
        if service.sub != "stop-post":
            return
        if status != 0:
            service.main.failed(status, "Control")
        self._dead()

    def _dead(self) -> None:
        service = self._service
        service.cancel()
        service.main_pid = 0
        failed = service.result != "success"
        forget_pid_file(service)
        for folder in service.file.words("Service", "RuntimeDirectory"):
            import shutil  # here: few units need it, and every boot would wait for it

            shutil.rmtree(f"/run/{folder}", ignore_errors=True)
        if failed:
            service.say(f"{service.name}: Failed with result '{service.result}'.", priority=WARNING)
        else:
            service.say(f"{service.name}: Deactivated successfully.")
        if self.requested:
            service.say(f"Stopped {service.title}.")
        elif not service.started and failed:
            service.say(f"Failed to start {service.title}.", priority=ERROR)
        elif not service.started and service.kind == "oneshot":
            service.say(f"Finished {service.title}.")
        service.set("failed" if failed else "inactive", "failed" if failed else "dead")
        service.finish_start(service.result if failed else "canceled" if self.requested else "")
        if not self.requested and policy.restarts(service.file, service.main_status, service.result):
            service.set("activating", "auto-restart")
            service.later(service.file.seconds("Service", "RestartSec", 0.1), service.main.restart)
        elif failed:
            service.manager.on_failure(service)
        service.finish_stop()
